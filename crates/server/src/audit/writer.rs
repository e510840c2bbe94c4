//! The thread that writes: takes lines from a bounded queue, keeps what cannot be written now, and tells
//! everybody whether the log can be written.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::{Event, Outcome, chain::Head, line::Line, merge::Merge, place::Identity, store::Store};

/// Written lines wait for the disk itself no longer than this.
const SYNC_AFTER: Duration = Duration::from_secs(1);
/// From one attempt at a log that cannot be written to the next, when nobody asks.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// However many ask, attempts are not closer than this.
const RETRY_SOONEST: Duration = Duration::from_millis(50);
/// From one word about the head to the next.
const TELL_HEAD: Duration = Duration::from_secs(60);
/// From one look for old files to the next.
const PRUNE: Duration = Duration::from_secs(3600);
/// Counts of floods kept while nothing can be written.
const MAX_COUNTS: usize = 4096;

/// What the thread is asked to do.
pub(super) enum Order {
    /// Write this. The permit is its place in the queue.
    Write(Box<Line>, OwnedSemaphorePermit),
    /// Try again.
    Wake,
    /// Write everything and end.
    Close(oneshot::Sender<()>),
}

/// What others may know.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) writable: AtomicBool,
    /// A wake is in the queue already.
    pub(super) woken: AtomicBool,
    /// Lines for which there was no place.
    pub(super) dropped: AtomicU64,
    /// Odd while the writer is at work: then the file may be on its way from one name to another.
    pub(super) turn: AtomicU64,
    /// Told when a line could be written that could not, or the other way round.
    pub(super) changed: watch::Sender<()>,
    /// The file being written, and how far the chain goes.
    state: Mutex<(Option<Identity>, Option<Head>)>,
}

impl Shared {
    pub(super) fn state(&self) -> (Option<Identity>, Option<Head>) {
        // Two plain values are whole after a panic.
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's own.
pub(super) struct Writer {
    store: Store,
    shared: Arc<Shared>,
    merge: Merge,
    /// What is to be written, in order.
    waiting: VecDeque<(Line, Option<OwnedSemaphorePermit>)>,
    /// When the log may be tried again; `None`: it can be written.
    retry: Option<Instant>,
    tried: Instant,
    /// Something was written that is not forced to the disk yet.
    sync: Option<Instant>,
    tell_head: Instant,
    told: Option<Head>,
    prune: Instant,
}

impl Writer {
    /// Opens the log. One that cannot be written is tried again later.
    pub(super) fn new(store: Store, shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        let mut writer = Self {
            store,
            shared,
            merge: Merge::default(),
            waiting: VecDeque::new(),
            retry: None,
            tried: now,
            sync: None,
            tell_head: now + TELL_HEAD,
            told: None,
            prune: now,
        };
        writer.write(now);
        writer
    }

    /// Serves until it is told to end, or nobody is left who could.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let wait = self.deadline().saturating_duration_since(Instant::now());
            let order = orders.recv_timeout(wait);
            let now = Instant::now();
            match order {
                Ok(Order::Write(line, place)) => self.take(*line, Some(place), now),
                Ok(Order::Wake) => {
                    self.shared.woken.store(false, Ordering::Release);
                    self.retry = self.retry.map(|at| at.min(self.tried + RETRY_SOONEST));
                }
                Ok(Order::Close(done)) => {
                    self.close(now);
                    // An error: whoever asked has not waited.
                    let _ = done.send(());
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.close(now);
                    return;
                }
            }
            self.work(now);
        }
    }

    fn deadline(&self) -> Instant {
        let due = [Some(self.tell_head), Some(self.prune), self.retry, self.sync, self.merge.deadline()];
        due.into_iter().flatten().min().unwrap_or(self.tell_head)
    }

    /// Puts a line among those to be written, unless it is one of a flood.
    fn take(&mut self, line: Line, mut place: Option<OwnedSemaphorePermit>, now: Instant) {
        let mut out = Vec::new();
        self.merge.take(line, now, &mut out);
        let last = out.len();
        for (number, line) in out.into_iter().enumerate() {
            tell(&line);
            self.waiting.push_back((line, if number + 1 == last { place.take() } else { None }));
        }
    }

