//! Tells when one of some files was changed, made, replaced or removed: inotify on the folders they lie
//! in. What a change means is for whoever asked.

use std::{
    collections::{BTreeSet, HashMap},
    ffi::OsString,
    fs, io,
    os::{
        fd::{AsFd, AsRawFd, RawFd},
        unix::fs::MetadataExt,
    },
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use nix::{
    errno::Errno,
    sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor},
};
use tokio::{
    io::unix::AsyncFd,
    time::{Instant, timeout_at},
};

/// A burst is over when nothing came for this long.
const SETTLE: Duration = Duration::from_millis(50);
/// A burst that does not end is told after this long.
const LONGEST_BURST: Duration = Duration::from_millis(500);

/// Some files that are being watched.
#[derive(Debug)]
pub(crate) struct FileWatch {
    inotify: AsyncFd<Source>,
    folders: HashMap<WatchDescriptor, Vec<Watched>>,
    /// Found changed, and not told yet: kept here so that a caller may stop waiting at any point.
    found: BTreeSet<PathBuf>,
}

/// One file: as it was given, its name, and what lay there when we last looked.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    name: OsString,
    seen: Option<Print>,
}

/// What tells a file from the one that lay there before.
#[derive(Debug, PartialEq, Eq)]
struct Print {
    inode: (u64, u64),
    bytes: u64,
    modified: Option<SystemTime>,
}

/// `AsyncFd` asks for the number of the descriptor.
#[derive(Debug)]
struct Source(Inotify);

