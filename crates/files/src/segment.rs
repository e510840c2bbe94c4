//! One file of a recording while it is written, as others may see it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use base::{CameraId, Result};
use media::{Container, ParamSets, Unit};

use crate::{
    film::{Film, Stock, holds_b_frames},
    listing::duration_of,
    mark::Mark,
    store::{Files, Writing},
};

/// What a new file is to hold.
#[derive(Debug, Clone)]
pub struct NewSegment {
    /// The camera.
    pub device: CameraId,
    /// The recording it belongs to.
    pub recording_id: String,
    /// Its place in the recording, from 1.
    pub segment: u32,
    /// What it is written as.
    pub container: Container,
    /// What its pictures are coded with.
    pub params: Arc<ParamSets>,
    /// When its first picture was taken.
    pub start: SystemTime,
    /// Path time of its first picture.
    pub first_pts_90k: i64,
}

/// A file that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// When its last picture ended.
    pub end: SystemTime,
    /// Length of its video.
    pub duration: Duration,
    /// Bytes.
    pub file_size: u64,
}

/// How far a file has come, for those who list it meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) frames: AtomicU64,
    pub(crate) duration_90k: AtomicU64,
}

/// A file of a recording that is being written. Dropped without [`Self::finish`] it stays playable and
/// is adopted at the next start.
#[derive(Debug)]
pub struct Segment {
    film: Film,
    /// The file's name in the list of those being written.
    writing: Writing,
    start: SystemTime,
}

impl Segment {
    pub(crate) fn begin(files: &Files, new: &NewSegment) -> Result<Self> {
        // What is told in advance is refused before there is a file.
        if new.params.info.tells_reordering {
            holds_b_frames(new.container)?;
        }
        let (file, writing) = files.create_recording(new.device, new.start, new.container)?;
        let mark = Mark {
            device: new.device,
            recording_id: new.recording_id.clone(),
            segment: new.segment,
            start: new.start,
            export: false,
        };
        let stock = Stock {
            container: new.container,
            params: new.params.clone(),
            durability: files.0.durability,
            mark: mark.to_json(),
            first_pts_90k: new.first_pts_90k,
        };
        let film = Film::begin(file, stock).inspect_err(|_| files.give_up(&writing))?;
        Ok(Self { film, writing, start: new.start })
    }

    /// Its plain name in the recordings folder.
    pub fn filename(&self) -> &str {
        &self.writing.name
    }

    /// Bytes of it that lie where `recording.durability` asks: in the kernel, or on the disk.
    pub fn written_bytes(&self) -> u64 {
        self.film.parts().valid_len
    }

    /// Does its container ask for another file at the next key frame?
    pub fn is_full(&self) -> bool {
        self.film.is_full()
    }

    /// Takes the next picture. The first one of a file is written at once, so that the file opens from
    /// its first moment; later ones by the second.
    pub fn push(&mut self, unit: &Unit) -> Result<()> {
        let pushed = self.film.push(unit.pts_90k, unit.key, unit.data.clone());
        self.tell();
        pushed
    }

    /// Writes what has come so far.
    pub fn flush(&mut self) -> Result<()> {
        let flushed = self.film.flush();
        self.tell();
        flushed
    }

    fn tell(&self) {
        let parts = self.film.parts();
        self.writing.progress.frames.store(parts.frames, Ordering::Relaxed);
        self.writing.progress.duration_90k.store(parts.duration_90k, Ordering::Relaxed);
    }

    /// Writes what is left and says in the file that it has ended as it should.
    pub fn finish(self) -> Result<Ended> {
        let parts = self.film.finish()?;
        let duration = duration_of(parts.duration_90k);
        Ok(Ended { end: self.start + duration, duration, file_size: parts.valid_len })
    }
}
