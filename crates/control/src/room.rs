//! Is there room on the disk? Looked at whenever it is looked at anyway: before and while something is
//! recorded, and each time retention runs. What is told is a limit that was crossed, not each look.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use files::{Files, Space};

use crate::{
    convert,
    error::{Error, Kind, Result},
    events::{Event, Events, StorageLevel},
    storage::{Limits, usage_percent},
};

/// How far below a limit a disk must be to count as below it again, in percent: one that lies at the
/// limit does not chatter.
const SLACK_PERCENT: f64 = 1.0;

/// From one look at the disk to the next when nobody looks anyway: nothing tells that a disk fills, and a look is one
/// system call.
const LOOK_INTERVAL: Duration = Duration::from_millis(1500);

/// Watches how full the disk of the recordings is. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<Inner>);

/// The disk is looked at until it is dropped.
#[derive(Debug)]
pub(crate) struct Looking(#[expect(dead_code, reason = "dropping it ends the thread")] mpsc::Sender<()>);

#[derive(Debug)]
struct Inner {
    limits: Limits,
    files: Files,
    events: Events,
    level: Mutex<StorageLevel>,
    /// It has answered when it was last looked at.
    answers: AtomicBool,
}

impl Room {
    pub(crate) fn new(limits: Limits, files: Files, events: Events) -> Self {
        Self(Arc::new(Inner {
            limits,
            files,
            events,
            level: Mutex::new(StorageLevel::Enough),
            answers: AtomicBool::new(true),
        }))
    }

    /// Is there room for a recording or a clip to begin? Looks, as [`Self::look`] does.
    pub(crate) fn check(&self) -> Result<()> {
        let Inner { limits, files, .. } = &*self.0;
        let space = files.space().map_err(|e| convert::file_error(&e, ""))?;
        self.seen(space);
        let required = limits.required(space, files.required());
        if space.available < required {
            let kind = Kind::StorageFull { available: space.available, required };
            return Err(Error::new(kind, "not enough free space to begin a recording"));
        }
        Ok(())
    }

    /// Looks, and tells of a limit that was crossed. A look costs one system call.
    pub(crate) fn look(&self) {
        let space = self.0.files.space();
        let answers = space.is_ok();
        match space {
            Ok(space) => _ = self.seen(space),
            Err(error) => tracing::debug!(%error, "the disk could not be looked at"),
        }
        if self.0.answers.swap(answers, Ordering::Relaxed) != answers {
            self.0.events.stir();
        }
    }

    /// Looks again and again, until what this gives is dropped, in a thread of its own: a disk that hangs keeps that
    /// alone, and is looked at no more until it answers; and a timer of the runtime's would wake four threads for each
    /// look.
    pub(crate) fn watch(self) -> Result<Looking> {
        let (looking, until) = mpsc::channel();
        let looks = move || {
            while until.recv_timeout(LOOK_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                self.look();
            }
        };
        let started = thread::Builder::new().name("disk".into()).spawn(looks);
        started.map_err(|e| Error::new(Kind::Internal, "no thread for the disk").with_private(e))?;
        Ok(Looking(looking))
    }

    /// Looks, too: what is used of what can be used, in percent, and where that is; `None`: the disk does
    /// not answer.
    pub(crate) fn level(&self) -> Option<(f64, StorageLevel)> {
        let space = self.0.files.space().ok()?;
        Some((usage_percent(space), self.seen(space)))
    }

    /// Somebody has looked.
    pub(crate) fn seen(&self, space: Space) -> StorageLevel {
        let usage_percent = usage_percent(space);
        let mut level = self.0.level.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.0.limits.level(usage_percent, *level);
        if now != *level {
            *level = now;
            tracing::info!(usage_percent, level = ?now, "room on disk");
            // Under the lock: two who look at once tell in the order in which they found it.
            self.0.events.tell(Event::Storage { usage_percent });
        }
        now
    }
}

impl Limits {
    fn level(self, usage_percent: f64, before: StorageLevel) -> StorageLevel {
        let above = |limit: f64, level| {
            usage_percent >= limit || before >= level && usage_percent > limit - SLACK_PERCENT
        };
        if above(self.block_percent, StorageLevel::Full) {
            StorageLevel::Full
        } else if above(self.warn_percent, StorageLevel::Low) {
            StorageLevel::Low
        } else {
            StorageLevel::Enough
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_at_its_limit_does_not_chatter() {
        use StorageLevel::{Enough, Full, Low};
        let limits = Limits { warn_percent: 80.0, block_percent: 95.0 };
        let mut level = Enough;
        let mut told = Vec::new();
        for percent in [10.0, 79.9, 80.0, 79.5, 80.1, 79.1, 78.9, 96.0, 94.5, 93.0, 79.5, 99.0, 5.0] {
            let now = limits.level(percent, level);
            if now != level {
                told.push((percent, now));
            }
            level = now;
        }
        let expected = [(80.0, Low), (78.9, Enough), (96.0, Full), (93.0, Low), (99.0, Full), (5.0, Enough)];
        assert_eq!(told, expected);
    }
}
