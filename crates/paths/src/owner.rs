//! The task that owns one path's source: it feeds the supervisor with facts and carries out its
//! orders. All decisions are the supervisor's and the demand's.

use std::{sync::Arc, time::Instant};

use base::{
    Error,
    supervisor::{Action, Input, Rules, State, Supervisor, Why},
};
use tokio::{sync::watch, task::JoinHandle};
use tracing::Instrument as _;

use crate::{
    path::{NO_PICTURE, Path},
    source::{self, Attempt, Order, Outcome, Source},
};

/// What is known of the source, as its owner last said.
#[derive(Debug, Clone)]
pub(crate) struct Phase {
    pub(crate) state: State,
    /// The owner has taken note of arrivals up to this one.
    pub(crate) arrivals_seen: u64,
    /// Why the last run failed, while the source has not come back.
    pub(crate) trouble: Option<Outcome>,
    /// It has been told: another attempt is no news until it is a good one.
    pub(crate) given_up: bool,
}

impl Phase {
    /// Nobody has pictures, and it is known why. Where that is plain, nobody waits for the source to be given up.
    pub(crate) fn fails(&self) -> bool {
        self.given_up || self.trouble.as_ref().is_some_and(Outcome::is_plain)
    }

    /// The source is another one, of which nothing is known.
    pub(crate) fn forget_trouble(&mut self) {
        (self.trouble, self.given_up) = (None, false);
    }

    /// It has ended by itself, and nobody has given it up.
    pub(crate) fn restarts(&self) -> bool {
        self.trouble.is_some() && !self.fails()
    }
}

struct Run {
    source: Source,
    orders: watch::Sender<Order>,
    task: JoinHandle<Outcome>,
}

/// Why a source that gave pictures is ended.
const FROZEN: &str = "no pictures come from the camera any more: it may hang; it is started anew";

/// What is told to who waits for a path that is taken away.
const REMOVED: &str = "the stream was removed";

/// Owns the source of `path` until `stop` says so, its sender is gone or the path is removed; then ends the
/// source first.
pub(crate) async fn own(path: Arc<Path>, mut stop: watch::Receiver<bool>) {
    let mut supervisor = Supervisor::new(Rules::default());
    let mut run: Option<Run> = None;
    let mut trouble: Option<Outcome> = None;
    let mut given_up = false;
    let mut source = path.source();
    // The present run is being ended because it gives no pictures.
    let mut silenced = false;
    let mut stopping = false;
    loop {
        let now = Instant::now();
        stopping |= path.is_removed();
        let (wish, arrivals_seen) = path.wish(now);
        let moved = std::mem::replace(&mut source, path.source()) != source;
        let well =
            path.take_well() && run.is_none() && trouble.as_ref().is_some_and(Outcome::is_of_the_source);
        if moved || well {
            supervisor.handle(now, Input::Anew);
            (trouble, given_up) = (None, false);
        }
        if wish.wanted && !stopping {
            if !wish.start_timeout.is_zero() {
                supervisor.set_start_timeout(wish.start_timeout);
            }
            supervisor.handle(now, Input::Want { restart: wish.restart });
        } else {
            supervisor.handle(now, Input::Unwant);
        }
        if let (Some(_), Some(newest)) = (&run, path.hub.newest()) {
            supervisor.handle(now, Input::Frame(newest));
        }
        if let Some(why) = silence(&supervisor, now) {
            trouble = Some(Outcome::silent(why));
            silenced = true;
        }
        supervisor.handle(now, Input::Timeout);
        while let Some(action) = supervisor.poll_action() {
            silenced &= action != Action::Start;
            let attempt = if trouble.is_some() { Attempt::AfterFailure } else { Attempt::First };
            act(&path, action, attempt, &mut run);
        }
        if run.as_ref().is_some_and(|run| run.source != path.source()) {
            // At once: what it reads may by now be another camera's, which those who watch may not see.
            order(run.as_ref(), Order::Kill);
        }
        let overdue = path.take_overdue();
        if supervisor.state() == State::Live {
            (trouble, given_up) = (None, false);
        } else if overdue && trouble.is_none() {
            trouble = Some(Outcome::silent(NO_PICTURE));
        }
        let state = supervisor.state();
        given_up |= state == State::Failed || state == State::Idle && trouble.is_some();
        path.say(Phase { state, arrivals_seen, trouble: trouble.clone(), given_up });
        if stopping && run.is_none() {
            break;
        }

        let ends_at = wish.ends_at.filter(|_| !stopping);
        let deadline = [supervisor.deadline().map(|(at, _)| at), ends_at].into_iter().flatten().min();
        tokio::select! {
            () = path.changed.notified() => {}
            outcome = ended(&mut run) => {
                let Error { public: reason, private: detail, .. } = &outcome.error;
                let before = supervisor.failures();
                supervisor.handle(Instant::now(), Input::Exited { hopeless: outcome.hopeless });
                if supervisor.failures() > before {
                    tracing::warn!(path = %path.name, reason, detail, "source ended");
                } else {
                    tracing::info!(path = %path.name, reason, detail, "source ended");
                }
                // A run that nobody wanted any more has ended, not failed; and that one was silent says more than how
                // we ended it.
                if supervisor.failures() > before && !silenced {
                    trouble = Some(outcome);
                }
            }
            () = until(deadline) => {}
            () = stopped(&mut stop), if !stopping => stopping = true,
        }
    }
    path.hub.close();
    if path.is_removed() {
        // Who waits for its first picture, or comes this moment, must not wait in vain.
        let trouble = Outcome::hopeless(REMOVED, "");
        path.say(Phase {
            state: State::Failed,
            arrivals_seen: u64::MAX,
            trouble: Some(trouble),
            given_up: true,
        });
    }
}

