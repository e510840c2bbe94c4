//! What has happened since the start, counted. Read at any time, reset never.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::api;

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    recordings_started: AtomicU64,
    recordings_cut_short: AtomicU64,
    snapshots_taken: AtomicU64,
    snapshots_failed: AtomicU64,
}

impl Counts {
    pub(crate) fn recording_started(&self) {
        self.recordings_started.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn recording_cut_short(&self) {
        self.recordings_cut_short.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self, taken: bool) {
        let counter = if taken { &self.snapshots_taken } else { &self.snapshots_failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> api::Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        api::Counts {
            recordings_started: read(&self.recordings_started),
            recordings_cut_short: read(&self.recordings_cut_short),
            snapshots_taken: read(&self.snapshots_taken),
            snapshots_failed: read(&self.snapshots_failed),
        }
    }
}
