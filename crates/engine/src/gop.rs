//! The newest group of pictures, so that a new viewer or a snapshot begins with a picture at once.
//! It knows nothing of who reads it.

use std::sync::Arc;

use media::Unit;

use crate::Frame;

/// Default cap of a cache in bytes. Two seconds at 8 Mbit/s are 2 MB, held twice (unit and packets).
pub const MAX_BYTES: usize = 8 << 20;

/// Most frames a cache holds: a minute at 25 a second. Caps what tiny frames can pile up.
pub const MAX_FRAMES: usize = 1_500;

/// All frames since the newest key frame.
#[derive(Debug)]
pub struct GopCache {
    frames: Vec<Arc<Frame>>,
    bytes: usize,
    max_bytes: usize,
}

impl GopCache {
    /// Holds at most `max_bytes` of access units and packets ([`MAX_BYTES`] by custom).
    pub fn new(max_bytes: usize) -> Self {
        Self { frames: Vec::new(), bytes: 0, max_bytes }
    }

    /// Takes the next frame in decoding order. A key frame starts over. Over a cap the cache empties and
    /// stays so until the next key frame: half a group is of no use to anybody.
    pub fn push(&mut self, frame: Arc<Frame>) {
        if frame.unit.key {
            self.clear();
        } else if self.frames.is_empty() {
            return;
        }
        self.bytes += frame.unit.data.len() + frame.rtp.interleaved().len();
        self.frames.push(frame);
        if self.bytes > self.max_bytes || self.frames.len() > MAX_FRAMES {
            self.clear();
        }
    }

    /// The frames in decoding order, the first a key frame; empty if there is none.
    pub fn frames(&self) -> Vec<Arc<Frame>> {
        self.frames.clone()
    }

    /// The access units of [`Self::frames`].
    pub fn units(&self) -> Vec<Arc<Unit>> {
        self.frames.iter().map(|frame| Arc::clone(&frame.unit)).collect()
    }

    /// The frame pushed last, if it is held.
    pub fn newest(&self) -> Option<&Arc<Frame>> {
        self.frames.last()
    }

    /// Forgets everything, as when the source starts anew.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }
}
