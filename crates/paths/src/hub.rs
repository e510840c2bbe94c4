//! Where the frames of one path are fanned out: GOP cache, one packetiser, a bounded queue for each
//! taker. A push never waits for anybody.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use engine::{
    Frame,
    gop::{self, GopCache},
    queue::{Popped, Pushed, Queue},
    rtp::Packetizer,
};
use media::{ParamSets, Unit, h264::Picture};
use tokio::sync::Notify;

use crate::{
    anchor::Anchor,
    rate::{Measured, Rate},
};

/// A viewer may lag this much before it is moved to the next key frame.
const LIVE_MAX_FRAMES: usize = 128;
const LIVE_MAX_BYTES: usize = 8 << 20;
/// A recorder may lag this much before its recording ends: many seconds of a stuck disk.
const LOSSLESS_MAX_FRAMES: usize = 1024;
const LOSSLESS_MAX_BYTES: usize = 64 << 20;

/// What a taker can bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TapKind {
    /// When it is too slow it continues at a later key frame.
    Live,
    /// It must have every frame; when it is too slow its tap ends.
    Lossless,
}

/// The hub of one path.
#[derive(Debug)]
pub(crate) struct Hub {
    inner: Mutex<Inner>,
    frames: AtomicU64,
    bytes_sent: AtomicU64,
    /// Told at the first frame of each run.
    first_frame: Arc<Notify>,
}

#[derive(Debug)]
struct Inner {
    gop: GopCache,
    packetizer: Packetizer,
    anchor: Anchor,
    takers: Vec<Arc<Taker>>,
    /// Arrival of the newest frame of the present run.
    newest: Option<Instant>,
    run_began: Option<SystemTime>,
    params: Option<Arc<ParamSets>>,
    rate: Rate,
}

#[derive(Debug)]
struct Taker {
    queue: Mutex<TakerQueue>,
    news: Notify,
}

#[derive(Debug)]
struct TakerQueue {
    frames: Queue,
    closed: bool,
}

/// What is known of a running stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct HubStatus {
    pub(crate) frames: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) last_frame_age: Option<Duration>,
    pub(crate) started_at: Option<SystemTime>,
    pub(crate) params: Option<Arc<ParamSets>>,
    /// As last measured, in this run or an earlier one.
    pub(crate) fps: Option<f64>,
    /// As it is now.
    pub(crate) measured: Option<Measured>,
}

