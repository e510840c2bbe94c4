//! Opening one file of ours for somebody who reads it: by a plain name, beneath the folder, and only what
//! carries the service's mark.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    time::SystemTime,
};

use base::{CameraId, Error, Result};
use media::Container;

use crate::{
    browse::{may_know, recording_note, snapshot_note, unknown},
    folder::Folder,
    store::Files,
};

/// An open file of ours, as it was when it was opened.
#[derive(Debug)]
pub struct Opened {
    /// For reading.
    pub file: File,
    /// Bytes.
    pub len: u64,
    /// When it was last written.
    pub modified: SystemTime,
    /// Its number in its file system.
    pub inode: u64,
}

impl Files {
    /// Opens a file of a recording. `cameras`: those that may be known; `None`: all.
    pub fn open_recording(&self, filename: &str, cameras: Option<&[CameraId]>) -> Result<Opened> {
        open(&self.0.recordings, filename, "recording", |file| {
            let Some(container) = Container::of_name(filename) else { return Ok(false) };
            // Whose it is stands in its head; how it ended makes no difference.
            Ok(recording_note(file, container, true)?.is_some_and(|note| may_know(cameras, note.device())))
        })
    }

    /// Opens a snapshot; `cameras` as for [`Self::open_recording`].
    pub fn open_snapshot(&self, filename: &str, cameras: Option<&[CameraId]>) -> Result<Opened> {
        open(&self.0.snapshots, filename, "snapshot", |file| {
            Ok(snapshot_note(filename, file)?.is_some_and(|note| may_know(cameras, note.device())))
        })
    }
}

/// One that is not there, not ours, or not to be known: the same words for all three.
fn open(
    folder: &Folder,
    filename: &str,
    what: &str,
    may: impl FnOnce(&mut File) -> io::Result<bool>,
) -> Result<Opened> {
    let none = || unknown(what);
    // What begins with a dot is being made.
    if filename.starts_with('.') {
        return Err(none());
    }
    let opened = folder
        .read_beneath(filename)
        .and_then(|(mut file, metadata)| Ok(may(&mut file)?.then_some((file, metadata))));
    match opened {
        Ok(Some((file, metadata))) => Ok(described(file, &metadata)),
        Ok(None) => Err(none()),
        Err(error) if is_no_file(&error) => Err(none()),
        Err(error) => Err(Error::io(format!("the {what} cannot be read"), &error)),
    }
}

fn described(file: File, metadata: &Metadata) -> Opened {
    Opened {
        file,
        len: metadata.len(),
        modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        inode: metadata.ino(),
    }
}

/// Nothing lies there under that name, or nothing that could be ours: a link, a folder, a name too long,
/// a way out.
fn is_no_file(error: &io::Error) -> bool {
    use nix::errno::Errno;
    let number = error.raw_os_error().map(Errno::from_raw);
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput)
        || matches!(number, Some(Errno::ELOOP | Errno::EXDEV | Errno::ENAMETOOLONG | Errno::ENXIO))
}
