//! Small files that are the service's own business: read whole and bounded, replaced whole, and locked
//! while one process changes them. What stands in them is for others to know.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, fchown},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// A change takes milliseconds; who holds the lock for longer is stopped or stuck.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The kernel can wait for a lock, but not for a limited time.
const TRY_AGAIN: Duration = Duration::from_millis(10);

/// The text of a file; `None`: there is no such file.
pub(super) fn read(path: &Path, max_bytes: u64) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(cause),
    };
    let mut text = String::new();
    file.take(max_bytes + 1).read_to_string(&mut text)?;
    if text.len() as u64 > max_bytes {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("larger than {max_bytes} bytes")));
    }
    Ok(Some(text))
}

/// Writes a file whole. By another name first: a crash leaves the old one or the new one.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = beside(path, ".new");
    match fs::remove_file(&unfinished) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    give_to_owner(&file, path)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    // The new name is on the disk only when the folder is.
    File::open(folder(path))?.sync_all()
}

/// Keeps other processes from changing the file until dropped. It has a file of its own, because a file
/// that is replaced takes its lock away.
pub(super) fn lock(path: &Path) -> io::Result<File> {
    let beside = beside(path, ".lock");
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&beside)?;
    give_to_owner(&file, path)?;
    let since = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(cause)) => return Err(cause),
            Err(TryLockError::WouldBlock) if since.elapsed() >= LONGEST_WAIT => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "another process is changing it"));
            }
            Err(TryLockError::WouldBlock) => thread::sleep(TRY_AGAIN),
        }
    }
}

/// A command run by root must not leave files that the service cannot read.
fn give_to_owner(file: &File, path: &Path) -> io::Result<()> {
    let wanted = fs::metadata(path).or_else(|_| fs::metadata(folder(path)))?;
    let present = file.metadata()?;
    if present.uid() == 0 && wanted.uid() != 0 {
        fchown(file, Some(wanted.uid()), Some(wanted.gid()))?;
    }
    Ok(())
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn replaced_whole_for_the_owner_only_and_read_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        assert_eq!(read(&path, 9).unwrap(), None);
        fs::write(dir.path().join("file.new"), "left by a crash").unwrap();
        replace(&path, "one").unwrap();
        replace(&path, "two").unwrap();
        assert_eq!(read(&path, 3).unwrap().unwrap(), "two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(read(&path, 2).unwrap_err().to_string().contains("larger than 2 bytes"));
        assert!(read(dir.path(), 9).is_err() && replace(&dir.path().join("no/file"), "x").is_err());
        assert!(!dir.path().join("file.new").exists());
    }

    #[test]
    fn one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let count = || read(&path, 99).unwrap().map_or(0, |text| text.parse::<u32>().unwrap());
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        let _lock = lock(&path).unwrap();
                        replace(&path, &(count() + 1).to_string()).unwrap();
                    }
                });
            }
        });
        assert_eq!(count(), 20);
    }
}
