//! Streams kept ready on a client's wish: one lease a camera and principal, whatever becomes of the
//! connection that asked for it. When one ends by itself is decided by a pure function; a task a lease
//! waits for that.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant, SystemTime},
};

use base::CameraId;
use paths::{Paths, Purpose, Readers};
use tokio::sync::{oneshot, watch};

use crate::{
    api::{StreamingStarted, StreamingStopped},
    convert::{self, path_of},
    error::{Error, Kind, Result},
};

/// Leases of all cameras and principals.
const MAX_LEASES: usize = 256;

type Key = (CameraId, String);

/// One lease. Dropping it gives the stream up and ends its task.
#[derive(Debug)]
struct Held {
    _stream: paths::Lease,
    start_time: SystemTime,
    number: u64,
    _told: oneshot::Sender<()>,
}

#[derive(Debug, Default)]
struct Table {
    held: BTreeMap<Key, Held>,
    /// Tells a lease from an earlier one of the same camera and principal.
    numbers: u64,
}

/// All leases. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Leases {
    close_after: Duration,
    paths: Paths,
    table: Arc<Mutex<Table>>,
}

impl Leases {
    pub(crate) fn new(close_after: Duration, paths: Paths) -> Self {
        Self { close_after, paths, table: Arc::default() }
    }

    /// Takes the lease, or finds it taken; answers when frames flow.
    pub(crate) async fn start(&self, device: CameraId, principal: &str) -> Result<StreamingStarted> {
        let key = (device, principal.to_owned());
        self.room(&key)?;
        let leased = self.paths.lease(&path_of(device), Purpose::Streaming).await;
        let stream = leased.map_err(|e| convert::path_error(&e, device))?;
        let start_time = self.hold(key, stream)?;
        Ok(StreamingStarted { device, start_time, close_after: self.close_after })
    }

    /// Gives a lease up.
    pub(crate) fn stop(&self, device: CameraId, principal: &str) -> Result<StreamingStopped> {
        // Dropped at once: what goes on afterwards goes on without it.
        let held = lock(&self.table).held.remove(&(device, principal.to_owned()));
        let start_time = held.map(|held| held.start_time).ok_or_else(|| {
            Error::new(
                Kind::InvalidState { state: "STOPPED", allowed: &["STARTED"] },
                "you have not started streaming from this camera, or it has ended by itself",
            )
        })?;
        let end_time = SystemTime::now();
        Ok(StreamingStopped {
            device,
            start_time,
            end_time,
            duration: end_time.duration_since(start_time).unwrap_or_default(),
            stream_continues: self.paths.is_wanted(&path_of(device)),
        })
    }

    /// Gives up the leases of those who are `gone`; says how many.
    pub(crate) fn end(&self, gone: impl Fn(&str, SystemTime) -> bool) -> usize {
        self.end_those(|(_, principal), held| gone(principal, held.start_time))
    }

    /// Gives up all leases of a camera that is no more.
    pub(crate) fn end_of(&self, device: CameraId) {
        self.end_those(|(of, _), _| *of == device);
    }

    fn end_those(&self, which: impl Fn(&Key, &Held) -> bool) -> usize {
        let ended: Vec<Held> = lock(&self.table)
            .held
            .extract_if(.., |key, held| which(key, held))
            .map(|(_, held)| held)
            .collect();
        // Dropped only now: not under the lock.
        ended.len()
    }

    /// Gives up all of them.
    pub(crate) fn end_all(&self) {
        let ended = std::mem::take(&mut lock(&self.table).held);
        drop(ended);
    }

    fn room(&self, key: &Key) -> Result<()> {
        room(&lock(&self.table), key)
    }

    /// When the lease began, now or before.
    fn hold(&self, key: Key, stream: paths::Lease) -> Result<SystemTime> {
        let mut table = lock(&self.table);
        if let Some(held) = table.held.get(&key) {
            return Ok(held.start_time);
        }
        // Others may have come while frames were waited for.
        room(&table, &key)?;
        let (told, gone) = oneshot::channel();
        let (start_time, number) = (SystemTime::now(), table.numbers);
        table.numbers += 1;
        let end = Ending {
            table: Arc::downgrade(&self.table),
            key: key.clone(),
            number,
            started: Instant::now(),
            close_after: self.close_after,
            readers: stream.readers(),
        };
        table.held.insert(key, Held { _stream: stream, start_time, number, _told: told });
        drop(table);
        tokio::spawn(end.wait(gone));
        Ok(start_time)
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

fn room(table: &Table, key: &Key) -> Result<()> {
    if table.held.len() < MAX_LEASES || table.held.contains_key(key) {
        return Ok(());
    }
    Err(Error::new(Kind::TooMany, "too many streams are kept ready; stop one first"))
}

/// When a lease that began at `started` ends by itself; `None`: not while somebody watches. The time is
/// counted from its start, or from the last viewer's leaving if that was later.
fn ends_at(started: Instant, readers: Readers, close_after: Duration) -> Option<Instant> {
    let idle_since = readers.left.map_or(started, |left| left.max(started));
    (readers.count == 0).then(|| idle_since + close_after)
}

/// What waits for a lease's end.
struct Ending {
    table: Weak<Mutex<Table>>,
    key: Key,
    number: u64,
    started: Instant,
    close_after: Duration,
    readers: watch::Receiver<Readers>,
}

impl Ending {
    async fn wait(mut self, mut gone: oneshot::Receiver<()>) {
        loop {
            let readers = *self.readers.borrow_and_update();
            let over = async {
                match ends_at(self.started, readers, self.close_after) {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Never a value: the lease was dropped.
                _ = &mut gone => return,
                () = over => break,
                changed = self.readers.changed() => if changed.is_err() { break },
            }
        }
        let Some(table) = self.table.upgrade() else { return };
        let mut table = lock(&table);
        if table.held.get(&self.key).is_some_and(|held| held.number == self.number) {
            let ended = table.held.remove(&self.key);
            drop(table);
            drop(ended);
            tracing::info!(device = %self.key.0, "nobody watches: a stream is kept ready no longer");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_counted_from_the_start_or_the_last_viewers_leaving() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let close_after = Duration::from_secs(300);
        let end = |started, count, left| ends_at(started, Readers { count, left }, close_after);
        assert_eq!(end(at(10), 0, None), Some(at(310)));
        assert_eq!(end(at(10), 0, Some(at(5))), Some(at(310)), "viewers of before do not count");
        assert_eq!(end(at(10), 0, Some(at(50))), Some(at(350)));
        assert_eq!(end(at(10), 1, Some(at(50))), None);
        assert_eq!(ends_at(start, Readers::default(), Duration::ZERO), Some(start));
    }
}
