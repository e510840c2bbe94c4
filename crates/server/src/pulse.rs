//! Is the runtime turning? A task of it leaves a mark each second, and a thread of its own looks for that: it says so in
//! the log, to `/health/live` and to systemd's watchdog (systemd.service(5), `WatchdogSec=`), which ends a service that is silent.
//! What turns is not judged here: a room that waits for a disk or a camera holds up nobody else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use sd_notify::NotifyState;

/// From one mark to the next, and from one look to the next.
const BEAT: Duration = Duration::from_secs(1);
/// A mark older than this: whoever was to leave one cannot.
const DEAD_AFTER: Duration = Duration::from_secs(2);

/// The mark, and what was found. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Pulse(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    /// Milliseconds from `began` to the last mark.
    marked_ms: AtomicU64,
    alive: AtomicBool,
}

/// Looks until it is dropped.
#[derive(Debug)]
pub(crate) struct Looking(#[expect(dead_code, reason = "dropping it ends the thread")] mpsc::Sender<()>);

impl Pulse {
    pub(crate) fn new() -> Self {
        let began = Instant::now();
        Self(Arc::new(Inner { began, marked_ms: AtomicU64::new(0), alive: AtomicBool::new(true) }))
    }

    /// Does the runtime turn?
    pub(crate) fn is_alive(&self) -> bool {
        self.0.alive.load(Ordering::Relaxed)
    }

    /// Leaves marks from a task of this runtime, and looks for them from a thread.
    pub(crate) fn start(&self) -> Looking {
        let marking = self.clone();
        let mark = tokio::spawn(async move {
            let mut beat = tokio::time::interval(BEAT);
            beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                beat.tick().await;
                marking.mark(Instant::now());
            }
        });
        let (looking, until) = mpsc::channel();
        let looked = self.clone();
        let started = thread::Builder::new().name("pulse".into()).spawn(move || {
            // Half of what systemd waits for at most.
            let every = sd_notify::watchdog_enabled().map_or(BEAT, |interval| BEAT.min(interval / 2));
            while until.recv_timeout(every) == Err(mpsc::RecvTimeoutError::Timeout) {
                looked.look(Instant::now());
            }
            mark.abort();
        });
        if let Err(error) = started {
            tracing::warn!(%error, "no thread to watch the runtime: nobody tells if it stands still");
        }
        Looking(looking)
    }

    fn mark(&self, now: Instant) {
        let since = now.saturating_duration_since(self.0.began);
        self.0.marked_ms.store(since.as_millis() as u64, Ordering::Relaxed);
    }

    /// Judges the mark, and tells whoever is to know.
    fn look(&self, now: Instant) {
        let marked = self.0.began + Duration::from_millis(self.0.marked_ms.load(Ordering::Relaxed));
        let age = now.saturating_duration_since(marked);
        let alive = age <= DEAD_AFTER;
        match (self.0.alive.swap(alive, Ordering::Relaxed), alive) {
            (true, false) => tracing::error!(seconds = age.as_secs(), "the runtime stands still"),
            (false, true) => tracing::warn!("the runtime turns again"),
            _ => {}
        }
        if alive {
            // An error: there is no systemd, or it does not watch.
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_no_mark_is_dead_until_there_is_one() {
        let pulse = Pulse::new();
        let at = |millis| pulse.0.began + Duration::from_millis(millis);
        for (marked, looked, alive) in [
            (None, 900, true),
            (Some(1000), 2900, true),
            (None, 3100, false),
            (None, 9000, false),
            (Some(9100), 9900, true),
        ] {
            if let Some(marked) = marked {
                pulse.mark(at(marked));
            }
            pulse.look(at(looked));
            assert_eq!(pulse.is_alive(), alive, "{looked} ms");
        }
    }
}