impl AsRawFd for Source {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl FileWatch {
    /// Watches these files; they need not exist, but their folders must.
    pub(crate) fn new(files: &[PathBuf]) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let mut folders: HashMap<WatchDescriptor, Vec<Watched>> = HashMap::new();
        for path in files {
            let name = path.file_name().ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidInput, format!("{} names no file", path.display()))
            })?;
            let folder = match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            // The folder and not the file: a file that is replaced takes its watch away with it. Not each
            // write is told, only the close after it: half a file is of no use to anybody.
            let events = AddWatchFlags::IN_CREATE
                | AddWatchFlags::IN_CLOSE_WRITE
                | AddWatchFlags::IN_MOVE
                | AddWatchFlags::IN_DELETE
                | AddWatchFlags::IN_MOVE_SELF
                | AddWatchFlags::IN_ONLYDIR;
            let id = inotify.add_watch(folder, events).map_err(|cause| {
                io::Error::new(io::Error::from(cause).kind(), format!("{}: {cause}", folder.display()))
            })?;
            let watched = Watched { path: path.clone(), name: name.to_owned(), seen: print(path) };
            folders.entry(id).or_default().push(watched);
        }
        #[expect(
            deprecated,
            reason = "its successor is unsafe, which is not for this crate; `Source` keeps what that asks for: one \
                      descriptor, open as long as it lives"
        )]
        let inotify = AsyncFd::new(Source(inotify))?;
        Ok(Self { inotify, folders, found: BTreeSet::new() })
    }

    /// Waits until some of them have changed, and tells which. May be dropped and called again at any
    /// time. An error: a folder is gone, or the kernel will tell no more; asking again makes no sense.
    pub(crate) async fn changed(&mut self) -> io::Result<Vec<PathBuf>> {
        while self.found.is_empty() {
            self.read().await?;
        }
        let end = Instant::now() + LONGEST_BURST;
        loop {
            let quiet = (Instant::now() + SETTLE).min(end);
            match timeout_at(quiet, self.read()).await {
                Ok(outcome) => outcome?,
                Err(_) => return Ok(std::mem::take(&mut self.found).into_iter().collect()),
            }
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        let mut guard = self.inotify.readable_mut().await?;
        let events = match guard.get_inner().0.read_events() {
            Ok(events) => events,
            Err(Errno::EAGAIN) => {
                guard.clear_ready();
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        drop(guard);
        events.into_iter().try_for_each(|event| self.note(&event))
    }

    fn note(&mut self, event: &InotifyEvent) -> io::Result<()> {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            // What was lost could be about any of them.
            self.found.extend(self.folders.values().flatten().map(|watched| watched.path.clone()));
            return Ok(());
        }
        let Some(here) = self.folders.get_mut(&event.wd) else { return Ok(()) };
        if event.mask.intersects(AddWatchFlags::IN_IGNORED | AddWatchFlags::IN_MOVE_SELF) {
            return Err(io::Error::new(io::ErrorKind::NotFound, "a watched folder was removed or renamed"));
        }
        for watched in here {
            // Another name counts too: a link on the way to our file may have been turned, which is how
            // secrets are replaced in containers.
            let now = print(&watched.path);
            if event.name.as_ref() == Some(&watched.name) || now != watched.seen {
                watched.seen = now;
                self.found.insert(watched.path.clone());
            }
        }
        Ok(())
    }
}

/// `None`: there is nothing to be read.
fn print(path: &Path) -> Option<Print> {
    let data = fs::metadata(path).ok()?;
    Some(Print { inode: (data.dev(), data.ino()), bytes: data.len(), modified: data.modified().ok() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Longer than any wait here ought to be.
    const PATIENCE: Duration = Duration::from_secs(10);

    async fn told(watch: &mut FileWatch) -> Vec<PathBuf> {
        tokio::time::timeout(PATIENCE, watch.changed()).await.expect("a change is told").unwrap()
    }

    async fn is_quiet(watch: &mut FileWatch) -> bool {
        tokio::time::timeout(2 * LONGEST_BURST, watch.changed()).await.is_err()
    }

    #[tokio::test]
    async fn made_changed_replaced_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (file, other) = (dir.path().join("file"), dir.path().join("other"));
        let mut watch = FileWatch::new(std::slice::from_ref(&file)).unwrap();
        fs::write(&file, "a").unwrap();
        assert_eq!(told(&mut watch).await, std::slice::from_ref(&file));
        fs::write(&file, "b").unwrap();
        assert_eq!(told(&mut watch).await, std::slice::from_ref(&file));
        fs::write(&other, "c").unwrap();
        assert!(is_quiet(&mut watch).await, "a stranger's file is nobody's business");
        fs::rename(&other, &file).unwrap();
        assert_eq!(told(&mut watch).await, std::slice::from_ref(&file));
        fs::remove_file(&file).unwrap();
        assert_eq!(told(&mut watch).await, [file]);
        assert!(is_quiet(&mut watch).await);
    }

    #[tokio::test]
    async fn a_burst_over_two_folders_is_told_once() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let files = [one.path().join("a"), one.path().join("b"), two.path().join("c")];
        let mut watch = FileWatch::new(&files).unwrap();
        for round in 0..20 {
            for file in &files {
                fs::write(file, round.to_string()).unwrap();
            }
        }
        let mut all = files.to_vec();
        all.sort();
        assert_eq!(told(&mut watch).await, all);
        assert!(is_quiet(&mut watch).await);
    }

    #[tokio::test]
    async fn nothing_is_lost_when_the_caller_turns_to_something_else() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        let mut watch = FileWatch::new(std::slice::from_ref(&file)).unwrap();
        fs::write(&file, "a").unwrap();
        // Long enough to have read it, too short for the burst to have settled.
        assert!(tokio::time::timeout(SETTLE / 5, watch.changed()).await.is_err());
        assert_eq!(told(&mut watch).await, [file]);
    }

    #[tokio::test]
    async fn a_link_on_the_way_that_is_turned() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for version in ["v1", "v2"] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("cert"), version).unwrap();
        }
        symlink("v1", at("now")).unwrap();
        symlink("now/cert", at("cert")).unwrap();
        let mut watch = FileWatch::new(&[at("cert")]).unwrap();
        symlink("v2", at("next")).unwrap();
        fs::rename(at("next"), at("now")).unwrap();
        assert_eq!(told(&mut watch).await, [at("cert")]);
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_or_goes_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("folder");
        let error = FileWatch::new(&[folder.join("file")]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("folder"), "{error}");
        fs::create_dir(&folder).unwrap();
        let mut watch = FileWatch::new(&[folder.join("file")]).unwrap();
        fs::remove_dir(&folder).unwrap();
        let outcome = tokio::time::timeout(PATIENCE, watch.changed()).await.expect("it is told");
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
