//! What has happened since the start, counted. Read at any time, reset never.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use files::Cleaned;

use crate::api;

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    recordings_started: AtomicU64,
    recordings_cut_short: AtomicU64,
    snapshots_taken: AtomicU64,
    snapshots_failed: AtomicU64,
    recordings_written_bytes: AtomicU64,
    retention_files: AtomicU64,
    retention_bytes: AtomicU64,
    retention_failures: AtomicU64,
    /// Milliseconds since 1970; 0: never.
    retention_ran_ms: AtomicU64,
}

impl Counts {
    pub(crate) fn recording_started(&self) {
        self.recordings_started.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn recording_cut_short(&self) {
        self.recordings_cut_short.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn recording_grew(&self, bytes: u64) {
        self.recordings_written_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self, taken: bool) {
        let counter = if taken { &self.snapshots_taken } else { &self.snapshots_failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Retention has run, `now`; an error: it could not.
    pub(crate) fn retention(&self, now: SystemTime, cleaned: &base::Result<Cleaned>) {
        let add = |counter: &AtomicU64, count: u64| counter.fetch_add(count, Ordering::Relaxed);
        match cleaned {
            Ok(cleaned) => {
                add(&self.retention_files, cleaned.files.len() as u64);
                add(&self.retention_bytes, cleaned.bytes);
                add(&self.retention_failures, cleaned.failed.len() as u64);
                let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                let ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
                self.retention_ran_ms.store(ms, Ordering::Relaxed);
            }
            Err(_) => {
                add(&self.retention_failures, 1);
            }
        }
    }

    pub(crate) fn read(&self) -> api::Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let ran_ms = read(&self.retention_ran_ms);
        api::Counts {
            recordings_started: read(&self.recordings_started),
            recordings_cut_short: read(&self.recordings_cut_short),
            snapshots_taken: read(&self.snapshots_taken),
            snapshots_failed: read(&self.snapshots_failed),
            recordings_written_bytes: read(&self.recordings_written_bytes),
            retention_files: read(&self.retention_files),
            retention_bytes: read(&self.retention_bytes),
            retention_failures: read(&self.retention_failures),
            retention_ran: SystemTime::UNIX_EPOCH
                .checked_add(Duration::from_millis(ran_ms))
                .filter(|_| ran_ms > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_is_counted_by_what_went_and_what_did_not() {
        let counts = Counts::default();
        assert_eq!(counts.read(), api::Counts::default());
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_234_567);
        let files = vec![("a".to_owned(), files::Rule::Age), ("b".to_owned(), files::Rule::Size)];
        counts.retention(now, &Ok(Cleaned { files, bytes: 70, failed: vec!["c".into()] }));
        counts.retention(now + Duration::from_secs(9), &Err(base::Error::new(base::Kind::Io, "no")));
        let read = counts.read();
        assert_eq!((read.retention_files, read.retention_bytes, read.retention_failures), (2, 70, 2));
        assert_eq!(read.retention_ran, Some(now), "one that failed has not looked");
    }
}
