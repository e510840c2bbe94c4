//! What is common to the files of recordings and snapshots: which ones are meant, pages of them, and the
//! room they take.

use std::{fs::File, time::SystemTime};

use base::CameraId;

/// Which files to list. The server has checked ranges.
#[derive(Debug, Clone, Default)]
pub struct FileQuery {
    /// At most this many.
    pub limit: usize,
    /// Skip this many of the newest; not with `cursor`.
    pub offset: usize,
    /// Go on where the page that gave this `next_cursor` ended.
    pub cursor: Option<String>,
    /// Only of these cameras; `None`: of all.
    pub devices: Option<Vec<CameraId>>,
    /// Created at or after.
    pub since: Option<SystemTime>,
    /// Created before.
    pub until: Option<SystemTime>,
}

/// One page of files, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct FilePage<T> {
    /// The files of this page.
    pub files: Vec<T>,
    /// How many match in all.
    pub total: usize,
    /// Where the next page begins; `None` on the last.
    pub next_cursor: Option<String>,
}

/// An open file of either folder, as it was when it was opened.
#[derive(Debug)]
pub struct StoredFile {
    /// For reading.
    pub file: File,
    /// Bytes.
    pub length: u64,
    /// When it was last written.
    pub modified: SystemTime,
    /// Its number in its file system: tells it from another of the same name.
    pub inode: u64,
}
