//! The task that owns one path's source: it feeds the supervisor with facts and carries out its
//! orders. All decisions are the supervisor's and the demand's.

use std::{sync::Arc, time::Instant};

use base::supervisor::{Action, Input, Rules, State, Supervisor};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    path::{NO_PICTURE, Path},
    source::{self, Order, Outcome, Source},
};

/// What is known of the source, as its owner last said.
#[derive(Debug, Clone)]
pub(crate) struct Phase {
    pub(crate) state: State,
    /// The owner has taken note of arrivals up to this one.
    pub(crate) arrivals_seen: u64,
    /// Why the last run failed, while the source has not come back.
    pub(crate) trouble: Option<Outcome>,
}

impl Phase {
    /// Nobody has pictures, and it is known why. A source given up runs no more, but that is not it.
    pub(crate) fn fails(&self) -> bool {
        self.state == State::Failed || self.state == State::Idle && self.trouble.is_some()
    }
}

struct Run {
    source: Source,
    orders: watch::Sender<Order>,
    task: JoinHandle<Outcome>,
}

/// What is told to who waits for a path that is taken away.
const REMOVED: &str = "the stream was removed";

/// Owns the source of `path` until `stop` says so, its sender is gone or the path is removed; then ends the
/// source first.
pub(crate) async fn own(path: Arc<Path>, mut stop: watch::Receiver<bool>) {
    let mut supervisor = Supervisor::new(Rules::default());
    let mut run: Option<Run> = None;
    let mut trouble: Option<Outcome> = None;
    let mut stopping = false;
    loop {
        let now = Instant::now();
        stopping |= path.is_removed();
        let (wish, arrivals_seen) = path.wish(now);
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
        supervisor.handle(now, Input::Timeout);
        while let Some(action) = supervisor.poll_action() {
            act(&path, action, &mut run);
        }
        if run.as_ref().is_some_and(|run| run.source != path.source()) {
            // At once: what it reads may by now be another camera's, which those who watch may not see.
            order(run.as_ref(), Order::Kill);
        }
        let overdue = path.take_overdue();
        if supervisor.state() == State::Live {
            trouble = None;
        } else if overdue && trouble.is_none() {
            trouble = Some(Outcome { hopeless: false, public: NO_PICTURE, private: String::new() });
        }
        path.say(Phase { state: supervisor.state(), arrivals_seen, trouble: trouble.clone() });
        if stopping && run.is_none() {
            break;
        }

        let ends_at = wish.ends_at.filter(|_| !stopping);
        let deadline = [supervisor.deadline().map(|(at, _)| at), ends_at].into_iter().flatten().min();
        tokio::select! {
            () = path.changed.notified() => {}
            outcome = ended(&mut run) => {
                tracing::info!(path = %path.name, reason = outcome.public, detail = outcome.private, "source ended");
                let before = supervisor.failures();
                supervisor.handle(Instant::now(), Input::Exited { hopeless: outcome.hopeless });
                // A run that nobody wanted any more has ended, not failed.
                if supervisor.failures() > before {
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
        let trouble = Outcome { hopeless: true, public: REMOVED, private: String::new() };
        path.say(Phase { state: State::Failed, arrivals_seen: u64::MAX, trouble: Some(trouble) });
    }
}

fn act(path: &Arc<Path>, action: Action, run: &mut Option<Run>) {
    match action {
        Action::Start => {
            let (orders, told) = watch::channel(Order::Run);
            let source = path.source();
            let (codec, launcher, hub) = (path.codec.clone(), path.launcher.clone(), path.hub.clone());
            let task = tokio::spawn(source::run(source.clone(), codec, launcher, hub, told));
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
    let outcome = (&mut current.task).await.unwrap_or_else(|panic| Outcome {
        hopeless: false,
        public: "the stream's reader failed",
        private: panic.to_string(),
    });
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
