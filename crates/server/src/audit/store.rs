//! The log on disk: lines are added whole or not at all, a full file makes room for the next, and what a
//! crash or a stranger left is found when a file is opened.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::PathBuf,
    time::SystemTime,
};

use nix::fcntl::OFlag;

use super::{
    Event, Outcome,
    chain::{Head, Key},
    line::{Line, MAX_LINE_BYTES, Sealed},
    place::{Identity, Place, identity},
};

/// How far back from a file's end its last lines are looked for. A crash leaves less than a line, a loss
/// of power perhaps a page or two of nothing.
const TAIL_BYTES: u64 = 4 * MAX_LINE_BYTES as u64;

/// The log. One owner.
#[derive(Debug)]
pub(super) struct Store {
    place: Place,
    key: Key,
    /// `None`: it must be opened first.
    file: Option<Opened>,
    /// `None`: nobody has looked yet.
    head: Option<Head>,
}

#[derive(Debug)]
struct Opened {
    file: File,
    identity: Identity,
    /// Its length; more or less than that was not our doing.
    bytes: u64,
    /// Number of its first line.
    first: u64,
}

/// What the end of a file tells.
struct Tail {
    /// Number of the first line in the file.
    first: Option<u64>,
    /// The last whole line's.
    head: Option<Head>,
    /// The last whole line follows the one before it.
    sound: bool,
    /// Bytes after it.
    torn: u64,
}

impl Store {
    pub(super) fn new(place: Place, key: Key) -> Self {
        Self { place, key, file: None, head: None }
    }

    /// How far the chain goes; `None` until it could be looked at.
    pub(super) fn head(&self) -> Option<Head> {
        self.head
    }

    /// Which file is being written.
    pub(super) fn identity(&self) -> Option<Identity> {
        self.file.as_ref().map(|opened| opened.identity)
    }

    /// Makes sure that there is a file to write to, and that it is still the one we wrote.
    pub(super) fn ready(&mut self) -> io::Result<()> {
        if let Some(opened) = &self.file {
            let same = identity(&self.place.file).is_ok_and(|found| found == opened.identity)
                && opened.file.metadata()?.len() == opened.bytes;
            if same {
                return Ok(());
            }
            tracing::error!("the audit log was changed, moved or removed by somebody else");
            self.file = None;
        }
        self.open()
    }

    /// Adds a line.
    pub(super) fn append(&mut self, line: &Line) -> io::Result<()> {
        if self.file.is_none() {
            self.open()?;
        }
        let sealed = line.seal(&self.key, self.last());
        let full = self.file.as_ref().is_some_and(|opened| {
            // A file with its checkpoint alone is never full, however small files may be.
            let bytes = opened.bytes + sealed.0.len() as u64;
            opened.first < self.last().count && bytes > self.place.max_file_bytes
        });
        if full {
            self.rotate()?;
            // The checkpoint came between.
            return self.write(line);
        }
        self.put(sealed)
    }

    /// There is room on the disk for more than what waits.
    pub(super) fn has_room(&self) -> bool {
        self.place.has_room()
    }

