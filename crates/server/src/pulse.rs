//! Is the runtime turning? A thread asks a task of it for a sign each second, and looks whether one came: it says so in
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
use tokio::sync::Notify;

/// From one question to the next.
const BEAT: Duration = Duration::from_secs(1);
/// A question that waits this long: whoever was to answer cannot.
const DEAD_AFTER: Duration = Duration::from_secs(2);

/// The answer, and what was found. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Pulse(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The question. A timer of the runtime's would wake it twice for each.
    asked: Notify,
    /// Questions answered.
    answers: AtomicU64,
    alive: AtomicBool,
}

/// What is asked now.
#[derive(Debug)]
struct Question {
    since: Instant,
    /// Questions that were answered before it.
    answers: u64,
}

/// Looks until it is dropped.
#[derive(Debug)]
pub(crate) struct Looking(#[expect(dead_code, reason = "dropping it ends the thread")] mpsc::Sender<()>);

impl Pulse {
    pub(crate) fn new() -> Self {
        let (asked, answers, alive) = (Notify::new(), AtomicU64::new(0), AtomicBool::new(true));
        Self(Arc::new(Inner { asked, answers, alive }))
    }

    /// Does the runtime turn?
    pub(crate) fn is_alive(&self) -> bool {
        self.0.alive.load(Ordering::Relaxed)
    }

    /// Answers from a task of this runtime, and asks from a thread.
    pub(crate) fn start(&self) -> Looking {
        let answering = self.clone();
        let answers = tokio::spawn(async move {
            loop {
                answering.0.asked.notified().await;
                answering.answer();
            }
        });
        let (looking, until) = mpsc::channel();
        let pulse = self.clone();
        let started = thread::Builder::new().name("pulse".into()).spawn(move || {
            // Half of what systemd waits for at most.
            let every = sd_notify::watchdog_enabled().map_or(BEAT, |interval| BEAT.min(interval / 2));
            let mut question = pulse.ask(Instant::now());
            while until.recv_timeout(every) == Err(mpsc::RecvTimeoutError::Timeout) {
                question = pulse.look(question, Instant::now());
            }
            answers.abort();
        });
        if let Err(error) = started {
            tracing::warn!(%error, "no thread to watch the runtime: nobody tells if it stands still");
        }
        Looking(looking)
    }

    fn ask(&self, now: Instant) -> Question {
        // Counted first: the answer may come at once.
        let question = Question { since: now, answers: self.0.answers.load(Ordering::Relaxed) };
        self.0.asked.notify_one();
        question
    }

    fn answer(&self) {
        self.0.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// Judges by how long the question waits, and tells whoever is to know; gives the next question, or the same while it
    /// is open.
    fn look(&self, question: Question, now: Instant) -> Question {
        let answered = self.0.answers.load(Ordering::Relaxed) != question.answers;
        let age = now.saturating_duration_since(question.since);
        let alive = answered || age < DEAD_AFTER;
        match (self.0.alive.swap(alive, Ordering::Relaxed), alive) {
            (true, false) => tracing::error!(seconds = age.as_secs(), "the runtime stands still"),
            (false, true) => tracing::warn!("the runtime turns again"),
            _ => {}
        }
        if alive {
            // An error: there is no systemd, or it does not watch.
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
        if answered { self.ask(now) } else { question }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_answer_is_dead_until_it_does() {
        let (pulse, began) = (Pulse::new(), Instant::now());
        let at = |millis| began + Duration::from_millis(millis);
        let mut question = pulse.ask(at(0));
        for (answers, looked, alive) in [
            (true, 1000, true),
            (false, 2000, true),
            (false, 2999, true),
            (false, 3000, false),
            (false, 9000, false),
            (true, 10_000, true),
            (false, 11_000, true),
            (false, 12_000, false),
        ] {
            if answers {
                pulse.answer();
            }
            question = pulse.look(question, at(looked));
            assert_eq!(pulse.is_alive(), alive, "{looked} ms");
        }
    }
}