/// Why a run must end now that runs and gives no pictures.
fn silence(supervisor: &Supervisor, now: Instant) -> Option<&'static str> {
    match supervisor.deadline()? {
        (at, Why::Frozen) if at <= now => Some(FROZEN),
        (at, Why::FirstFrameOverdue) if at <= now => Some(NO_PICTURE),
        _ => None,
    }
}

fn act(path: &Arc<Path>, action: Action, attempt: Attempt, run: &mut Option<Run>) {
    match action {
        Action::Start => {
            let (orders, told) = watch::channel(Order::Run);
            let source = path.source();
            if attempt == Attempt::AfterFailure {
                path.counts.restarted();
            }
            let (codec, launcher) = (path.codec.clone(), path.launcher.clone());
            let into = (path.hub.clone(), path.counts.clone());
            let prepared = path.prepare.begin(&path.name, attempt);
            let running = source::run(source.clone(), codec, launcher, into, prepared, told);
            let task = tokio::spawn(running.instrument(path.take_cause()));
            *run = Some(Run { source, orders, task });
        }
        Action::Interrupt => order(run.as_ref(), Order::Interrupt),
        Action::Kill => order(run.as_ref(), Order::Kill),
        Action::Report(state) => tracing::info!(path = %path.name, ?state, "stream"),
    }
}

fn order(run: Option<&Run>, order: Order) {
    if let Some(run) = run {
        run.orders.send_replace(order);
    }
}

/// The end of the present run; for ever when there is none.
async fn ended(run: &mut Option<Run>) -> Outcome {
    let Some(current) = run else { return std::future::pending().await };
    let ended = (&mut current.task).await;
    let outcome =
        ended.unwrap_or_else(|panic| Outcome::failed("the stream's reader failed", panic.to_string()));
    *run = None;
    outcome
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Waits until the room is told to stop, or nobody is left to tell it.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A function of its own: the guard `wait_for` returns must not live across another await.
    let _ = stop.wait_for(|stop| *stop).await;
}
