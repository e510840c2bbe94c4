//! Reading of files that may be cut off anywhere or hold anything: every length is checked before it is
//! believed.

use std::io::{self, Read, Seek, SeekFrom};

use super::TRAILER;
use crate::mp4::MAX_NOTE_BYTES;

/// Most bytes a container puts around a trailer's text.
const MOST_AROUND: u64 = 64;

/// How long the file is.
pub(crate) fn len(file: &mut impl Seek) -> io::Result<u64> {
    file.seek(SeekFrom::End(0))
}

/// So many bytes at `at`; `None` when the file of `len` bytes ends before.
pub(crate) fn bytes(
    file: &mut (impl Read + Seek),
    at: u64,
    count: u64,
    len: u64,
) -> io::Result<Option<Vec<u8>>> {
    if at.checked_add(count).is_none_or(|end| end > len) {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = vec![0; count as usize];
    file.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

/// The last element of a file, whose last four bytes repeat its size (big-endian); where it begins is
/// told beside it.
pub(crate) fn last(file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    let len = len(file)?;
    let Some(size) = bytes(file, len.saturating_sub(4), 4, len)? else { return Ok(None) };
    let size = size.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    if size > len || size > MAX_NOTE_BYTES as u64 + MOST_AROUND {
        return Ok(None);
    }
    bytes(file, len - size, size, len)
}

/// The text of a trailer's body: behind its type, before the repeated size.
pub(crate) fn trailer_text(body: &[u8]) -> Option<Vec<u8>> {
    body.strip_prefix(&TRAILER)?.split_last_chunk::<4>().map(|(text, _)| text.to_vec())
}
