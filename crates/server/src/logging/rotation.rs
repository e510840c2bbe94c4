//! A log file of bounded size with a bounded number of older ones beside it: `name`, `name.1` (the
//! newest of them), `name.2` and so on.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Of one file.
    pub(super) max_bytes: u64,
    /// Older files beside the one being written.
    pub(super) backups: u32,
}

/// The file being written.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    limits: Limits,
    /// The last write failed: half a line may lie at the end.
    torn: bool,
}

impl RotatingFile {
    /// Goes on where the file ends.
    pub(super) fn open(path: &Path, limits: Limits) -> io::Result<Self> {
        let file = open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, limits, torn: false })
    }

    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Writes a whole line; begins a new file first when it would make this one too large. An error: the
    /// line is not there.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let length = line.len() as u64;
        if self.bytes > 0 && self.bytes.saturating_add(length) > self.limits.max_bytes {
            self.rotate()?;
        }
        if self.torn {
            self.file.write_all(b"\n")?;
            self.bytes += 1;
        }
        self.torn = true;
        self.file.write_all(line)?;
        self.torn = false;
        self.bytes += length;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let Limits { backups, .. } = self.limits;
        // From the oldest on, each takes the next one's place.
        for number in (1..backups).rev() {
            rename(&self.numbered(number), &self.numbered(number + 1))?;
        }
        if backups == 0 {
            fs::remove_file(&self.path)?;
        } else {
            rename(&self.path, &self.numbered(1))?;
        }
        self.file = open(&self.path)?;
        self.bytes = self.file.metadata()?.len();
        self.torn = false;
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{number}"));
        name.into()
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

/// What is not there need not move: a person may have taken it away.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(path: &Path, count: u32) -> Vec<Option<String>> {
        let name = |number| match number {
            0 => path.to_owned(),
            number => PathBuf::from(format!("{}.{number}", path.display())),
        };
        (0..=count).map(|number| fs::read_to_string(name(number)).ok()).collect()
    }

    fn some(all: &[&str]) -> Vec<Option<String>> {
        all.iter().map(|text| (!text.is_empty()).then(|| (*text).to_owned())).collect()
    }

    #[test]
    fn full_files_move_on_and_the_oldest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut file = RotatingFile::open(&path, Limits { max_bytes: 8, backups: 2 }).unwrap();
        for line in ["one\n", "two\n", "three\n", "four\n", "five\n"] {
            file.write(line.as_bytes()).unwrap();
        }
        assert_eq!(texts(&path, 3), some(&["five\n", "four\n", "three\n", ""]));
        file.write(b"a line longer than a file\n").unwrap();
        file.write(b"x\n").unwrap();
        assert_eq!(texts(&path, 3), some(&["x\n", "a line longer than a file\n", "five\n", ""]));
    }

    #[test]
    fn it_goes_on_where_the_file_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let limits = Limits { max_bytes: 10, backups: 1 };
        RotatingFile::open(&path, limits).unwrap().write(b"one\n").unwrap();
        let mut file = RotatingFile::open(&path, limits).unwrap();
        file.write(b"two\n").unwrap();
        assert_eq!(texts(&path, 1), some(&["one\ntwo\n", ""]));
        file.write(b"three\n").unwrap();
        assert_eq!(texts(&path, 1), some(&["three\n", "one\ntwo\n"]));
        file.set_limits(Limits { max_bytes: 1, backups: 0 });
        file.write(b"four\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "four\n");
    }

    #[test]
    fn what_cannot_move_is_an_error_and_the_file_stays_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut file = RotatingFile::open(&path, Limits { max_bytes: 4, backups: 1 }).unwrap();
        file.write(b"one\n").unwrap();
        fs::create_dir_all(dir.path().join("log.1/in the way")).unwrap();
        assert!(file.write(b"two\n").is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\n");
        fs::remove_dir_all(dir.path().join("log.1")).unwrap();
        file.write(b"two\n").unwrap();
        assert_eq!(texts(&path, 1), some(&["two\n", "one\n"]));
    }
}
