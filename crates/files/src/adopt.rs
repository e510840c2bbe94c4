//! What a killed service left: files cut off in the middle of a part. Each keeps its whole parts and is
//! closed with a note that says so.

use std::{
    fs::{File, TryLockError},
    io::{self, Seek, SeekFrom, Write},
    time::Duration,
};

use media::mp4;

use crate::{
    folder::Folder,
    listing::duration_of,
    mark::{Mark, Trailer},
    name,
    store::{EXTENSION, UNFINISHED},
};

/// A file that was mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// Plain name in the recordings folder.
    pub filename: String,
    /// Whole pictures in it.
    pub frames: u64,
    /// Length of its video.
    pub duration: Duration,
    /// Bytes of an unfinished part that were cut off.
    pub cut_bytes: u64,
}

/// Mends every recording of ours that was not ended and that nobody is writing.
pub(crate) fn recordings(folder: &Folder) -> io::Result<Vec<Adopted>> {
    let mut adopted = Vec::new();
    for filename in folder.names()? {
        if !filename.ends_with(&format!(".{EXTENSION}")) {
            continue;
        }
        match adopt(folder, &filename) {
            Ok(file) => adopted.extend(file),
            // Read-only, or gone meanwhile: it stays as it is and is listed as far as it can be read.
            Err(error) => tracing::warn!(filename, %error, "a recording could not be mended"),
        }
    }
    Ok(adopted)
}

/// Removes snapshots whose writing was cut off; they never had a name.
pub(crate) fn unfinished_snapshots(folder: &Folder) -> io::Result<()> {
    for name in folder.names()?.iter().filter(|name| name.starts_with(UNFINISHED)) {
        folder.remove(name)?;
    }
    Ok(())
}

fn adopt(folder: &Folder, filename: &str) -> io::Result<Option<Adopted>> {
    let (mut file, metadata) = folder.read(filename)?;
    if metadata.len() == 0 {
        // Made, and nothing written to it: only a name of ours tells that it is not somebody else's.
        if name::parse(filename, EXTENSION).is_some() && locked(&file)? {
            folder.remove(filename)?;
        }
        return Ok(None);
    }
    let Some(head) = mp4::read_head(&mut file)?.filter(|head| Mark::parse(&head.mark).is_some()) else {
        return Ok(None);
    };
    if mp4::read_trailer(&mut file)?.is_some() {
        return Ok(None);
    }
    drop(file);
    let (mut file, metadata) = folder.modify(filename)?;
    if !locked(&file)? {
        return Ok(None);
    }
    let parts = mp4::scan(&mut file, &head)?;
    if parts.frames == 0 {
        folder.remove(filename)?;
        return Ok(None);
    }
    file.set_len(parts.valid_len)?;
    file.seek(SeekFrom::Start(parts.valid_len))?;
    let note = Trailer { recovered: true, frames: parts.frames, duration_90k: parts.duration_90k };
    file.write_all(&mp4::trailer(note.to_json().as_bytes()))?;
    // When it was last recorded to is what a person wants to know, not when it was mended.
    file.set_modified(metadata.modified()?)?;
    Ok(Some(Adopted {
        filename: filename.to_owned(),
        frames: parts.frames,
        duration: duration_of(parts.duration_90k),
        cut_bytes: metadata.len() - parts.valid_len,
    }))
}

/// Takes the lock a writer holds; `false` while another service writes this file.
fn locked(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
