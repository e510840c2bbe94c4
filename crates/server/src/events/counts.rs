//! What is counted of events: by topic as they are written down, their delay as each leaves for a client,
//! and what could not be told. Topics are a closed list, so labels are bounded.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use control::histogram::{Distribution, Histogram};

use super::Topic;

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    published: [AtomicU64; Topic::ALL.len()],
    lost: AtomicU64,
    dropped: AtomicU64,
    delay: Histogram,
}

/// The counters and the queues, as they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Events written down.
    pub(crate) published: Vec<(Topic, u64)>,
    /// Events that came too fast to be written down.
    pub(crate) lost: u64,
    /// Events a client asked for and was not told, added up over clients: its queue was full, or what it missed was
    /// no longer in the journal.
    pub(crate) dropped: u64,
    /// From an event's happening to its being handed to a connection's writer; those that are told again are not
    /// in it.
    pub(crate) delay: Distribution,
    /// Connections that asked for any.
    pub(crate) subscribers: usize,
    /// Events that wait, in all queues.
    pub(crate) waiting: usize,
    /// Events that wait in the longest queue.
    pub(crate) longest: usize,
}

impl Counts {
    pub(super) fn published(&self, topic: Topic) {
        self.published[topic as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, count: u64) {
        self.lost.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn left_after(&self, delay: Duration) {
        self.delay.observe(delay);
    }

    /// `queues`: how many events wait in each.
    pub(super) fn read(&self, queues: &[usize]) -> Counted {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            published: Topic::ALL.map(|topic| (topic, read(&self.published[topic as usize]))).into(),
            lost: read(&self.lost),
            dropped: read(&self.dropped),
            delay: self.delay.read(),
            subscribers: queues.len(),
            waiting: queues.iter().sum(),
            longest: queues.iter().copied().max().unwrap_or_default(),
        }
    }
}
