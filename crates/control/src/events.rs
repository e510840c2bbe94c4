//! What happened, as facts, and the way they go up: a bounded bus on which nobody waits. Who may hear of
//! them, and in what words, is the server's business.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use base::CameraId;
use tokio::sync::{Notify, mpsc};

use crate::api::{Camera, Health};

/// News on the bus that nobody has taken yet. Its reader does nothing but write them down.
const CAPACITY: usize = 1024;

/// What can happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// To a camera.
    Camera(CameraChange, Camera),
    /// To a recording.
    Recording(RecordingChange, RecordingNews),
    /// A snapshot lies in its folder.
    SnapshotTaken {
        /// The camera.
        device: CameraId,
        /// Its file.
        filename: String,
        /// Bytes.
        file_size: u64,
    },
    /// The disk has become fuller than a limit, or emptier again.
    Storage {
        /// What is used of what can be used, as df(1) counts it.
        usage_percent: f64,
    },
    /// The service is better or worse than it was, or for another reason, or by another figure.
    Health(Health),
    /// The service has started.
    Startup,
    /// The service is about to stop.
    Shutdown,
}

/// What happened to a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameraChange {
    /// It is there.
    Connected,
    /// Its device is gone.
    Disconnected,
    /// Anything else a list shows: it fails, it is back, it has another name.
    Status,
}

/// What happened to a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingChange {
    /// Its first file lies in the folder.
    Start,
    /// Another file of it lies in the folder.
    Segment,
    /// It has ended as it should.
    Stop,
    /// It has ended before its time.
    Error,
}

/// A recording at the moment something happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingNews {
    /// The camera.
    pub device: CameraId,
    /// The recording.
    pub recording_id: String,
    /// The file that has begun; at the end, the first one.
    pub filename: String,
    /// Length of the video in its finished files.
    pub duration: Duration,
    /// Bytes in all its files, once it has ended.
    pub file_size: Option<u64>,
    /// Why it ended before its time, for a person.
    pub reason: Option<String>,
}

/// How full the disk of the recordings is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StorageLevel {
    /// Below `storage.warn_percent`.
    Enough,
    /// A warning is due.
    Low,
    /// Above `storage.block_percent`: no recording begins.
    Full,
}

/// An event and its time.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// What happened.
    pub event: Event,
    /// When.
    pub at: SystemTime,
    /// The same by the clock that nobody sets: what happens to the news from here on is measured by it.
    pub since: Instant,
}

impl News {
    /// Something that happens now.
    pub fn now(event: Event) -> Self {
        Self { event, at: SystemTime::now(), since: Instant::now() }
    }
}

/// What comes out of the bus.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// Something happened.
    News(News),
    /// So many events found no room on the bus.
    Lost(u64),
}

/// The end at which facts go in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Events {
    sender: mpsc::Sender<News>,
    lost: Arc<AtomicU64>,
    /// Health may be another one now.
    stirred: Arc<Notify>,
}

/// The end at which they come out, in order.
#[derive(Debug)]
pub struct Feed {
    receiver: mpsc::Receiver<News>,
    lost: Arc<AtomicU64>,
}

/// A new bus.
pub fn bus() -> (Events, Feed) {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    let lost = Arc::<AtomicU64>::default();
    (Events { sender, lost: lost.clone(), stirred: Arc::default() }, Feed { receiver, lost })
}

impl Events {
    /// Tells it and does not wait: what finds no room is counted.
    pub(crate) fn tell(&self, event: Event) {
        if !matches!(event, Event::Health(_) | Event::SnapshotTaken { .. }) {
            self.stir();
        }
        if let Err(mpsc::error::TrySendError::Full(_)) = self.sender.try_send(News::now(event)) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Something has changed on which health may depend, and which is no event of its own.
    pub(crate) fn stir(&self) {
        self.stirred.notify_one();
    }

    /// Waits until health may be another one than at the last call.
    pub(crate) async fn stirred(&self) {
        self.stirred.notified().await;
    }
}

impl Feed {
    /// The next one; `None` when nobody is left who could tell anything.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.lost.swap(0, Ordering::Relaxed) {
            0 => self.receiver.recv().await.map(Heard::News),
            lost => Some(Heard::Lost(lost)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_waits_and_what_is_lost_is_counted() {
        let (events, mut feed) = bus();
        for _ in 0..CAPACITY + 3 {
            events.tell(Event::Startup);
        }
        drop(events);
        assert_eq!(feed.next().await, Some(Heard::Lost(3)));
        let mut heard = 0;
        while let Some(Heard::News(News { event: Event::Startup, .. })) = feed.next().await {
            heard += 1;
        }
        assert_eq!(heard, CAPACITY);
    }
}
