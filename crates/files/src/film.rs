//! The inside of a recording's file while it is written, in any container. What lies on disk is whole
//! after every write: the file plays as it lies, whenever the service dies.

use std::{fs::File, os::unix::fs::FileExt, sync::Arc};

use base::{Error, Kind, Result};
use bytes::Bytes;
use media::{
    CLOCK_HZ, Container, ParamSets,
    container::{Parts, Patch},
    mp4::{Sample, Timeline},
};

use crate::{config::Durability, mark::Trailer};

/// A part is written before its pictures span more than this, so that a crash costs at most a second.
const PART_90K: i64 = CLOCK_HZ;
/// How long a picture lasts while nothing is known of the next one.
const GUESS_90K: i64 = CLOCK_HZ / 30;

/// What a file is to hold.
#[derive(Debug)]
pub(crate) struct Stock {
    pub(crate) container: Container,
    pub(crate) params: Arc<ParamSets>,
    pub(crate) durability: Durability,
    /// The text of its mark.
    pub(crate) mark: String,
    /// Path time of its first picture.
    pub(crate) first_pts_90k: i64,
}

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct Film {
    file: File,
    container: Container,
    params: Arc<ParamSets>,
    durability: Durability,
    timeline: Timeline,
    /// Decoding time of the first picture: the file's own clock begins there.
    origin_90k: i64,
    head_len: u64,
    /// What is whole in the file.
    parts: Parts,
    /// Pictures not yet written; the length of the last one is a guess.
    pending: Vec<Sample>,
    /// Distance of the two newest pictures.
    distance_90k: i64,
    newest_pts_90k: i64,
    /// Greatest time, on the file's clock, up to which pictures are shown.
    shown_until_90k: i64,
}

impl Film {
    /// Writes the head into an empty file.
    pub(crate) fn begin(file: File, stock: Stock) -> Result<Self> {
        let Stock { container, params, durability, mark, first_pts_90k } = stock;
        let head = container.init(&params, mark.as_bytes());
        let reorder = params.info.reorder_frames;
        let head_len = head.len() as u64;
        file.write_all_at(&head, 0).map_err(|e| unwritten(&e))?;
        Ok(Self {
            file,
            container,
            params,
            durability,
            timeline: Timeline::new(reorder),
            origin_90k: first_pts_90k - i64::from(reorder),
            head_len,
            parts: Parts { frames: 0, duration_90k: 0, next_sequence: 1, valid_len: head_len },
            pending: Vec::new(),
            distance_90k: GUESS_90K,
            newest_pts_90k: i64::MIN,
            shown_until_90k: 0,
        })
    }

    /// What is written and whole.
    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Is it time for another file?
    pub(crate) fn is_full(&self) -> bool {
        self.container.is_full(&self.parts)
    }

    /// Takes the next picture. The first one of a file is written at once, so that the file opens from
    /// its first moment; later ones by the second.
    pub(crate) fn push(&mut self, pts_90k: i64, key: bool, data: Bytes) -> Result<()> {
        if pts_90k < self.newest_pts_90k {
            holds_b_frames(self.container)?;
        }
        self.newest_pts_90k = self.newest_pts_90k.max(pts_90k);
        let (dts, cts_90k) = self.timeline.next(pts_90k);
        let dts_90k = (dts - self.origin_90k).max(0);
        if let Some(last) = self.pending.last_mut() {
            self.distance_90k = dts_90k - last.dts_90k;
            last.duration_90k = clamped(self.distance_90k);
        }
        let first_90k = self.pending.first().map_or(dts_90k, |first| first.dts_90k);
        if dts_90k - first_90k + self.distance_90k > PART_90K {
            self.flush()?;
        }
        let duration_90k = clamped(self.distance_90k);
        self.pending.push(Sample { dts_90k, duration_90k, cts_90k, key, data });
        // Pictures further apart than a part are written one by one.
        let fresh = self.parts.frames == 0;
        if fresh || self.distance_90k >= PART_90K { self.flush() } else { Ok(()) }
    }

    /// Writes what has come so far.
    pub(crate) fn flush(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let part = self.container.part(self.parts.next_sequence, &self.params, &self.pending);
        if !self.container.has_room(&self.parts, part.len() as u64) {
            return Err(Error::new(Kind::Limit, "the file is as large as its container allows"));
        }
        self.append(&part)?;
        for sample in &self.pending {
            let shown = sample.dts_90k + i64::from(sample.cts_90k) + i64::from(sample.duration_90k);
            self.shown_until_90k = self.shown_until_90k.max(shown);
        }
        self.parts.next_sequence += 1;
        self.parts.frames += self.pending.len() as u64;
        // Pictures held back for B-frames show the first one `reorder_frames` ticks after the origin:
        // less than a millisecond, and not counted.
        self.parts.duration_90k = self.shown_until_90k.max(0) as u64;
        self.pending.clear();
        patch(&self.file, &self.container.progress(self.head_len, &self.parts)).map_err(|e| unwritten(&e))?;
        self.settle()
    }

    /// Appends; what a failed write left of itself is taken back, so that the file stays whole.
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        if let Err(error) = self.file.write_all_at(bytes, self.parts.valid_len) {
            // If even this fails, adoption at the next start cuts the same bytes off.
            let _ = self.file.set_len(self.parts.valid_len);
            return Err(unwritten(&error));
        }
        self.parts.valid_len += bytes.len() as u64;
        Ok(())
    }

    /// Waits for the disk if a power cut may come.
    fn settle(&self) -> Result<()> {
        match self.durability {
            Durability::Process => Ok(()),
            Durability::Power => self.file.sync_data().map_err(|e| unwritten(&e)),
        }
    }

    /// Writes what is left and says in the file that it has ended as it should; tells what is in it.
    pub(crate) fn finish(mut self) -> Result<Parts> {
        let written = self.flush();
        // After a failed write too: taking it back may have made the room for this.
        let closed = self.close();
        written.and(closed)?;
        Ok(self.parts)
    }

    fn close(&mut self) -> Result<()> {
        let Parts { frames, duration_90k, .. } = self.parts;
        let note = Trailer { recovered: false, frames, duration_90k }.to_json();
        let closing = self
            .container
            .close(&mut self.file, self.head_len, &self.parts, note.as_bytes())
            .map_err(|e| unwritten(&e))?;
        self.append(&closing.tail)?;
        patch(&self.file, &closing.patches).map_err(|e| unwritten(&e))?;
        self.settle()
    }
}

/// Pictures that are not shown in the order they are decoded have no place in every container.
pub(crate) fn holds_b_frames(container: Container) -> Result<()> {
    if container.holds_b_frames() {
        return Ok(());
    }
    Err(Error::new(Kind::Unsupported, "AVI cannot hold a stream with B-frames"))
}

/// Writes over the head of a file. A few bytes at a time: a kill comes before or after each.
pub(crate) fn patch(file: &File, patches: &[Patch]) -> std::io::Result<()> {
    patches.iter().try_for_each(|patch| file.write_all_at(&patch.bytes, patch.at))
}

fn unwritten(error: &std::io::Error) -> Error {
    Error::io("the recording's file could not be written", error)
}

fn clamped(distance_90k: i64) -> u32 {
    u32::try_from(distance_90k.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "film_tests.rs"]
mod tests;
