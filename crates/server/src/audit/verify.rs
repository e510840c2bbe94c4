//! The chain walked from its first line that is kept to its last: the first line that is not as it was
//! written is found. Changes nothing.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    chain::{Head, Key},
    line::{MAX_LINE_BYTES, Sealed},
    place::Place,
    read::open,
};

/// How long a line that ends without a break is looked at again: the service may be writing it.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The whole chain is as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) lines: u64,
    pub(crate) files: usize,
    /// The last line.
    pub(crate) head: Head,
}

/// What the log of a configuration comes to. `head`: a line that must be there.
pub(crate) fn verify_place(place: &Place, key: &Key, head: Option<Head>) -> Result<Whole, String> {
    let unread = |cause: io::Error| format!("{}: cannot be read: {cause}", place.file.display());
    // The file being written first: should it become full meanwhile, it is still held.
    let active = open(&place.file).map_err(unread)?;
    let identity = |file: &File| file.metadata().map(|found| (found.dev(), found.ino())).map_err(unread);
    let written = active.as_ref().map(identity).transpose()?;
    let mut walk = Walk::new(key, head);
    for (first, path) in place.all_full().map_err(unread)? {
        let Some(file) = open(&path).map_err(unread)? else { continue };
        if Some(identity(&file)?) == written {
            // It became full after we opened it; what came later is not ours to tell.
            break;
        }
        walk.file(&path, file, Some(first), false)?;
    }
    match active {
        Some(file) => walk.file(&place.file, file, None, true)?,
        None if walk.files == 0 => return Err(format!("{}: there is no audit log", place.file.display())),
        None => {}
    }
    walk.end()
}

/// What these files come to, in the order of their lines.
pub(crate) fn verify_files(files: &[PathBuf], key: &Key, head: Option<Head>) -> Result<Whole, String> {
    let mut opened = Vec::new();
    for path in files {
        let unread = |cause: io::Error| format!("{}: cannot be read: {cause}", path.display());
        let file = open(path).map_err(unread)?;
        let mut file = file.ok_or_else(|| format!("{}: there is no such file", path.display()))?;
        // What a first line claims is enough to put files in order: whether it is true shows later.
        let mut start = Vec::new();
        (&mut file).take(MAX_LINE_BYTES as u64).read_to_end(&mut start).map_err(unread)?;
        io::Seek::rewind(&mut file).map_err(unread)?;
        let first = start.split(|c| *c == b'\n').next().and_then(Sealed::parse);
        opened.push((first.map_or(0, |first| first.seq), path, file));
    }
    opened.sort_by_key(|(first, _, _)| *first);
    let (mut walk, count) = (Walk::new(key, head), opened.len());
    for (number, (_, path, file)) in opened.into_iter().enumerate() {
        walk.file(path, file, None, number + 1 == count)?;
    }
    walk.end()
}

struct Walk<'a> {
    key: &'a Key,
    /// `None` before the first line.
    at: Option<Head>,
    wanted: Option<Head>,
    lines: u64,
    files: usize,
}

impl<'a> Walk<'a> {
    fn new(key: &'a Key, wanted: Option<Head>) -> Self {
        Self { key, at: None, wanted, lines: 0, files: 0 }
    }

    /// Walks one file. `named`: the number of the first line that its name tells. `last`: lines may still
    /// be added to it.
    fn file(&mut self, path: &Path, file: File, named: Option<u64>, last: bool) -> Result<(), String> {
        let mut input = BufReader::new(file);
        for number in 1_usize.. {
            let broken = |what: String| format!("{}:{number}: {what}", path.display());
            let line = match read_line(&mut input, last)
                .map_err(|cause| broken(format!("cannot be read: {cause}")))?
            {
                Piece::Line(line) => line,
                Piece::Torn => {
                    return Err(broken(
                        "the last line was cut short (a crash does that; the next start mends it)".into(),
                    ));
                }
                Piece::End if number == 1 => {
                    return Err(broken("the file is empty; its lines were removed".into()));
                }
                Piece::End => break,
            };
            self.line(&line, number == 1, named).map_err(broken)?;
        }
        self.files += 1;
        Ok(())
    }

    fn line(&mut self, line: &[u8], first: bool, named: Option<u64>) -> Result<(), String> {
        let sealed = Sealed::parse(line).ok_or("it was changed: this is no line of an audit log")?;
        let before = match (first, sealed.previous) {
            (true, None) => {
                return Err("the file does not begin with a checkpoint; lines were removed".into());
            }
            (false, Some(_)) => {
                return Err("a checkpoint where none can be; lines were moved or files joined".into());
            }
            (true, Some(previous)) => self.joined(previous)?,
            (false, None) => self.at.unwrap_or(Head::NONE),
        };
        let expected = before.count.saturating_add(1);
        if sealed.seq != expected {
            return Err(misplaced(expected, sealed.seq));
        }
        if !sealed.follows(before, self.key) {
            return Err(format!("line {expected} was changed, or written with another key"));
        }
        if let Some(named) = named.filter(|named| first && *named != expected) {
            return Err(format!("the name says {named}, the first line is {expected}; files were renamed"));
        }
        self.lines += 1;
        self.at = Some(sealed.head());
        match self.wanted {
            Some(wanted) if wanted.count == sealed.seq && wanted.mac != sealed.mac => {
                Err(format!("line {expected} is not the one that --head tells"))
            }
            _ => Ok(()),
        }
    }

    /// Where the chain stands before a file that says it was at `previous`.
    fn joined(&self, previous: Head) -> Result<Head, String> {
        match self.at {
            // Lines before it may have been removed for their age.
            None => Ok(previous),
            Some(at) if at == previous => Ok(at),
            Some(at) if at.count == previous.count => {
                Err("the file goes on from another last line than the file before has".into())
            }
            Some(at) => Err(misplaced(at.count + 1, previous.count.saturating_add(1))),
        }
    }

    fn end(self) -> Result<Whole, String> {
        let head = self.at.unwrap_or(Head::NONE);
        let first = head.count - self.lines + 1;
        match self.wanted {
            Some(wanted) if wanted.count > head.count => Err(format!(
                "the log ends at line {}; lines up to {} were there once: its end was cut off",
                head.count, wanted.count
            )),
            Some(wanted) if wanted.count < first => Err(format!(
                "the log begins at line {first}; the line that --head tells is not kept any more"
            )),
            _ => Ok(Whole { lines: self.lines, files: self.files, head }),
        }
    }
}

fn misplaced(expected: u64, found: u64) -> String {
    match found.checked_sub(expected) {
        Some(1) => format!("line {expected} was removed or moved: here stands line {found}"),
        Some(_) => format!(
            "lines {expected} to {} were removed or moved: here stands line {found}",
            found.saturating_sub(1)
        ),
        None => {
            format!("here stands line {found} where line {expected} belongs: lines were moved or repeated")
        }
    }
}

enum Piece {
    Line(Vec<u8>),
    Torn,
    End,
}

fn read_line(input: &mut BufReader<File>, may_grow: bool) -> io::Result<Piece> {
    let mut line = Vec::new();
    for attempt in 0..3 {
        let room = (MAX_LINE_BYTES - line.len()) as u64;
        input.take(room).read_until(b'\n', &mut line)?;
        if line.pop_if(|last| *last == b'\n').is_some() || line.len() >= MAX_LINE_BYTES {
            return Ok(Piece::Line(line));
        }
        if line.is_empty() {
            return Ok(Piece::End);
        }
        if !may_grow {
            break;
        }
        if attempt < 2 {
            std::thread::sleep(LOOK_AGAIN);
        }
    }
    Ok(Piece::Torn)
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
