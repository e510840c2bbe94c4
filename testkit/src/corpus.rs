//! The corpus of a fuzz target, replayed on stable Rust: its files as they are and bent at random. What a
//! file must do is for the test to say.

use std::{fs, path::Path};

/// How a file is bent: what is put into it, for a parser is best attacked in its own words.
#[derive(Debug, Clone, Copy)]
pub struct Bend<'a> {
    /// Bytes that are put in.
    pub marks: &'a [u8],
    /// A byte that is changed becomes one below this: 128 keeps a text ASCII.
    pub bytes_below: usize,
    /// Only files shorter than this: a change in a long one is seldom where it matters.
    pub shorter_than: usize,
}

/// Every file of a folder, by name.
///
/// # Panics
/// If there are fewer than `least`: then the corpus was not found.
pub fn files(folder: &Path, least: usize) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("a folder that was opened can be listed"))
        .map(|entry| {
            let name = entry.file_name().into_string().expect("files of a corpus have plain names");
            let bytes = fs::read(entry.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, bytes)
        })
        .collect();
    files.sort();
    assert!(files.len() >= least, "{} holds {} files", folder.display(), files.len());
    files
}

/// Runs `body` on every file, then on `count` small changes of them. Fixed seed: a failure can be repeated.
///
/// # Panics
/// If no file is short enough to be bent.
pub fn replay(files: &[(String, Vec<u8>)], count: usize, bend: Bend<'_>, body: impl Fn(&[u8])) {
    for (_, bytes) in files {
        body(bytes);
    }
    // xorshift64.
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = |end: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % end.max(1) as u64) as usize
    };
    let short: Vec<&[u8]> = files
        .iter()
        .map(|(_, bytes)| bytes.as_slice())
        .filter(|bytes| bytes.len() < bend.shorter_than)
        .collect();
    assert!(!short.is_empty(), "no file of the corpus is short enough to be bent");
    for _ in 0..count {
        let mut bytes = short[next(short.len())].to_vec();
        for _ in 0..=next(3) {
            let at = next(bytes.len());
            match next(6) {
                0 if !bytes.is_empty() => bytes[at] = next(bend.bytes_below) as u8,
                1 if !bytes.is_empty() => {
                    bytes[at] = (usize::from(bytes[at] ^ 1 << next(8)) % bend.bytes_below) as u8;
                }
                2 if !bytes.is_empty() => _ = bytes.remove(at),
                3 => bytes.truncate(at),
                4 => bytes.insert(at, bend.marks[next(bend.marks.len())]),
                _ => {
                    let other = short[next(short.len())];
                    bytes.splice(at.., other[next(other.len())..].iter().copied());
                }
            }
        }
        body(&bytes);
    }
}
