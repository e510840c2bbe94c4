//! Keeps one source running while it is wanted: a pure state machine. Time and facts go in, orders
//! and the next deadline with its reason come out; a driver starts processes and sends signals.
//!
//! It watches frames, not the process: ffmpeg exits 0 when a camera vanishes and hangs when one
//! freezes, so an exit code proves nothing and a live process neither.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::backoff::Backoff;

/// The numbers a supervisor goes by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// From the start order to the first frame.
    pub start_timeout: Duration,
    /// Longest silence of a running source before it counts as frozen.
    pub frame_timeout: Duration,
    /// From the interrupt to the kill.
    pub kill_grace: Duration,
    /// Wait after the first failure; doubles.
    pub backoff_first: Duration,
    /// Longest wait between two attempts.
    pub backoff_max: Duration,
    /// Failed attempts in a row after which those who wait are told; attempts go on while wanted.
    pub give_up_after: u32,
    /// A run at least this long was a success: the back-off starts over.
    pub proven_after: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            start_timeout: Duration::from_secs(10),
            frame_timeout: Duration::from_secs(5),
            kill_grace: Duration::from_secs(3),
            backoff_first: Duration::from_millis(250),
            backoff_max: Duration::from_secs(10),
            give_up_after: 3,
            proven_after: Duration::from_secs(10),
        }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Somebody needs frames. `restart`: they want it back when it dies.
    Want {
        /// Try again after a failure.
        restart: bool,
    },
    /// Nobody needs frames any more.
    Unwant,
    /// A frame came at this time (the driver may report the newest of many).
    Frame(Instant),
    /// The source has ended and is reaped. `hopeless`: trying again cannot help (no such program).
    Exited {
        /// Another attempt would end the same way.
        hopeless: bool,
    },
    /// The source is known to be well: that it failed before says nothing any more.
    Anew,
    /// The time of [`Supervisor::deadline`] has come (reporting it early does no harm).
    Timeout,
}

/// What the driver has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Start the source.
    Start,
    /// Ask it to end (SIGINT to its process group).
    Interrupt,
    /// Make it end (SIGKILL to its process group).
    Kill,
    /// Tell whoever waits that the state is new.
    Report(State),
}

/// What is known of the source, for those who wait and watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not wanted, not running.
    Idle,
    /// Started, or about to be started again; no frame yet.
    Starting,
    /// Frames flow.
    Live,
    /// Told to end.
    Stopping,
    /// Given up for now.
    Failed,
}

/// Why the driver is to wake the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// No first frame within `start_timeout`.
    FirstFrameOverdue,
    /// No frame for `frame_timeout`.
    Frozen,
    /// The interrupt was ignored.
    KillGrace,
    /// The next attempt is due.
    Backoff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    // The back-off outlives the wish: clients that come and go must not make us hammer a dead camera.
    Idle { not_before: Option<Instant> },
    Starting { until: Instant },
    Live { since: Instant, last: Instant },
    // `kill_at` is `None` once killed: the exit must come, and is waited for without end.
    Stopping { kill_at: Option<Instant>, end: End },
    Waiting { until: Instant, retry: bool },
}

/// Why a source was told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It failed: no first frame, or frozen.
    Failed,
    /// It was live, and nobody wants it any more.
    Unwanted,
    /// Nobody wanted it any more before it had a frame.
    Aborted,
}

/// One source under supervision.
#[derive(Debug)]
pub struct Supervisor {
    rules: Rules,
    phase: Phase,
    wanted: bool,
    restart: bool,
    hopeless: bool,
    failures: u32,
    backoff: Backoff,
    reported: State,
    actions: VecDeque<Action>,
}

impl Supervisor {
    /// Idle and unwanted.
    pub fn new(rules: Rules) -> Self {
        let backoff = Backoff::new(rules.backoff_first, rules.backoff_max);
        Self {
            rules,
            phase: Phase::Idle { not_before: None },
            wanted: false,
            restart: false,
            hopeless: false,
            failures: 0,
            backoff,
            reported: State::Idle,
            actions: VecDeque::new(),
        }
    }

    /// Changes how long the next start may take (the most patient of those who want it).
    pub fn set_start_timeout(&mut self, timeout: Duration) {
        self.rules.start_timeout = timeout;
    }

