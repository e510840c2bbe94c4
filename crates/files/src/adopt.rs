//! What a killed service left: files cut off in the middle of a part. Each keeps its whole parts and is
//! closed with a note that says so.

use std::{
    fs::{File, TryLockError},
    io,
    os::unix::fs::FileExt,
    time::Duration,
};

use media::Container;

use crate::{
    film,
    folder::Folder,
    listing::duration_of,
    mark::{Mark, Trailer},
    name,
    store::UNFINISHED,
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
        let Some(container) = Container::of_name(&filename) else { continue };
        match adopt(folder, &filename, container) {
            Ok(file) => adopted.extend(file),
            // Read-only, or gone meanwhile: it stays as it is and is listed as far as it can be read.
            Err(error) => tracing::warn!(filename, %error, "a recording could not be mended"),
        }
    }
    Ok(adopted)
}

/// Removes snapshots and clips whose writing was cut off; they never had a name.
pub(crate) fn unfinished(folder: &Folder) -> io::Result<()> {
    for name in folder.names()?.iter().filter(|name| name.starts_with(UNFINISHED)) {
        // Another service on this folder may be making it.
        if folder.read(name).is_ok_and(|(file, _)| locked(&file).unwrap_or(true)) {
            folder.remove(name)?;
        }
    }
    Ok(())
}

fn adopt(folder: &Folder, filename: &str, container: Container) -> io::Result<Option<Adopted>> {
    let (mut file, metadata) = folder.read(filename)?;
    if metadata.len() == 0 {
        // Made, and nothing written to it: only a name of ours tells that it is not somebody else's.
        if name::is_recording(filename) && locked(&file)? {
            folder.remove(filename)?;
        }
        return Ok(None);
    }
    let Some(head) = container.read_head(&mut file)?.filter(|head| Mark::parse(&head.mark).is_some()) else {
        return Ok(None);
    };
    if container.read_trailer(&mut file)?.is_some() {
        return Ok(None);
    }
    drop(file);
    let (mut file, metadata) = folder.modify(filename)?;
    if !locked(&file)? {
        return Ok(None);
    }
    let parts = container.scan(&mut file, &head)?;
    if parts.frames == 0 {
        folder.remove(filename)?;
        return Ok(None);
    }
    file.set_len(parts.valid_len)?;
    let note = Trailer { recovered: true, frames: parts.frames, duration_90k: parts.duration_90k };
    let closing = container.close(&mut file, head.end, &parts, note.to_json().as_bytes())?;
    file.write_all_at(&closing.tail, parts.valid_len)?;
    film::patch(&file, &closing.patches)?;
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
