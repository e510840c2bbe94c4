//! Is the runtime turning? A thread asks a task of it for a sign each second, and looks whether one came: it says so in
//! the log, to `/health/live` and to systemd's watchdog (systemd.service(5), `WatchdogSec=`), which ends a service that is silent.
//! What turns is not judged here: a room that waits for a disk or a camera holds up nobody else.

use std::{
    io,
    os::unix::net::UnixDatagram,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use sd_notify::NotifyState;

/// From one question to the next.
const BEAT: Duration = Duration::from_secs(1);
/// A question that waits this long: whoever was to answer cannot.
const DEAD_AFTER: Duration = Duration::from_secs(2);

/// The answer, and what was found. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Pulse(Arc<Inner>);

#[derive(Debug)]
struct Inner {
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
        Self(Arc::new(Inner { answers: AtomicU64::new(0), alive: AtomicBool::new(true) }))
    }

    /// Does the runtime turn?
    pub(crate) fn is_alive(&self) -> bool {
        self.0.alive.load(Ordering::Relaxed)
    }

    /// Answers from a task of this runtime, and asks from a thread.
    ///
    /// # Errors
    /// If there is no descriptor or no thread for it.
    pub(crate) fn start(&self) -> io::Result<Looking> {
        // Through a socket: it wakes the one thread of the runtime that waits for sockets, anything else two (and a timer
        // the same one twice).
        let (ask, asked) = UnixDatagram::pair()?;
        ask.set_nonblocking(true)?;
        asked.set_nonblocking(true)?;
        let asked = tokio::net::UnixDatagram::from_std(asked)?;
        let answering = self.clone();
        let answers = tokio::spawn(async move {
            while asked.recv(&mut [0]).await.is_ok() {
                answering.answer();
            }
        });
        let (looking, until) = mpsc::channel();
        let pulse = self.clone();
        let looks = move || {
            // Half of what systemd waits for at most.
            let every = sd_notify::watchdog_enabled().map_or(BEAT, |interval| BEAT.min(interval / 2));
            let mut question = None;
            while until.recv_timeout(every) == Err(mpsc::RecvTimeoutError::Timeout) {
                question = pulse.look(question, Instant::now());
                if question.is_none() {
                    question = Some(pulse.question(Instant::now()));
                    // An error: the runtime is gone, which the open question will tell.
                    let _ = ask.send(&[0]);
                }
            }
            answers.abort();
        };
        thread::Builder::new().name("pulse".into()).spawn(looks)?;
        Ok(Looking(looking))
    }

    fn question(&self, now: Instant) -> Question {
        Question { since: now, answers: self.0.answers.load(Ordering::Relaxed) }
    }

    fn answer(&self) {
        self.0.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// Judges by how long the question waits, and tells whoever is to know; gives it back while it is open.
    fn look(&self, question: Option<Question>, now: Instant) -> Option<Question> {
        let open = question.filter(|question| self.0.answers.load(Ordering::Relaxed) == question.answers);
        let age = open.as_ref().map_or(Duration::ZERO, |open| now.saturating_duration_since(open.since));
        let alive = age < DEAD_AFTER;
        match (self.0.alive.swap(alive, Ordering::Relaxed), alive) {
            (true, false) => tracing::error!(seconds = age.as_secs(), "the runtime stands still"),
            (false, true) => tracing::warn!("the runtime turns again"),
            _ => {}
        }
        if alive {
            // An error: there is no systemd, or it does not watch.
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
        open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_answer_is_dead_until_it_does() {
        let (pulse, began) = (Pulse::new(), Instant::now());
        let at = |millis| began + Duration::from_millis(millis);
        let mut question = Some(pulse.question(at(0)));
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
            question = pulse.look(question, at(looked)).or_else(|| Some(pulse.question(at(looked))));
            assert_eq!(pulse.is_alive(), alive, "{looked} ms");
        }
    }

    #[tokio::test]
    async fn a_runtime_that_turns_answers() {
        let pulse = Pulse::new();
        let _looking = pulse.start().unwrap();
        while pulse.0.answers.load(Ordering::Relaxed) < 2 {
            tokio::task::yield_now().await;
        }
        assert!(pulse.is_alive());
    }
}