    /// Takes note of one fact.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Want { restart } => {
                let news = !self.wanted;
                self.wanted = true;
                self.restart = restart;
                match self.phase {
                    Phase::Idle { not_before: Some(until) } if until > now => {
                        self.phase = Phase::Waiting { until, retry: true };
                        self.report(State::Starting);
                    }
                    Phase::Idle { .. } => {
                        self.start(now);
                        self.report(State::Starting);
                    }
                    Phase::Waiting { until, retry } => {
                        self.phase = Phase::Waiting { until, retry: retry || restart || news };
                    }
                    Phase::Starting { .. } | Phase::Live { .. } | Phase::Stopping { .. } => {}
                }
            }
            Input::Unwant => {
                self.wanted = false;
                match self.phase {
                    Phase::Starting { .. } => self.interrupt(now, End::Aborted),
                    Phase::Live { .. } => self.interrupt(now, End::Unwanted),
                    Phase::Waiting { until, .. } => self.idle(Some(until)),
                    Phase::Idle { .. } | Phase::Stopping { .. } => {}
                }
            }
            Input::Frame(at) => self.frame(at),
            Input::Exited { hopeless } => self.exited(now, hopeless),
            Input::Anew => self.anew(now),
            Input::Timeout => self.timeout(now),
        }
    }

    /// The next order, oldest first.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`Self::handle`] with [`Input::Timeout`], and why.
    pub fn deadline(&self) -> Option<(Instant, Why)> {
        match self.phase {
            Phase::Idle { .. } => None,
            Phase::Starting { until } => Some((until, Why::FirstFrameOverdue)),
            Phase::Live { last, .. } => Some((last + self.rules.frame_timeout, Why::Frozen)),
            Phase::Stopping { kill_at, .. } => kill_at.map(|at| (at, Why::KillGrace)),
            Phase::Waiting { until, retry } => retry.then_some((until, Why::Backoff)),
        }
    }

    /// The state last reported.
    pub fn state(&self) -> State {
        self.reported
    }

    /// Failed attempts since the last run that was good.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    fn frame(&mut self, at: Instant) {
        match &mut self.phase {
            Phase::Starting { .. } => {
                self.phase = Phase::Live { since: at, last: at };
                self.report(State::Live);
            }
            Phase::Live { last, .. } => *last = at.max(*last),
            // Frames of a source that is being stopped no longer count.
            Phase::Idle { .. } | Phase::Stopping { .. } | Phase::Waiting { .. } => {}
        }
    }

    fn exited(&mut self, now: Instant, hopeless: bool) {
        self.hopeless = hopeless;
        match self.phase {
            Phase::Starting { .. } | Phase::Stopping { end: End::Failed, .. } => self.failed(now),
            Phase::Live { since, .. } => {
                if now.saturating_duration_since(since) >= self.rules.proven_after {
                    self.proven();
                }
                self.failed(now);
            }
            Phase::Stopping { end: End::Aborted, .. } => {
                let until = now + self.rules.backoff_first;
                if self.wanted {
                    self.phase = Phase::Waiting { until, retry: true };
                    self.report(State::Starting);
                } else {
                    self.idle(Some(until));
                }
            }
            Phase::Stopping { end: End::Unwanted, .. } => {
                // It ended because nobody wanted it; if somebody has come since, begin afresh.
                self.proven();
                if self.wanted {
                    self.start(now);
                    self.report(State::Starting);
                } else {
                    self.idle(None);
                }
            }
            Phase::Idle { .. } | Phase::Waiting { .. } => {}
        }
    }

    fn anew(&mut self, now: Instant) {
        self.proven();
        self.hopeless = false;
        match self.phase {
            Phase::Idle { .. } => self.phase = Phase::Idle { not_before: None },
            Phase::Waiting { retry, .. } => {
                let retry = retry || self.restart;
                self.phase = Phase::Waiting { until: now, retry };
                if retry {
                    self.report(State::Starting);
                }
            }
            Phase::Starting { .. } | Phase::Live { .. } | Phase::Stopping { .. } => {}
        }
    }

    fn timeout(&mut self, now: Instant) {
        if self.deadline().is_none_or(|(at, _)| now < at) {
            return;
        }
        match self.phase {
            Phase::Starting { .. } => self.interrupt(now, End::Failed),
            Phase::Live { since, last } => {
                if last.saturating_duration_since(since) >= self.rules.proven_after {
                    self.proven();
                }
                self.interrupt(now, End::Failed);
            }
            Phase::Stopping { end, .. } => {
                self.phase = Phase::Stopping { kill_at: None, end };
                self.actions.push_back(Action::Kill);
            }
            Phase::Waiting { .. } => self.start(now),
            Phase::Idle { .. } => {}
        }
    }

    fn start(&mut self, now: Instant) {
        self.phase = Phase::Starting { until: now + self.rules.start_timeout };
        self.actions.push_back(Action::Start);
    }

    fn interrupt(&mut self, now: Instant, end: End) {
        self.phase = Phase::Stopping { kill_at: Some(now + self.rules.kill_grace), end };
        self.actions.push_back(Action::Interrupt);
        // A frozen source is not live, but those who wait may still get their frames. Once given up,
        // a retry is no news.
        if end != End::Failed || self.reported != State::Failed {
            self.report(if end == End::Failed { State::Starting } else { State::Stopping });
        }
    }

    fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        let until = now + self.backoff.after_failure();
        if !self.wanted {
            self.idle(Some(until));
            return;
        }
        self.phase = Phase::Waiting { until, retry: self.restart };
        let give_up = self.hopeless || !self.restart || self.failures >= self.rules.give_up_after;
        self.report(if give_up { State::Failed } else { State::Starting });
    }

    fn proven(&mut self) {
        self.failures = 0;
        self.backoff.reset();
    }

    fn idle(&mut self, not_before: Option<Instant>) {
        self.phase = Phase::Idle { not_before };
        self.report(State::Idle);
    }

    fn report(&mut self, state: State) {
        if self.reported != state {
            self.reported = state;
            self.actions.push_back(Action::Report(state));
        }
    }
}

#[cfg(test)]
#[path = "supervisor_tests.rs"]
mod tests;
