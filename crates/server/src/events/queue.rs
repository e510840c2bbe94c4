//! What is still to be sent to one client: bounded, in order, each event once. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use control::CameraId;

use super::Entry;

/// What a client is to be told next.
#[derive(Debug)]
pub(super) enum Next {
    Event(Arc<Entry>),
    /// An older one, told again.
    Again(Arc<Entry>),
    /// So many were dropped, the last of them with this number.
    Dropped {
        dropped: u64,
        last_seq: u64,
    },
}

/// The events for one client that have not left yet.
#[derive(Debug)]
pub(super) struct Queue {
    max: usize,
    /// Does a camera's status take the place of the change before it?
    coalesces: bool,
    pending: BTreeMap<u64, Arc<Entry>>,
    /// Numbers of older events, to be taken from the journal when their turn comes: a client who does
    /// not read keeps none of them in memory.
    replay: BTreeSet<u64>,
    /// Where each camera's status stands in `pending`, if its newest one may be superseded.
    status: BTreeMap<CameraId, u64>,
    dropped: u64,
    last_dropped: u64,
}

impl Queue {
    /// `max`: most events waiting, those to be replayed not counted.
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            coalesces: true,
            pending: BTreeMap::new(),
            replay: BTreeSet::new(),
            status: BTreeMap::new(),
            dropped: 0,
            last_dropped: 0,
        }
    }

    /// The same, but all that is told of a camera waits: for those who keep a history.
    pub(super) fn of_all(max: usize) -> Self {
        Self { coalesces: false, ..Self::new(max) }
    }

    /// Something new. A change of a camera's status waits until its next status; if there is no room, the oldest
    /// goes: then it is true.
    pub(super) fn push(&mut self, entry: Arc<Entry>) -> bool {
        if self.coalesces
            && let Some(camera) = entry.status_of()
        {
            if let Some(older) = self.status.remove(&camera) {
                self.pending.remove(&older);
            }
            if entry.is_superseded() {
                self.status.insert(camera, entry.seq);
            }
        }
        self.pending.insert(entry.seq, entry);
        if self.pending.len() > self.max
            && let Some((seq, oldest)) = self.pending.pop_first()
        {
            self.forget_status(&oldest);
            self.lose(1, seq);
            return true;
        }
        false
    }

    /// These are to be told again, unless they wait already.
    pub(super) fn replay(&mut self, seqs: impl Iterator<Item = u64>) {
        self.replay.extend(seqs.filter(|seq| !self.pending.contains_key(seq)));
    }

    /// Some cannot be told any more.
    pub(super) fn lose(&mut self, count: u64, last_seq: u64) {
        self.dropped += count;
        self.last_dropped = self.last_dropped.max(last_seq);
    }

    /// So many have been dropped since that was last told.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Does the next one come from the journal?
    pub(super) fn needs_journal(&self) -> bool {
        self.replay.first().is_some_and(|old| self.pending.keys().next().is_none_or(|new| old < new))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.replay.is_empty() && self.dropped == 0
    }

    /// How many events wait.
    pub(super) fn len(&self) -> usize {
        self.pending.len() + self.replay.len()
    }

    pub(super) fn clear(&mut self) {
        *self = Self { coalesces: self.coalesces, ..Self::new(self.max) };
    }

    /// The next one in order; `journal` finds an event by its number.
    pub(super) fn pop(&mut self, journal: impl Fn(u64) -> Option<Arc<Entry>>) -> Option<Next> {
        let mut found = None;
        while self.needs_journal() {
            let seq = *self.replay.first()?;
            found = journal(seq).map(|entry| (seq, entry));
            if found.is_some() {
                break;
            }
            // The client was so slow that the journal has gone on.
            self.replay.pop_first();
            self.lose(1, seq);
        }
        let next = found.as_ref().map(|(seq, _)| *seq).or_else(|| self.pending.keys().next().copied());
        if self.dropped > 0 && next.is_none_or(|next| next > self.last_dropped) {
            let dropped = std::mem::take(&mut self.dropped);
            return Some(Next::Dropped { dropped, last_seq: self.last_dropped });
        }
        if let Some((seq, entry)) = found {
            self.replay.remove(&seq);
            return Some(Next::Again(entry));
        }
        let (_, entry) = self.pending.pop_first()?;
        self.forget_status(&entry);
        Some(Next::Event(entry))
    }

    fn forget_status(&mut self, entry: &Entry) {
        if let Some(camera) = entry.status_of()
            && self.status.get(&camera) == Some(&entry.seq)
        {
            self.status.remove(&camera);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Instant, SystemTime};

    use control::api::{Camera, CameraKind, CameraStatus};

    use super::*;
    use crate::{events::Topic, wire::EventBody};

    fn now() -> (SystemTime, Instant) {
        (SystemTime::now(), Instant::now())
    }

    fn other(seq: u64) -> Arc<Entry> {
        let body = EventBody::storage(1.0);
        Arc::new(Entry::new(seq, "e".into(), Topic::SystemStorage, now(), body))
    }

    fn status(seq: u64, camera: u16) -> Arc<Entry> {
        of_camera(seq, camera, Topic::CameraStatusChange)
    }

    fn of_camera(seq: u64, camera: u16, topic: Topic) -> Arc<Entry> {
        let body = EventBody::Camera(Camera {
            id: CameraId(camera),
            status: CameraStatus::Connected,
            name: "A".into(),
            kind: CameraKind::Test,
            size: control::units::Size { width: 64, height: 64 },
            fps: 5.0,
        });
        Arc::new(Entry::new(seq, "e".into(), topic, now(), body))
    }

    /// Numbers in order; what was dropped as its count, negative.
    fn drain(queue: &mut Queue) -> Vec<i64> {
        let mut out = Vec::new();
        while let Some(next) = queue.pop(|seq| (seq > 2).then(|| other(seq))) {
            out.push(match next {
                Next::Event(entry) | Next::Again(entry) => entry.seq as i64,
                Next::Dropped { dropped, .. } => -(dropped as i64),
            });
        }
        assert!(queue.is_empty());
        out
    }

    #[test]
    fn the_newest_status_of_a_camera_waits_alone() {
        let mut queue = Queue::new(3);
        for entry in [status(1, 0), status(2, 1), other(3), status(4, 0), status(5, 0)] {
            queue.push(entry);
        }
        assert_eq!(drain(&mut queue), [2, 3, 5]);
        queue.push(status(6, 0));
        assert_eq!(drain(&mut queue), [6], "one that has left is not looked for");
        let mut queue = Queue::of_all(3);
        for entry in [status(3, 0), status(4, 0), other(5), status(6, 0)] {
            queue.push(entry);
        }
        assert_eq!(drain(&mut queue), [-1, 4, 5, 6]);
    }

    #[test]
    fn that_a_camera_came_or_went_is_told_whatever_its_status_was_after() {
        use Topic::{CameraConnected, CameraDisconnected};
        let mut queue = Queue::new(8);
        for entry in [
            of_camera(1, 0, CameraConnected),
            status(2, 0),
            status(3, 0),
            of_camera(4, 0, CameraDisconnected),
            of_camera(5, 0, CameraConnected),
            status(6, 0),
        ] {
            queue.push(entry);
        }
        assert_eq!(drain(&mut queue), [1, 4, 5, 6]);
    }

    #[test]
    fn what_has_no_room_is_told() {
        let mut queue = Queue::new(3);
        assert_eq!((1..=10).filter(|seq| queue.push(other(*seq))).count(), 7);
        assert_eq!(queue.len(), 3);
        assert_eq!(drain(&mut queue), [-7, 8, 9, 10]);
        queue.push(status(11, 0));
        assert_eq!((12..=14).filter(|seq| queue.push(other(*seq))).count(), 1);
        queue.push(status(15, 0));
        assert_eq!(drain(&mut queue), [-2, 13, 14, 15]);
        queue.lose(4, 20);
        queue.push(other(21));
        assert_eq!(drain(&mut queue), [-4, 21]);
    }

    #[test]
    fn old_ones_first_each_once() {
        let mut queue = Queue::new(3);
        queue.push(other(5));
        queue.push(other(9));
        queue.replay([3, 4, 5, 6].into_iter());
        queue.replay([4, 6, 7].into_iter());
        assert!(queue.needs_journal());
        assert_eq!(drain(&mut queue), [3, 4, 5, 6, 7, 9]);
        // 1 and 2 have left the journal meanwhile.
        queue.replay([1, 2, 3].into_iter());
        queue.push(other(12));
        assert_eq!(drain(&mut queue), [-2, 3, 12]);
    }
}
