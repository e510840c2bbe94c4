//! Takes one event after the other to wherever a carrier leads: in order, again after a failure, for a
//! limited time. Knows no protocol.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use control::Backoff;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::events::{Seat, Subscriber, Telling};

/// Between the first attempt and the second; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Longest time between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// For how long it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Longest attempt, from dialling to the receiver's word.
    pub(crate) attempt: Duration,
    /// An event older than this is not tried again.
    pub(crate) give_up_after: Duration,
}

/// Takes events out of the house.
pub(super) trait Carrier: Send + 'static {
    /// One event, until the receiver has said that it has it. The error is for the log: it quotes no secret.
    fn carry(&mut self, told: &Telling) -> impl Future<Output = Result<(), String>> + Send;

    /// What is to be done between two events; ends when there is nothing to do, or never. May be dropped at
    /// any await.
    fn rest(&mut self) -> impl Future<Output = ()> + Send;

    /// The last event is delivered: a goodbye.
    fn leave(&mut self) -> impl Future<Output = ()> + Send;
}

/// What became of events on one bridge.
#[derive(Debug)]
pub(crate) struct Counts {
    delivered: AtomicU64,
    given_up: AtomicU64,
    events: Arc<Subscriber>,
}

impl Counts {
    pub(super) fn new(events: Arc<Subscriber>) -> Self {
        Self { delivered: AtomicU64::new(0), given_up: AtomicU64::new(0), events }
    }

    /// The receiver has them.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Tried until they were too old.
    pub(crate) fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Found no room.
    pub(crate) fn dropped(&self) -> u64 {
        self.events.dropped()
    }
}

/// The task of one bridge.
pub(super) struct Courier {
    pub(super) name: &'static str,
    pub(super) events: Seat,
    pub(super) counts: Arc<Counts>,
    pub(super) patience: Patience,
    pub(super) ending: watch::Receiver<bool>,
}

impl Courier {
    /// Delivers until the end, and then what still waits.
    pub(super) async fn run<C: Carrier>(mut self, mut carrier: C) {
        let events = self.events.subscriber().clone();
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            let told = tokio::select! {
                // In this order: at the end, first what waits.
                biased;
                told = events.next_telling() => told,
                () = ended(&mut self.ending) => break,
                () = carrier.rest() => continue,
            };
            let bridge = self.name;
            if let Some(dropped) = told.dropped() {
                tracing::warn!(
                    bridge,
                    dropped,
                    "events found no room and were dropped: the receiver is too slow"
                );
            }
            let arrived = self.deliver(&mut carrier, &told, &mut backoff).await;
            events.was_sent();
            if !arrived && *self.ending.borrow() {
                tracing::warn!(bridge, "events were left behind: the receiver does not take them");
                return;
            }
        }
        let _ = timeout(self.patience.attempt, carrier.leave()).await;
    }

    /// `false`: given up.
    async fn deliver<C: Carrier>(&mut self, carrier: &mut C, told: &Telling, backoff: &mut Backoff) -> bool {
        let bridge = self.name;
        let until = told.since() + self.patience.give_up_after;
        let mut failures = 0_u32;
        loop {
            let attempt = timeout(self.patience.attempt, carrier.carry(told)).await;
            let why = match attempt.unwrap_or_else(|_| Err("no answer in time".into())) {
                Ok(()) => {
                    self.counts.delivered.fetch_add(1, Ordering::Relaxed);
                    if failures > 0 {
                        tracing::info!(bridge, failures, "events arrive again");
                    }
                    backoff.reset();
                    return true;
                }
                Err(why) => why,
            };
            failures += 1;
            if failures == 1 {
                tracing::warn!(bridge, id = told.id(), %why, "an event did not arrive; it is tried again");
            } else {
                tracing::debug!(bridge, id = told.id(), %why, failures, "an event did not arrive again");
            }
            let wait = backoff.after_failure();
            if *self.ending.borrow() || Instant::now() + wait > until {
                tracing::warn!(bridge, id = told.id(), %why, failures, "an event is given up");
                self.counts.given_up.fetch_add(1, Ordering::Relaxed);
                return false;
            }
            tokio::select! {
                () = sleep(wait) => {}
                // Once more, at once.
                () = ended(&mut self.ending) => {}
            }
        }
    }
}

/// Until the end has come. An error: nobody can say so any more, which is the same.
async fn ended(ending: &mut watch::Receiver<bool>) {
    let _ = ending.wait_for(|ending| *ending).await;
}
