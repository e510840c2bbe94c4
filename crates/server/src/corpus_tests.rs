//! For tests: the files of a fuzz target's corpus, as they are and bent at random.

use std::{fs, path::Path};

/// What text formats are made of.
const MARKS: &[u8] = b"\"{}[]:,\\0-eEu\0 \n#&*'.=";

/// Every file of `testdata/<name>`.
pub(crate) fn files(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    assert!(files.len() > 5, "the corpus {name} was not found");
    files
}

/// Runs `body` on the files and on `count` small changes of them. Fixed seed: a failure can be repeated.
pub(crate) fn bent(name: &str, count: usize, body: fn(&[u8])) {
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = |end: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % end.max(1) as u64) as usize
    };
    let all = files(name);
    for (_, data) in &all {
        body(data);
    }
    let files: Vec<_> = all.into_iter().filter(|(_, data)| data.len() < 2_000).collect();
    for _ in 0..count {
        let mut data = files[next(files.len())].1.clone();
        for _ in 0..=next(3) {
            let at = next(data.len());
            match next(5) {
                0 if !data.is_empty() => data[at] = next(128) as u8,
                1 if !data.is_empty() => _ = data.remove(at),
                2 => data.truncate(at),
                3 => data.insert(at, MARKS[next(MARKS.len())]),
                _ => {
                    let other = &files[next(files.len())].1;
                    let tail = other[next(other.len())..].to_vec();
                    data.splice(at.., tail);
                }
            }
        }
        body(&data);
    }
}
