//! The containers of recordings as one closed set: what a file's life needs of each of them. All three
//! keep the same promise: what lies on disk is playable after every part, and says itself whose it is
//! (the mark, in its head) and how it ended (the trailer, at its end).
//!
//! *Invariant:* bytes in, bytes out; which file they come from is not known here.

#[doc(hidden)]
pub mod fuzzing;
pub(crate) mod input;

use std::{
    io::{self, Read, Seek},
    sync::Arc,
};

use bytes::Bytes;
pub use fuzzing::fuzz;

use crate::{ParamSets, avi, mkv, mp4, mp4::Sample};

/// Largest part that is read into memory: many seconds of any camera.
pub const MAX_PART_BYTES: u64 = 64 << 20;

/// Extended type of the mark; random, ours.
pub(crate) const MARK: [u8; 16] =
    [0x7e, 0x1f, 0x5c, 0x0a, 0x93, 0x4b, 0x4d, 0x2e, 0x8f, 0x60, 0x21, 0xd4, 0xb7, 0x6c, 0x55, 0x01];
/// Extended type of the trailer.
pub(crate) const TRAILER: [u8; 16] =
    [0x7e, 0x1f, 0x5c, 0x0a, 0x93, 0x4b, 0x4d, 0x2e, 0x8f, 0x60, 0x21, 0xd4, 0xb7, 0x6c, 0x55, 0x02];

/// Container of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Fragmented MP4.
    Mp4,
    /// Matroska.
    Mkv,
    /// AVI.
    Avi,
}

/// The head of a file of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The text given to [`Container::init`].
    pub mark: Vec<u8>,
    /// What the pictures are coded with.
    pub params: Arc<ParamSets>,
    /// How long each picture lasts, where the container knows no times (AVI); in microseconds.
    pub picture_us: Option<u32>,
    /// Where the first part begins.
    pub end: u64,
}

/// What lies behind the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Pictures in whole parts.
    pub frames: u64,
    /// From the first picture to the end of the last one.
    pub duration_90k: u64,
    /// Number for the next part.
    pub next_sequence: u32,
    /// The file is whole up to here: the end of its last whole part.
    pub valid_len: u64,
}

/// One picture read back from a file, in decoding order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shot {
    /// When to show it, in 1/90,000 s of the file's own clock.
    pub pts_90k: i64,
    /// Decoding can begin here.
    pub key: bool,
    /// NAL units behind their lengths: [`crate::Unit::data`].
    pub data: Bytes,
}

/// Bytes to be written over what lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// Where.
    pub at: u64,
    /// What.
    pub bytes: Vec<u8>,
}

/// What closes a file: first `tail` goes behind the last part, then `patches` over the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// An index, and the trailer.
    pub tail: Vec<u8>,
    /// Lengths that are known only now.
    pub patches: Vec<Patch>,
}

impl Container {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mp4, Self::Mkv, Self::Avi];

    /// Ending of its files' names.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Mkv => "mkv",
            Self::Avi => "avi",
        }
    }

    /// By the ending of a file's name.
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        Self::ALL.into_iter().find(|container| container.extension() == ending)
    }

    /// Can it hold pictures that are not shown in the order they are decoded?
    pub fn holds_b_frames(self) -> bool {
        self != Self::Avi
    }

    /// Is it time to go on in another file, with so much in this one? AVI counts in 32 bits, and many
    /// players in 31.
    pub fn is_full(self, parts: &Parts) -> bool {
        self == Self::Avi && (parts.valid_len >= avi::FULL_BYTES || parts.frames >= avi::FULL_FRAMES)
    }

    /// May `more` bytes come behind what is there?
    pub fn has_room(self, parts: &Parts, more: u64) -> bool {
        self != Self::Avi
            || (parts.valid_len.saturating_add(more) <= avi::MAX_BYTES && parts.frames < avi::MAX_FRAMES)
    }

    /// The beginning of a file of pictures described by `params`, with `mark` in it (cut at
    /// [`mp4::MAX_NOTE_BYTES`]).
    pub fn init(self, params: &ParamSets, mark: &[u8]) -> Vec<u8> {
        match self {
            Self::Mp4 => mp4::init(params, mark),
            Self::Mkv => mkv::init(params, mark),
            Self::Avi => avi::init(params, mark),
        }
    }

    /// The next part of a file; whole in itself.
    pub fn part(self, sequence: u32, params: &ParamSets, samples: &[Sample]) -> Vec<u8> {
        match self {
            Self::Mp4 => mp4::fragment(sequence, samples),
            Self::Mkv => mkv::cluster(samples),
            Self::Avi => avi::chunks(params, samples),
        }
    }

    /// What must be written over the head so that players believe in the parts that are there.
    /// `head_len`: where the first part begins.
    pub fn progress(self, head_len: u64, parts: &Parts) -> Vec<Patch> {
        match self {
            Self::Mp4 => Vec::new(),
            Self::Mkv => mkv::progress(parts),
            Self::Avi => avi::progress(head_len, parts, parts.valid_len),
        }
    }

    /// What ends a file after `parts`, with `note` as its trailer. Walks over the parts for an index.
    pub fn close(
        self,
        file: &mut (impl Read + Seek),
        head_len: u64,
        parts: &Parts,
        note: &[u8],
    ) -> io::Result<Closing> {
        match self {
            Self::Mp4 => Ok(Closing { tail: mp4::trailer(note), patches: Vec::new() }),
            Self::Mkv => mkv::close(file, head_len, parts, note),
            Self::Avi => avi::close(file, head_len, parts, note),
        }
    }

    /// The head; `None` when the file is not one of ours or its head is not whole.
    pub fn read_head(self, file: &mut (impl Read + Seek)) -> io::Result<Option<Head>> {
        match self {
            Self::Mp4 => mp4::read_head(file),
            Self::Mkv => mkv::read_head(file),
            Self::Avi => avi::read_head(file),
        }
    }

    /// The trailer's text; `None` when the file was not ended.
    pub fn read_trailer(self, file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Mp4 => mp4::read_trailer(file),
            Self::Mkv => mkv::read_trailer(file),
            Self::Avi => avi::read_trailer(file),
        }
    }

    /// Walks the parts. Stops at the first that is not whole: a crash leaves one at most, at the end.
    pub fn scan(self, file: &mut (impl Read + Seek), head: &Head) -> io::Result<Parts> {
        match self {
            Self::Mp4 => mp4::scan(file, head),
            Self::Mkv => mkv::scan(file, head),
            Self::Avi => avi::scan(file, head),
        }
    }
}

/// Reads pictures back, part by part. A file may be written meanwhile: then it ends for now where its
/// whole parts do.
#[derive(Debug)]
pub struct Reader {
    container: Container,
    at: u64,
    picture_us: u32,
    index: u64,
}

impl Reader {
    /// At the first part.
    pub fn new(container: Container, head: &Head) -> Self {
        Self { container, at: head.end, picture_us: head.picture_us.unwrap_or_default(), index: 0 }
    }

    /// The pictures of the next part; `None` behind the last whole one, or at one larger than
    /// [`MAX_PART_BYTES`].
    pub fn next(&mut self, file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<Shot>>> {
        let part = match self.container {
            Container::Mp4 => mp4::read_part(file, self.at)?,
            Container::Mkv => mkv::read_part(file, self.at)?,
            Container::Avi => avi::read_part(file, self.at, avi::time_90k(self.index, self.picture_us))?,
        };
        let Some((shots, end)) = part else { return Ok(None) };
        self.at = end;
        self.index += shots.len() as u64;
        Ok(Some(shots))
    }
}
