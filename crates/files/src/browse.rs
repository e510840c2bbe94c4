//! What lies in the two folders, read from the files themselves.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    sync::{Arc, atomic::Ordering},
};

use base::{CameraId, Error, Kind, Result};
use media::{CLOCK_HZ, Container, picture};

use crate::{
    catalogue::Entry,
    image,
    listing::{
        self, Page, Query, RecordingDetail, RecordingInfo, SnapshotDetail, SnapshotInfo, Status, duration_of,
    },
    mark::{Mark, Trailer},
    segment::Progress,
    store::{Files, locked},
};

/// Endings of snapshots.
const PICTURES: [&str; 2] = ["jpg", "png"];

/// What a recording's file says of itself.
#[derive(Debug, Clone)]
pub(crate) struct RecordingNote {
    mark: Mark,
    container: Container,
    status: Status,
    frames: u64,
    duration_90k: u64,
    width: u32,
    height: u32,
    codec: String,
}

/// What a snapshot's file says of itself.
#[derive(Debug, Clone)]
pub(crate) struct SnapshotNote {
    mark: Mark,
    extension: &'static str,
    size: Option<(u32, u32)>,
}

impl RecordingNote {
    pub(crate) fn device(&self) -> CameraId {
        self.mark.device
    }
}

impl SnapshotNote {
    pub(crate) fn device(&self) -> CameraId {
        self.mark.device
    }
}

impl Files {
    /// Recordings' files, newest first.
    pub fn recordings(&self, query: &Query) -> Result<Page<RecordingInfo>> {
        listing::page(self.all_recordings()?, query)
    }

    /// Snapshots, newest first.
    pub fn snapshots(&self, query: &Query) -> Result<Page<SnapshotInfo>> {
        listing::page(self.all_snapshots()?, query)
    }

    /// One file of a recording. `cameras`: those that may be known; `None`: all.
    pub fn recording(&self, filename: &str, cameras: Option<&[CameraId]>) -> Result<RecordingDetail> {
        let entries = self.recording_entries()?;
        let found =
            entries.iter().find(|entry| entry.name == filename && may_know(cameras, entry.note.mark.device));
        let entry = found.ok_or_else(|| unknown("recording"))?.clone();
        let recording_id = &entry.note.mark.recording_id;
        let segments = entries.iter().filter(|other| other.note.mark.recording_id == *recording_id).count();
        let RecordingNote { mut frames, mut duration_90k, width, height, ref codec, .. } = entry.note;
        if let Some(live) = self.being_written().get(filename) {
            frames = live.frames.load(Ordering::Relaxed);
            duration_90k = live.duration_90k.load(Ordering::Relaxed);
        }
        let seconds = duration_90k as f64 / CLOCK_HZ as f64;
        Ok(RecordingDetail {
            segments,
            width,
            height,
            // How long the only picture lasts is a guess.
            fps: (frames > 1 && seconds > 0.0).then(|| frames as f64 / seconds),
            codec: codec.clone(),
            info: self.with_progress(vec![entry]).remove(0),
        })
    }

    /// One snapshot; `cameras` as for [`Self::recording`].
    pub fn snapshot(&self, filename: &str, cameras: Option<&[CameraId]>) -> Result<SnapshotDetail> {
        let entries = self.snapshot_entries()?.into_iter();
        let mut found =
            entries.filter(|entry| entry.name == filename && may_know(cameras, entry.note.mark.device));
        let entry = found.next().ok_or_else(|| unknown("snapshot"))?;
        let (width, height) = entry
            .note
            .size
            .ok_or_else(|| Error::new(Kind::Io, "the snapshot's file does not tell its size"))?;
        Ok(SnapshotDetail { info: snapshot_info(entry), width, height })
    }

    pub(crate) fn all_recordings(&self) -> Result<Vec<RecordingInfo>> {
        Ok(self.with_progress(self.recording_entries()?))
    }

    pub(crate) fn all_snapshots(&self) -> Result<Vec<SnapshotInfo>> {
        Ok(self.snapshot_entries()?.into_iter().map(snapshot_info).collect())
    }

    fn recording_entries(&self) -> Result<Vec<Entry<RecordingNote>>> {
        let writing = self.being_written();
        locked(&self.0.recordings_seen)
            .look(
                &self.0.recordings,
                |name, file| {
                    let Some(container) = Container::of_name(name) else { return Ok(None) };
                    recording_note(file, container, writing.contains_key(name))
                },
                // It may have ended since `writing` was copied, and would be taken for unended for ever.
                |note| note.status != Status::Recording,
            )
            .map_err(|e| Error::io("the recordings cannot be listed", &e))
    }

