//! The audit log: who came, who was turned away, and who did what. Knows no method and no credential:
//! what it is given is written down. The form of the log is in `docs/operating.md`.

mod chain;
mod entry;
mod line;
mod merge;
mod place;
mod read;
mod store;
mod verify;
mod writer;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{SyncSender, sync_channel},
    },
};

use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

pub(crate) use chain::{Head, Key, number};
pub(crate) use entry::{Entry, Event, Outcome};
pub(crate) use place::Place;
pub(crate) use read::Page;
pub(crate) use verify::{verify_files, verify_place};

use crate::security::hex;
use line::Line;
use store::Store;
use writer::{Order, Shared, Writer};

/// Lines that may wait for the disk.
const PLACES: usize = 3072;
/// The same for privileged calls, so that no flood of strangers can take their places.
const PLACES_OF_CALLS: usize = 1024;

/// The log. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Audit {
    place: Arc<Place>,
    orders: SyncSender<Order>,
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    places_of_calls: Arc<Semaphore>,
}

/// The log cannot be written now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unwritable;

/// A line that will be written, whatever becomes of what it tells.
#[derive(Debug)]
pub(crate) struct Pending {
    audit: Audit,
    /// `None` once it was written.
    entry: Option<Box<(Entry, OwnedSemaphorePermit)>>,
}

impl Audit {
    /// Opens it and begins to write. A log that cannot be written is no failure: privileged calls are
    /// refused until it can.
    pub(crate) fn open(place: Place, data_dir: &Path) -> Result<Self, String> {
        Self::with_key(place, Key::load_or_make(data_dir)?)
    }

    fn with_key(place: Place, key: Key) -> Result<Self, String> {
        let shared = Arc::<Shared>::default();
        let writer = Writer::new(Store::new(place.clone(), key), shared.clone());
        // Every order but the last two holds a permit, so there is always room for it.
        let (orders, queue) = sync_channel(PLACES + PLACES_OF_CALLS + 2);
        let thread = std::thread::Builder::new().name("audit".into());
        thread
            .spawn(move || writer.run(&queue))
            .map_err(|cause| format!("no thread for the audit log: {cause}"))?;
        Ok(Self {
            place: Arc::new(place),
            orders,
            shared,
            places: Arc::new(Semaphore::new(PLACES)),
            places_of_calls: Arc::new(Semaphore::new(PLACES_OF_CALLS)),
        })
    }

    /// Writes a line, soon. Where there is no place for it, it is counted.
    pub(crate) fn note(&self, entry: &Entry) {
        self.put(entry.into());
    }

    /// Makes sure that a line can be written when its outcome is known.
    pub(crate) fn reserve(&self, entry: Entry) -> Result<Pending, Unwritable> {
        let place = self.places_of_calls.clone().try_acquire_owned().map_err(|_| Unwritable)?;
        if !self.is_writable() {
            self.wake();
            return Err(Unwritable);
        }
        Ok(Pending { audit: self.clone(), entry: Some(Box::new((entry, place))) })
    }

    /// The service has started.
    pub(crate) fn started(&self) {
        self.put(Line::own(Event::Start, Some("serve"), Outcome::Done, None));
    }

    /// The configuration was read again, and these keys differ; or it is wrong there.
    pub(crate) fn reloaded(&self, keys: &[String], outcome: Outcome) {
        self.put(Line::own(Event::Configuration, Some("reload"), outcome, Some(keys.join(", "))));
    }

    /// The file of API keys is different: somebody changed it who did not call.
    pub(crate) fn keys_changed(&self, keys: &[String]) {
        self.put(Line::own(Event::Configuration, Some("api-key"), Outcome::Done, Some(keys.join(", "))));
    }

    /// The service ends; so does the log, when everything is written.
    pub(crate) async fn close(&self) {
        self.put(Line::own(Event::Stop, Some("serve"), Outcome::Done, None));
        let (done, told) = oneshot::channel();
        if self.orders.try_send(Order::Close(done)).is_ok() {
            // An error: the thread is gone, and has said why.
            let _ = told.await;
        }
    }

    /// How far the chain goes: lines ever written, and the last one's MAC in hex.
    pub(crate) fn head(&self) -> (u64, String) {
        let head = self.shared.state().1.unwrap_or(Head::NONE);
        (head.count, hex(&head.mac))
    }

    /// Lines before the line `before`, or the newest ones. Waits for the disk.
    pub(crate) fn page(&self, before: Option<u64>, limit: usize) -> std::io::Result<Page> {
        read::page(&self.place, before, limit)
    }

    /// Can a line be written now? Asks the file system, not only what the last attempt told: a disk may
    /// have filled, or a file gone, since.
    pub(crate) fn is_writable(&self) -> bool {
        let turn = self.shared.turn.load(Ordering::Acquire);
        if !self.shared.writable.load(Ordering::Acquire) || !self.place.has_room() {
            return false;
        }
        // Another file that is seen while the writer is at work may be one that is just being renamed; the writer
        // itself finds out what else it could be.
        let quiet = || turn.is_multiple_of(2) && self.shared.turn.load(Ordering::Acquire) == turn;
        self.is_ours() || !quiet()
    }

    /// Changes when the answer of [`Self::is_writable`] has, as far as an attempt told.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.shared.changed.subscribe()
    }

    fn is_ours(&self) -> bool {
        let ours = |identity| place::identity(&self.place.file).is_ok_and(|found| found == identity);
        self.shared.state().0.is_some_and(ours)
    }

    fn put(&self, line: Line) {
        match self.places.clone().try_acquire_owned() {
            Ok(place) => self.send(line, place),
            Err(_) => {
                self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn send(&self, line: Line, place: OwnedSemaphorePermit) {
        if self.orders.try_send(Order::Write(Box::new(line), place)).is_err() {
            tracing::error!("a line came after the end of the audit log");
        }
    }

    fn wake(&self) {
        if !self.shared.woken.swap(true, Ordering::AcqRel) {
            // An error: it has ended.
            let _ = self.orders.try_send(Order::Wake);
        }
    }
}

impl Pending {
    /// Writes it. `result`: what the call gave, which may name the file it made.
    pub(crate) fn finish(mut self, outcome: Outcome, reason: Option<String>, result: Option<&RawValue>) {
        if let Some(held) = &mut self.entry
            && held.0.filename.is_none()
        {
            held.0.filename = result.and_then(entry::made);
        }
        self.write(outcome, reason);
    }

    fn write(&mut self, outcome: Outcome, reason: Option<String>) {
        if let Some(held) = self.entry.take() {
            let (entry, place) = *held;
            self.audit.send(Line::from(&Entry { outcome, reason, ..entry }), place);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.write(Outcome::Abandoned, None);
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