impl Hub {
    pub(crate) fn new(ssrc: u32, first_seq: u16, timestamp_base: u32, first_frame: Arc<Notify>) -> Self {
        Self {
            inner: Mutex::new(Inner {
                gop: GopCache::new(gop::MAX_BYTES),
                packetizer: Packetizer::new(ssrc, first_seq, timestamp_base),
                anchor: Anchor::default(),
                takers: Vec::new(),
                newest: None,
                run_began: None,
                params: None,
                rate: Rate::default(),
            }),
            frames: AtomicU64::new(0),
            bytes_sent: AtomicU64::new(0),
            first_frame,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic in between leaves at worst one frame half delivered; the next one mends that.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new run of the source is about to deliver: its clock and pictures begin afresh.
    pub(crate) fn begin_run(&self) {
        let mut inner = self.lock();
        inner.anchor.new_run();
        inner.gop.clear();
        inner.newest = None;
        inner.run_began = None;
        inner.rate = Rate::default();
    }

    /// The run is over: what it left in the cache is not "now" any more.
    pub(crate) fn end_run(&self) {
        let mut inner = self.lock();
        inner.gop.clear();
        inner.newest = None;
        inner.run_began = None;
    }

    /// Takes one picture from the source. Pictures before the first key frame are of no use to anybody.
    pub(crate) fn push(&self, picture: Picture, source_90k: i64) {
        let (arrived, captured) = (Instant::now(), SystemTime::now());
        let mut inner = self.lock();
        let first = inner.newest.is_none();
        if first && !picture.key {
            return;
        }
        let pts_90k = inner.anchor.place(source_90k, arrived);
        let Picture { key, data, params } = picture;
        if inner.params.as_ref().is_none_or(|old| !Arc::ptr_eq(old, &params)) {
            inner.params = Some(params.clone());
        }
        let unit = Arc::new(Unit { pts_90k, key, data, params, captured, arrived });
        let rtp = inner.packetizer.packetize(&unit);
        let frame = Arc::new(Frame { unit, rtp });
        inner.gop.push(frame.clone());
        inner.newest = Some(arrived);
        inner.rate.count(arrived, frame.unit.data.len());
        for taker in &inner.takers {
            taker.push(frame.clone());
        }
        if first {
            inner.run_began = Some(captured);
        }
        drop(inner);
        self.frames.fetch_add(1, Ordering::Relaxed);
        if first {
            self.first_frame.notify_one();
        }
    }

    /// Joins: first the cached GOP, then every frame after it, with no gap and no double.
    pub(crate) fn tap(self: &Arc<Self>, kind: TapKind) -> Tap {
        let mut frames = match kind {
            TapKind::Live => Queue::live(LIVE_MAX_FRAMES, LIVE_MAX_BYTES),
            TapKind::Lossless => Queue::lossless(LOSSLESS_MAX_FRAMES, LOSSLESS_MAX_BYTES),
        };
        let mut inner = self.lock();
        frames.prefill(inner.gop.frames());
        let taker =
            Arc::new(Taker { queue: Mutex::new(TakerQueue { frames, closed: false }), news: Notify::new() });
        inner.takers.push(taker.clone());
        drop(inner);
        Tap { hub: self.clone(), taker }
    }

    /// The pictures since the last key frame, oldest first; empty when nothing runs.
    pub(crate) fn gop(&self) -> Vec<Arc<Unit>> {
        self.lock().gop.units()
    }

    /// Arrival of the newest frame of this run.
    pub(crate) fn newest(&self) -> Option<Instant> {
        self.lock().newest
    }

    /// The stream's synchronisation source.
    pub(crate) fn ssrc(&self) -> u32 {
        self.lock().packetizer.ssrc()
    }

    pub(crate) fn params(&self) -> Option<Arc<ParamSets>> {
        self.lock().params.clone()
    }

    /// Ends all taps: the path is going away.
    pub(crate) fn close(&self) {
        for taker in self.lock().takers.drain(..) {
            taker.lock().closed = true;
            taker.news.notify_one();
        }
    }

    pub(crate) fn count_sent(&self, bytes: u64) {
        self.bytes_sent.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn status(&self) -> HubStatus {
        let inner = self.lock();
        HubStatus {
            frames: self.frames.load(Ordering::Relaxed),
            bytes_sent: self.bytes_sent.load(Ordering::Relaxed),
            last_frame_age: inner.newest.map(|at| at.elapsed()),
            started_at: inner.run_began,
            params: inner.params.clone(),
            fps: inner.rate.newest().map(|measured| measured.fps),
            measured: inner.newest.and_then(|_| inner.rate.at(Instant::now())),
        }
    }
}

impl Taker {
    fn lock(&self) -> MutexGuard<'_, TakerQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, frame: Arc<Frame>) {
        let mut queue = self.lock();
        let pushed = queue.frames.push(frame);
        if pushed == Pushed::Overrun {
            queue.closed = true;
        }
        drop(queue);
        self.news.notify_one();
    }
}

/// One taker's end of a path. Dropping it leaves.
#[derive(Debug)]
pub struct Tap {
    hub: Arc<Hub>,
    taker: Arc<Taker>,
}

impl Tap {
    /// The next frame, or how many were lost before it; `None` when the path has closed, or when a
    /// lossless taker was too slow ([`Self::overrun`]).
    pub async fn next(&mut self) -> Option<Popped> {
        loop {
            if let Some(popped) = self.try_next() {
                return Some(popped);
            }
            if self.taker.lock().closed {
                return None;
            }
            self.taker.news.notified().await;
        }
    }

    /// The next frame if it is there already.
    pub fn try_next(&mut self) -> Option<Popped> {
        self.taker.lock().frames.pop()
    }

    /// Nothing waits to be taken.
    pub fn is_empty(&self) -> bool {
        self.taker.lock().frames.is_empty()
    }

    /// This taker was too slow to have every frame.
    pub fn overrun(&self) -> bool {
        self.taker.lock().frames.is_overrun()
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.hub.lock().takers.retain(|taker| !Arc::ptr_eq(taker, &self.taker));
    }
}