    fn snapshot_entries(&self) -> Result<Vec<Entry<SnapshotNote>>> {
        locked(&self.0.snapshots_seen)
            .look(&self.0.snapshots, snapshot_note, |_| true)
            .map_err(|e| Error::io("the snapshots cannot be listed", &e))
    }

    /// Files being written tell how far they have come.
    fn with_progress(&self, entries: Vec<Entry<RecordingNote>>) -> Vec<RecordingInfo> {
        let (writing, protection) = (self.being_written(), locked(&self.0.protection));
        let protected =
            |mark: &Mark| protection.as_ref().is_ok_and(|list| list.covers(&mark.recording_id, mark.segment));
        entries
            .into_iter()
            .map(|entry| {
                let protected = protected(&entry.note.mark);
                recording_info(entry, &writing, protected)
            })
            .collect()
    }

    /// Copied, so that a listing never holds up a recording that begins.
    pub(crate) fn being_written(&self) -> BTreeMap<String, Arc<Progress>> {
        locked(&self.0.writing).clone()
    }
}

/// Is `device` among the cameras that may be known? `None`: all may.
pub(crate) fn may_know(cameras: Option<&[CameraId]>, device: CameraId) -> bool {
    cameras.is_none_or(|cameras| cameras.contains(&device))
}

/// No such file, or none that this caller may know: the same words for both.
pub(crate) fn unknown(what: &str) -> Error {
    Error::new(Kind::NotFound, format!("there is no {what} of that name"))
}

/// `None` when it is not ours.
pub(crate) fn recording_note(
    file: &mut File,
    container: Container,
    being_written: bool,
) -> io::Result<Option<RecordingNote>> {
    let Some(head) = container.read_head(file)? else { return Ok(None) };
    let Some(mark) = Mark::parse(&head.mark).filter(|mark| mark.segment > 0) else { return Ok(None) };
    let (status, frames, duration_90k) = if being_written {
        (Status::Recording, 0, 0)
    } else if let Some(trailer) = container.read_trailer(file)?.and_then(|text| Trailer::parse(&text)) {
        let status = if trailer.recovered { Status::Recovered } else { Status::Complete };
        (status, trailer.frames, trailer.duration_90k)
    } else {
        // Cut off by a full disk, say: it plays as far as it goes, and the next start mends it.
        let parts = container.scan(file, &head)?;
        (Status::Recovered, parts.frames, parts.duration_90k)
    };
    let (width, height, codec) = (head.params.info.width, head.params.info.height, head.params.codec());
    Ok(Some(RecordingNote { mark, container, status, frames, duration_90k, width, height, codec }))
}

/// `None` when it is not ours.
pub(crate) fn snapshot_note(name: &str, file: &mut File) -> io::Result<Option<SnapshotNote>> {
    let extension = PICTURES.into_iter().find(|ending| name.ends_with(&format!(".{ending}")));
    let Some(extension) = extension else { return Ok(None) };
    let mut head = Vec::with_capacity(image::HEAD_BYTES);
    file.take(image::HEAD_BYTES as u64).read_to_end(&mut head)?;
    let mark = image::read_mark(&head);
    Ok(mark.map(|mark| SnapshotNote { mark, extension, size: picture::size_in(&head) }))
}

fn recording_info(
    entry: Entry<RecordingNote>,
    writing: &BTreeMap<String, Arc<Progress>>,
    protected: bool,
) -> RecordingInfo {
    let live = writing.get(&entry.name).filter(|_| entry.note.status == Status::Recording);
    let duration_90k = live.map_or(entry.note.duration_90k, |p| p.duration_90k.load(Ordering::Relaxed));
    RecordingInfo {
        filename: entry.name,
        device: entry.note.mark.device,
        file_size: entry.len,
        created: entry.note.mark.start,
        modified: entry.modified,
        duration: duration_of(duration_90k),
        status: entry.note.status,
        recording_id: entry.note.mark.recording_id,
        segment: entry.note.mark.segment,
        container: entry.note.container,
        export: entry.note.mark.export,
        protected,
    }
}

fn snapshot_info(entry: Entry<SnapshotNote>) -> SnapshotInfo {
    SnapshotInfo {
        filename: entry.name,
        device: entry.note.mark.device,
        file_size: entry.len,
        created: entry.note.mark.start,
        modified: entry.modified,
        extension: entry.note.extension,
    }
}
