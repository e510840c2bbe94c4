//! One file of a recording while it is written. What lies on disk is whole after every write: the file
//! plays as it lies, whenever the service dies.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use base::{CameraId, Error, Result};
use media::{
    CLOCK_HZ, ParamSets, Unit,
    mp4::{self, Sample, Timeline},
};

use crate::{
    listing::duration_of,
    mark::{Mark, Trailer},
    store::{Files, Writing},
};

/// A part is written before its pictures span more than this, so that a crash costs at most a second.
const PART_90K: i64 = CLOCK_HZ;
/// How long a picture lasts while nothing is known of the next one.
const GUESS_90K: i64 = CLOCK_HZ / 30;

/// What a new file is to hold.
#[derive(Debug, Clone)]
pub struct NewSegment {
    /// The camera.
    pub device: CameraId,
    /// The recording it belongs to.
    pub recording_id: String,
    /// Its place in the recording, from 1.
    pub segment: u32,
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
    file: File,
    /// The file's name in the list of those being written.
    writing: Writing,
    start: SystemTime,
    timeline: Timeline,
    /// Decoding time of the first picture: the file's own clock begins there.
    origin_90k: i64,
    /// Bytes of the file that are whole.
    whole_len: u64,
    sequence: u32,
    /// Pictures not yet written; the length of the last one is a guess.
    pending: Vec<Sample>,
    frames: u64,
    /// Distance of the two newest pictures.
    distance_90k: i64,
    /// Greatest time, on the file's clock, up to which pictures are shown.
    shown_until_90k: i64,
    /// Nothing but the head is in the file.
    fresh: bool,
}

impl Segment {
    pub(crate) fn begin(files: &Files, new: &NewSegment) -> Result<Self> {
        let (mut file, writing) = files.create_recording(new.device, new.start)?;
        let mark = Mark {
            device: new.device,
            recording_id: new.recording_id.clone(),
            segment: new.segment,
            start: new.start,
        };
        let head = mp4::init(&new.params, mark.to_json().as_bytes());
        file.write_all(&head).map_err(|e| {
            files.give_up(&writing);
            Error::io("the recording's file could not be written", &e)
        })?;
        let reorder = new.params.info.reorder_frames;
        Ok(Self {
            file,
            writing,
            start: new.start,
            timeline: Timeline::new(reorder),
            origin_90k: new.first_pts_90k - i64::from(reorder),
            whole_len: head.len() as u64,
            sequence: 1,
            pending: Vec::new(),
            frames: 0,
            distance_90k: GUESS_90K,
            shown_until_90k: 0,
            fresh: true,
        })
    }

    /// Its plain name in the recordings folder.
    pub fn filename(&self) -> &str {
        &self.writing.name
    }

    /// Takes the next picture. The first one of a file is written at once, so that the file opens from
    /// its first moment; later ones by the second.
    pub fn push(&mut self, unit: &Unit) -> Result<()> {
        let (dts, cts_90k) = self.timeline.next(unit.pts_90k);
        let dts_90k = (dts - self.origin_90k).max(0);
        if let Some(last) = self.pending.last_mut() {
            self.distance_90k = dts_90k - last.dts_90k;
            last.duration_90k = clamped(self.distance_90k);
        }
        let first_90k = self.pending.first().map_or(dts_90k, |first| first.dts_90k);
        if dts_90k - first_90k + self.distance_90k > PART_90K {
            self.write_part()?;
        }
        self.pending.push(Sample {
            dts_90k,
            duration_90k: clamped(self.distance_90k),
            cts_90k,
            key: unit.key,
            data: unit.data.clone(),
        });
        // Pictures further apart than a part are written one by one.
        if self.fresh || self.distance_90k >= PART_90K { self.write_part() } else { Ok(()) }
    }

    /// Writes what has come so far.
    pub fn flush(&mut self) -> Result<()> {
        self.write_part()
    }

    fn write_part(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let part = mp4::fragment(self.sequence, &self.pending);
        self.write(&part)?;
        for sample in &self.pending {
            let shown = sample.dts_90k + i64::from(sample.cts_90k) + i64::from(sample.duration_90k);
            self.shown_until_90k = self.shown_until_90k.max(shown);
        }
        self.sequence += 1;
        self.frames += self.pending.len() as u64;
        self.pending.clear();
        self.fresh = false;
        self.writing.progress.frames.store(self.frames, Ordering::Relaxed);
        self.writing.progress.duration_90k.store(self.duration_90k(), Ordering::Relaxed);
        Ok(())
    }

    /// Appends; what a failed write left of itself is taken back, so that the file stays whole.
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Err(error) = self.file.write_all(bytes) {
            // If even this fails, adoption at the next start cuts the same bytes off.
            let _ = self.file.set_len(self.whole_len);
            let _ = self.file.seek(SeekFrom::Start(self.whole_len));
            return Err(Error::io("the recording's file could not be written", &error));
        }
        self.whole_len += bytes.len() as u64;
        Ok(())
    }

    fn duration_90k(&self) -> u64 {
        // Pictures held back for B-frames show the first one `reorder_frames` ticks after the origin:
        // less than a millisecond, and not counted.
        self.shown_until_90k.max(0) as u64
    }

    /// Writes what is left and says in the file that it has ended as it should.
    pub fn finish(mut self) -> Result<Ended> {
        let written = self.write_part();
        let trailer = Trailer { recovered: false, frames: self.frames, duration_90k: self.duration_90k() };
        // After a failed write too: taking it back may have made the room for this.
        let closed = self.write(&mp4::trailer(trailer.to_json().as_bytes()));
        written.and(closed)?;
        let duration = duration_of(self.duration_90k());
        Ok(Ended { end: self.start + duration, duration, file_size: self.whole_len })
    }
}

fn clamped(distance_90k: i64) -> u32 {
    u32::try_from(distance_90k.max(0)).unwrap_or(u32::MAX)
}