    /// Forces what was written to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), |opened| opened.file.sync_data())
    }

    /// Removes what is too old.
    pub(super) fn prune(&self, now: SystemTime) {
        if let Err(cause) = self.place.prune(now) {
            tracing::warn!(%cause, "old files of the audit log could not be removed");
        }
    }

    fn last(&self) -> Head {
        self.head.unwrap_or(Head::NONE)
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        self.put(line.seal(&self.key, self.last()))
    }

    fn put(&mut self, (sealed, head): (String, Head)) -> io::Result<()> {
        let opened = self.file.as_mut().ok_or_else(|| io::Error::other("the audit log is not open"))?;
        if let Err(cause) = opened.file.write_all(sealed.as_bytes()) {
            // Nothing of it may stay; where that fails too, the file is looked at anew.
            if opened.file.set_len(opened.bytes).is_err() {
                self.file = None;
            }
            return Err(cause);
        }
        opened.bytes += sealed.len() as u64;
        self.head = Some(head);
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.sync()?;
        if let Some(opened) = self.file.take() {
            fs::rename(&self.place.file, self.free_name(opened.first))?;
        }
        self.open()?;
        self.prune(SystemTime::now());
        Ok(())
    }

    /// A name that nothing has. Only a file that was tampered with finds its own one taken.
    fn free_name(&self, first: u64) -> PathBuf {
        let free = (first..).map(|number| self.place.full(number));
        free.into_iter().find(|name| identity(name).is_err()).unwrap_or_else(|| self.place.full(first))
    }

    fn open(&mut self) -> io::Result<()> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            // A link may lead anywhere, and opening a pipe waits.
            .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
            .open(&self.place.file)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        file.try_lock().map_err(|_| io::Error::other("another service writes it"))?;
        let bytes = found.len();
        let mut opened = Opened { file, identity: (found.dev(), found.ino()), bytes, first: 0 };
        let tail = tail(&opened.file, bytes, &self.key)?;
        if let Some(first) =
            tail.first.filter(|_| tail.sound && self.head.is_none_or(|head| tail.head == Some(head)))
        {
            opened.file.set_len(bytes - tail.torn)?;
            opened.bytes = bytes - tail.torn;
            opened.first = first;
            self.head = tail.head;
            self.file = Some(opened);
            if tail.torn > 0 {
                let what = format!("a half-written last line of {} bytes was removed", tail.torn);
                self.recovered(what)?;
            }
            return Ok(());
        }
        // A new file, or one whose only line is half-written, or one that is not as we left it.
        let nothing = tail.head.is_none() && bytes <= MAX_LINE_BYTES as u64 && bytes == tail.torn;
        if self.head.is_none() {
            self.head = match tail.head {
                Some(head) => Some(head),
                None => self.newest_full()?,
            };
        }
        if nothing {
            opened.file.set_len(0)?;
            opened.bytes = 0;
            opened.first = self.last().count + 1;
            self.file = Some(opened);
            self.write(&Line::checkpoint(self.last())).inspect_err(|_| self.file = None)?;
            if bytes > 0 {
                let what = format!("a half-written first line of {bytes} bytes was removed");
                self.recovered(what)?;
            }
            return Ok(());
        }
        let aside = self.free_name(tail.first.unwrap_or(self.last().count));
        fs::rename(&self.place.file, &aside)?;
        drop(opened);
        let name = aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
        tracing::error!(file = name, "the audit log is not as it was left; verify it");
        self.open()?;
        self.recovered(format!("the file was not as it was left; it lies aside as {name}"))
    }

    /// Where the newest full file ends.
    fn newest_full(&self) -> io::Result<Option<Head>> {
        let Some((_, path)) = self.place.all_full()?.pop() else { return Ok(Some(Head::NONE)) };
        let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NOFOLLOW.bits()).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(tail(&file, bytes, &self.key)?.head.or(Some(Head::NONE)))
    }

    fn recovered(&mut self, what: String) -> io::Result<()> {
        tracing::warn!(what, "the audit log goes on");
        self.write(&Line::own(Event::Recovered, None, Outcome::Done, Some(what)))
    }
}

/// Looks at the end of a file, in bounded memory.
fn tail(file: &File, bytes: u64, key: &Key) -> io::Result<Tail> {
    let none = |torn| Tail { first: None, head: None, sound: false, torn };
    let mut start = vec![0; bytes.min(MAX_LINE_BYTES as u64) as usize];
    file.read_exact_at(&mut start, 0)?;
    let first = start.split(|c| *c == b'\n').next().and_then(Sealed::parse);
    let first = first.filter(|first| first.previous.is_some()).map(|first| first.seq);
    let from = bytes.saturating_sub(TAIL_BYTES);
    let mut end = vec![0; (bytes - from) as usize];
    file.read_exact_at(&mut end, from)?;
    let Some(last_break) = end.iter().rposition(|c| *c == b'\n') else { return Ok(none(bytes)) };
    let torn = (end.len() - last_break - 1) as u64;
    let mut lines = end[..last_break].rsplit(|c| *c == b'\n');
    let last = lines.next().and_then(Sealed::parse);
    let Some(last) = last else { return Ok(Tail { first, ..none(torn) }) };
    let before = match last.previous {
        Some(previous) => Some(previous),
        None => lines.next().and_then(Sealed::parse).map(|before| before.head()),
    };
    let sound = before.is_some_and(|before| last.follows(before, key));
    Ok(Tail { first, head: Some(last.head()), sound, torn })
}

#[cfg(test)]
#[path = "store_tests.rs"]
pub(super) mod tests;
