//! What is counted of sources and of calls to MediaMTX: plain atomics, read by whoever asks. No decision
//! hangs on any of them.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use base::histogram::{Distribution, Histogram};

/// Runs of one path's source.
#[derive(Debug, Default)]
pub(crate) struct SourceCounts {
    restarts: AtomicU64,
    started: AtomicU64,
    running: AtomicU32,
}

/// Runs of one path's source, as they were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Runs {
    /// Runs that began because the one before had failed, since the start of the service.
    pub restarts: u64,
    /// Programs started for it since the start of the service; a network camera needs none.
    pub processes_started: u64,
    /// Programs that run for it now: at most one.
    pub processes_running: u32,
}

/// A program that runs. Dropping it says that it was reaped.
#[derive(Debug)]
pub(crate) struct Process<'a>(&'a SourceCounts);

impl Drop for Process<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl SourceCounts {
    pub(crate) fn restarted(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn process(&self) -> Process<'_> {
        self.started.fetch_add(1, Ordering::Relaxed);
        self.running.fetch_add(1, Ordering::Relaxed);
        Process(self)
    }

    pub(crate) fn read(&self) -> Runs {
        Runs {
            restarts: self.restarts.load(Ordering::Relaxed),
            processes_started: self.started.load(Ordering::Relaxed),
            processes_running: self.running.load(Ordering::Relaxed),
        }
    }
}

/// Calls to MediaMTX.
#[derive(Debug, Default)]
pub(crate) struct CallCounts {
    errors: [AtomicU64; CallError::ALL.len()],
    took: Histogram,
}

/// Why a call to MediaMTX came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallError {
    /// Nobody is there, or the connection broke.
    Unreachable,
    /// No answer in time.
    Slow,
    /// Our token is not believed.
    Unauthorized,
    /// There is no such thing; also said by versions that lack a call we try.
    NotFound,
    /// It says no.
    Refused,
    /// It answers what MediaMTX would not.
    Nonsense,
}

impl CallError {
    /// All there are.
    pub const ALL: [Self; 6] =
        [Self::Unreachable, Self::Slow, Self::Unauthorized, Self::NotFound, Self::Refused, Self::Nonsense];

    /// One word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Slow => "slow",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
            Self::Nonsense => "nonsense",
        }
    }
}

/// Calls to MediaMTX, as they were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// Those that came to nothing, in the order of [`CallError::ALL`].
    pub errors: [u64; CallError::ALL.len()],
    /// How long each took, whatever came of it.
    pub took: Distribution,
}

impl CallCounts {
    pub(crate) fn took(&self, duration: std::time::Duration) {
        self.took.observe(duration);
    }

    pub(crate) fn failed(&self, error: CallError) {
        self.errors[error as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Calls {
        Calls {
            errors: std::array::from_fn(|at| self.errors[at].load(Ordering::Relaxed)),
            took: self.took.read(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_process_counts_until_it_is_reaped() {
        let counts = SourceCounts::default();
        let one = counts.process();
        counts.restarted();
        assert_eq!(counts.read(), Runs { restarts: 1, processes_started: 1, processes_running: 1 });
        drop(one);
        drop(counts.process());
        assert_eq!(counts.read(), Runs { restarts: 1, processes_started: 2, processes_running: 0 });
    }

    #[test]
    fn each_error_has_its_place() {
        let counts = CallCounts::default();
        for (times, error) in CallError::ALL.into_iter().enumerate() {
            (0..=times).for_each(|_| counts.failed(error));
        }
        counts.took(Duration::from_millis(3));
        assert_eq!(counts.read().errors, [1, 2, 3, 4, 5, 6]);
        assert_eq!((counts.read().took.count(), counts.read().took.sum_us), (1, 3_000));
        let names: std::collections::BTreeSet<&str> = CallError::ALL.map(CallError::name).into();
        assert_eq!(names.len(), CallError::ALL.len());
    }
}