    fn work(&mut self, now: Instant) {
        let mut counts = Vec::new();
        self.merge.due(now, &mut counts);
        self.count(counts);
        if self.retry.is_none_or(|at| at <= now) {
            self.write(now);
        }
        if self.sync.is_some_and(|at| at <= now) {
            self.force();
        }
        if self.tell_head <= now {
            self.tell_head = now + TELL_HEAD;
            self.say_head();
        }
        if self.prune <= now {
            self.prune = now + PRUNE;
            self.store.prune(SystemTime::now());
        }
    }

    fn count(&mut self, counts: Vec<Line>) {
        for line in counts {
            if self.waiting.len() < MAX_COUNTS {
                self.waiting.push_back((line, None));
            } else {
                self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Writes what waits, as far as it can be.
    fn write(&mut self, now: Instant) {
        self.tried = now;
        self.shared.turn.fetch_add(1, Ordering::AcqRel);
        let outcome = self.try_write(now);
        *self.shared.state.lock().unwrap_or_else(PoisonError::into_inner) =
            (self.store.identity(), self.store.head());
        self.shared.turn.fetch_add(1, Ordering::AcqRel);
        let was = self.shared.writable.swap(outcome.is_ok(), Ordering::AcqRel);
        if was != outcome.is_ok() {
            self.shared.changed.send_replace(());
        }
        match outcome {
            Ok(()) => {
                if self.retry.take().is_some() {
                    tracing::info!("the audit log can be written again");
                }
            }
            Err(cause) => {
                if was || self.retry.is_none() {
                    tracing::error!(%cause, "the audit log cannot be written; privileged calls are refused");
                }
                self.retry = Some(now + RETRY_AFTER);
            }
        }
    }

    fn try_write(&mut self, now: Instant) -> std::io::Result<()> {
        self.store.ready()?;
        while let Some((line, _)) = self.waiting.front() {
            self.store.append(line)?;
            self.waiting.pop_front();
            self.sync.get_or_insert(now + SYNC_AFTER);
        }
        let dropped = self.shared.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let line = Line {
                repeated: Some(dropped),
                ..Line::own(
                    Event::Dropped,
                    None,
                    Outcome::Failed,
                    Some("there was no place for these lines".into()),
                )
            };
            self.store.append(&line).inspect_err(|_| {
                self.shared.dropped.fetch_add(dropped, Ordering::Relaxed);
            })?;
        }
        // What waited is written as long as anything fits; calls are let in only while there is more room than that.
        if self.store.has_room() {
            Ok(())
        } else {
            Err(std::io::Error::other("its disk is full but for a few lines"))
        }
    }

    fn force(&mut self) {
        self.sync = None;
        if let Err(cause) = self.store.sync() {
            tracing::error!(%cause, "the audit log could not be forced to the disk");
        }
    }

    /// Who keeps the system log elsewhere can tell by this that lines were cut off the end.
    fn say_head(&mut self) {
        if let Some(head) = self.store.head().filter(|head| self.told != Some(*head)) {
            tracing::info!(target: "audit", head = %head, "head of the audit log");
            self.told = Some(head);
        }
    }

    fn close(&mut self, now: Instant) {
        let mut counts = Vec::new();
        self.merge.end(&mut counts);
        self.count(counts);
        self.write(now);
        self.force();
        self.say_head();
        if !self.waiting.is_empty() {
            tracing::error!(lines = self.waiting.len(), "lines of the audit log could not be written");
        }
    }
}

/// Refusals are told in the system log, too: programs that block addresses read that one.
fn tell(line: &Line) {
    if line.outcome == Outcome::Refused {
        let Line { user, role, address, method, reason, correlation_id, .. } = line;
        let (event, address) = (line.event.as_str(), address.map(|address| address.to_string()));
        tracing::warn!(target: "audit", event, user, role, address, method, reason, correlation_id, "refused");
    }
}
