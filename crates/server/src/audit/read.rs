//! The log read from its end, in bounded memory, while it is being written. Verifies nothing.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

use nix::fcntl::OFlag;

use super::{
    line::{MAX_LINE_BYTES, Sealed},
    place::Place,
};

/// Bytes read at once.
const CHUNK_BYTES: u64 = 64 << 10;

/// Some lines, newest first.
#[derive(Debug)]
pub(crate) struct Page {
    /// Each a JSON object, as it stands in the file.
    pub(crate) lines: Vec<String>,
    /// The number of the last one given, when there are more before it.
    pub(crate) next: Option<u64>,
}

/// Up to `limit` lines with numbers below `before`.
pub(super) fn page(place: &Place, before: Option<u64>, limit: usize) -> io::Result<Page> {
    let mut page = Page { lines: Vec::new(), next: None };
    let mut below = before.unwrap_or(u64::MAX);
    // First the file that is written: when it is full and renamed meanwhile, it is met twice, and not
    // missed.
    let active = open(&place.file)?;
    let full = place.all_full().or_else(nothing)?;
    if let Some(file) = active
        && take(&file, &mut below, limit, &mut page)?
    {
        return Ok(page);
    }
    for (first, path) in full.into_iter().rev() {
        if first >= below {
            continue;
        }
        // Removed for its age meanwhile: so are those before it.
        let Some(file) = open(&path)? else { break };
        if take(&file, &mut below, limit, &mut page)? {
            break;
        }
    }
    Ok(page)
}

/// Opens a file of the log; `None`: it is not there.
pub(super) fn open(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Ok(file) => file,
        Err(cause) => return nothing(cause),
    };
    // A device has no end.
    if file.metadata()?.is_file() { Ok(Some(file)) } else { Err(io::Error::other("it is not a file")) }
}

fn nothing<T: Default>(cause: io::Error) -> io::Result<T> {
    if cause.kind() == io::ErrorKind::NotFound { Ok(T::default()) } else { Err(cause) }
}

/// Takes lines of one file; `true`: the page is full.
fn take(file: &File, below: &mut u64, limit: usize, page: &mut Page) -> io::Result<bool> {
    let mut lines = Backwards::new(file)?;
    while let Some(line) = lines.next()? {
        let Some(seq) = Sealed::parse(&line).map(|sealed| sealed.seq).filter(|seq| seq < below) else {
            continue;
        };
        if page.lines.len() == limit {
            page.next = Some(*below);
            return Ok(true);
        }
        // `parse` has read it as UTF-8.
        page.lines.push(String::from_utf8_lossy(&line).into_owned());
        *below = seq;
    }
    Ok(false)
}

struct Backwards<'a> {
    file: &'a File,
    /// Where `held` begins in the file.
    at: u64,
    /// Bytes not given yet; they end where a line does.
    held: Vec<u8>,
    /// The last line may be in the middle of being written.
    partial: bool,
}

impl<'a> Backwards<'a> {
    fn new(file: &'a File) -> io::Result<Self> {
        Ok(Self { at: file.metadata()?.len(), file, held: Vec::new(), partial: true })
    }

    /// The line before, without its break.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = self.held.iter().rposition(|c| *c == b'\n') {
                let line = self.held.split_off(at + 1);
                self.held.truncate(at);
                if !std::mem::take(&mut self.partial) {
                    return Ok(Some(line));
                }
                continue;
            }
            if self.at == 0 {
                let line = std::mem::take(&mut self.held);
                return Ok((!line.is_empty() && !self.partial).then_some(line));
            }
            if self.held.len() > MAX_LINE_BYTES {
                // Nothing of ours: only where it begins is of interest.
                self.held.truncate(MAX_LINE_BYTES);
            }
            let from = self.at.saturating_sub(CHUNK_BYTES);
            let mut chunk = vec![0; (self.at - from) as usize];
            self.file.read_exact_at(&mut chunk, from)?;
            chunk.append(&mut self.held);
            (self.held, self.at) = (chunk, from);
        }
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
