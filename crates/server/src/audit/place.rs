//! Where the log lies: one file that is written, beside it the full ones, each named by its first line's
//! number. Knows names, no content.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use nix::sys::statvfs::statvfs;

use super::chain::number;

/// Digits of a number in a name, so that names sort as numbers do.
const DIGITS: usize = 12;
/// With less room on its disk the log counts as unwritable: the lines of calls at work still fit.
const MIN_ROOM_BYTES: u64 = 16 << 10;

/// Where, how large, for how long.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The file that is written.
    pub(crate) file: PathBuf,
    /// A file with more is full.
    pub(crate) max_file_bytes: u64,
    /// Full files are kept for so long after their last line.
    pub(crate) retention: Duration,
}

/// Which file it is, whatever its name.
pub(super) type Identity = (u64, u64);

/// What lies under this name now. A link is itself.
pub(super) fn identity(path: &Path) -> io::Result<Identity> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

impl Place {
    /// The name of a full file.
    pub(super) fn full(&self, first: u64) -> PathBuf {
        let mut name = OsString::from(&self.file);
        name.push(format!(".{first:0DIGITS$}"));
        name.into()
    }

    /// Where all of them lie.
    fn folder(&self) -> &Path {
        match self.file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    /// The disk has room for the lines of calls that are let in now. It is asked by the folder: that is there, too,
    /// while the file changes its name.
    pub(super) fn has_room(&self) -> bool {
        // Some file systems do not know how large they are.
        statvfs(self.folder()).is_ok_and(|disk| {
            disk.blocks() == 0 || disk.blocks_available() * disk.fragment_size() >= MIN_ROOM_BYTES
        })
    }

    /// The full files with the number of their first line, oldest first.
    pub(crate) fn all_full(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.folder())? {
            let path = entry?.path();
            let digits = path.extension().and_then(|digits| digits.to_str()).unwrap_or_default();
            let stem = path.file_stem() == self.file.file_name();
            if stem && digits.len() >= DIGITS && digits.bytes().all(|c| c.is_ascii_digit()) {
                let first = number(digits.trim_start_matches('0')).unwrap_or_default();
                found.push((first, path));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Removes full files whose time is over, the oldest first and none behind one that stays.
    pub(super) fn prune(&self, now: SystemTime) -> io::Result<()> {
        for (_, path) in self.all_full()? {
            let age = now.duration_since(fs::symlink_metadata(&path)?.modified()?).unwrap_or_default();
            if age <= self.retention {
                break;
            }
            fs::remove_file(&path)?;
            tracing::info!(file = %path.display(), "a file of the audit log was older than retention_days");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_and_strangers_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let day = Duration::from_hours(24);
        let place = Place { file: dir.path().join("audit.log"), max_file_bytes: 1, retention: day };
        for name in
            ["audit.log", "audit.log.old", "audit.log.1", "audit.log.000000000001.gz", "x.log.000000000001"]
        {
            fs::write(dir.path().join(name), "").unwrap();
        }
        for first in [u64::MAX, 1, 1_000_000_000_000, 20] {
            fs::write(place.full(first), "").unwrap();
        }
        let firsts = || place.all_full().unwrap().into_iter().map(|(first, _)| first).collect::<Vec<_>>();
        assert_eq!(firsts(), [1, 20, 1_000_000_000_000, u64::MAX]);
        let old = fs::File::options().write(true).open(place.full(1)).unwrap();
        old.set_modified(SystemTime::now() - day * 2).unwrap();
        // Not the oldest one that lies there, so it stays.
        let middle = fs::File::options().write(true).open(place.full(1_000_000_000_000)).unwrap();
        middle.set_modified(SystemTime::now() - day * 2).unwrap();
        place.prune(SystemTime::now()).unwrap();
        assert_eq!(firsts(), [20, 1_000_000_000_000, u64::MAX]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 8);
    }
}
