//! What waits for one subscriber: a bounded queue that knows key frames. Pure; waking the subscriber
//! is the driver's work.

use std::{collections::VecDeque, sync::Arc};

use crate::Frame;

/// What became of a pushed frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It waits to be popped.
    Queued,
    /// Left out: the queue waits for a key frame.
    Skipped,
    /// A lossless queue has lost; it takes no more.
    Overrun,
}

/// What a subscriber gets.
#[derive(Debug, Clone)]
pub enum Popped {
    /// The next frame.
    Frame(Arc<Frame>),
    /// This many frames were dropped before the frame that follows. Told once.
    Gap(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Full {
    /// Drop all and go on with the next key frame.
    Jump,
    /// Give up.
    Stop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was taken yet: the first frame must be a key frame.
    Begin,
    /// The next frame fits on the last one taken.
    Flow,
    /// Frames were dropped: only a key frame can follow.
    Gap,
    /// A lossless queue was full.
    Overrun,
}

/// A bounded FIFO of frames for one subscriber. Whatever comes out can be decoded: a frame never
/// follows a gap unless it is a key frame.
#[derive(Debug)]
pub struct Queue {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
    /// How much of the front came by [`Queue::prefill`] and does not count against the caps.
    free_frames: usize,
    free_bytes: usize,
    max_frames: usize,
    max_bytes: usize,
    full: Full,
    state: State,
    gap: u64,
    dropped: u64,
}

impl Queue {
    /// For viewers: when full it drops all it holds and goes on with the next key frame, so that a slow
    /// reader jumps forward. A key frame larger than `max_bytes` is taken by an empty queue.
    pub fn live(max_frames: usize, max_bytes: usize) -> Self {
        Self::new(Full::Jump, max_frames, max_bytes)
    }

    /// For recordings: when full it is overrun for good. What was queued can still be popped.
    pub fn lossless(max_frames: usize, max_bytes: usize) -> Self {
        Self::new(Full::Stop, max_frames, max_bytes)
    }

    fn new(full: Full, max_frames: usize, max_bytes: usize) -> Self {
        Self {
            frames: VecDeque::new(),
            bytes: 0,
            free_frames: 0,
            free_bytes: 0,
            max_frames: max_frames.max(1),
            max_bytes,
            full,
            state: State::Begin,
            gap: 0,
            dropped: 0,
        }
    }

    /// Puts the GOP cache in front of a queue that has taken nothing yet (later it does nothing).
    /// Never counts as overflow: these frames come on top of the caps until they are popped.
    pub fn prefill(&mut self, frames: Vec<Arc<Frame>>) {
        if self.state != State::Begin {
            return;
        }
        self.frames.extend(frames.into_iter().skip_while(|frame| !frame.unit.key));
        if !self.frames.is_empty() {
            self.state = State::Flow;
        }
        self.bytes = self.frames.iter().map(|frame| cost(frame)).sum();
        self.free_frames = self.frames.len();
        self.free_bytes = self.bytes;
    }

    /// Offers the next frame in decoding order. What comes before the first key frame is left out and
    /// counts as no loss.
    pub fn push(&mut self, frame: Arc<Frame>) -> Pushed {
        let key = frame.unit.key;
        match self.state {
            State::Overrun => {
                self.dropped += 1;
                return Pushed::Overrun;
            }
            State::Begin if !key => return Pushed::Skipped,
            State::Gap if !key => return self.skip(),
            _ => {}
        }
        if !self.fits(cost(&frame)) {
            if self.full == Full::Stop {
                self.state = State::Overrun;
                self.dropped += 1;
                return Pushed::Overrun;
            }
            self.drop_all();
            if !key {
                self.state = State::Gap;
                return self.skip();
            }
        }
        self.state = State::Flow;
        self.bytes += cost(&frame);
        self.frames.push_back(frame);
        Pushed::Queued
    }

    /// The next thing for the subscriber; `None`: nothing waits.
    pub fn pop(&mut self) -> Option<Popped> {
        if self.frames.is_empty() {
            return None;
        }
        if self.gap > 0 {
            return Some(Popped::Gap(std::mem::take(&mut self.gap)));
        }
        let frame = self.frames.pop_front()?;
        self.bytes -= cost(&frame);
        if self.free_frames > 0 {
            self.free_frames -= 1;
            self.free_bytes -= cost(&frame);
        }
        Some(Popped::Frame(frame))
    }

    /// Frames this subscriber has lost since the queue was made.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Frames waiting.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Does nothing wait?
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes waiting, as sent over RTSP.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Has a lossless queue lost a frame?
    pub fn is_overrun(&self) -> bool {
        self.state == State::Overrun
    }

    fn fits(&self, more_bytes: usize) -> bool {
        let (frames, bytes) = (self.frames.len() - self.free_frames, self.bytes - self.free_bytes);
        // Alone in the queue a frame of any size is taken; else a large key frame could never pass.
        self.frames.is_empty() || (frames < self.max_frames && bytes + more_bytes <= self.max_bytes)
    }

    fn skip(&mut self) -> Pushed {
        self.dropped += 1;
        self.gap += 1;
        Pushed::Skipped
    }

    fn drop_all(&mut self) {
        let lost = self.frames.len() as u64;
        self.dropped += lost;
        self.gap += lost;
        self.frames.clear();
        self.bytes = 0;
        self.free_frames = 0;
        self.free_bytes = 0;
    }
}

fn cost(frame: &Frame) -> usize {
    frame.rtp.interleaved().len()
}
