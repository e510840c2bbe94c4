//! The last events, so that a client who was away can hear what it missed. Pure.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Instant, SystemTime},
};

use super::{Entry, Topic};
use crate::wire::{EventBody, Since};

/// The last events, and their numbers.
#[derive(Debug)]
pub(crate) struct Journal {
    epoch: Arc<str>,
    capacity: usize,
    /// Oldest first.
    entries: VecDeque<Arc<Entry>>,
    /// Number of the newest event.
    last: u64,
    /// Number of the newest event that is not here any more.
    gone: u64,
}

/// What is left of what a client missed.
#[derive(Debug)]
pub(super) struct Missed {
    pub(super) entries: Vec<Arc<Entry>>,
    /// Something may be missing.
    pub(super) gap: bool,
}

impl Journal {
    pub(super) fn new(epoch: Arc<str>, capacity: usize) -> Self {
        Self { epoch, capacity, entries: VecDeque::with_capacity(capacity), last: 0, gone: 0 }
    }

    pub(super) fn epoch(&self) -> &Arc<str> {
        &self.epoch
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// `at`: when it happened, by the wall clock and by the one that nobody sets.
    pub(super) fn add(&mut self, topic: Topic, at: (SystemTime, Instant), body: EventBody) -> Arc<Entry> {
        self.last += 1;
        if self.entries.len() == self.capacity
            && let Some(oldest) = self.entries.pop_front()
        {
            self.gone = self.gone.max(oldest.seq);
        }
        let entry = Arc::new(Entry::new(self.last, self.epoch.clone(), topic, at, body));
        self.entries.push_back(entry.clone());
        entry
    }

    /// So many events happened that nobody can tell any more.
    pub(super) fn lose(&mut self, count: u64) {
        self.last += count;
        self.gone = self.last;
    }

    pub(super) fn find(&self, seq: u64) -> Option<Arc<Entry>> {
        let at = self.entries.binary_search_by_key(&seq, |entry| entry.seq).ok()?;
        self.entries.get(at).cloned()
    }

    /// What came after the event a client heard last.
    pub(super) fn since(&self, since: &Since) -> Missed {
        // A number that was never given is no place in this journal either.
        if *since.epoch != *self.epoch || since.seq > self.last {
            return Missed { entries: Vec::new(), gap: true };
        }
        let first = self.entries.partition_point(|entry| entry.seq <= since.seq);
        Missed { entries: self.entries.range(first..).cloned().collect(), gap: since.seq < self.gone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missed(journal: &Journal, epoch: &str, seq: u64) -> (Vec<u64>, bool) {
        let missed = journal.since(&Since { epoch: epoch.into(), seq });
        (missed.entries.iter().map(|entry| entry.seq).collect(), missed.gap)
    }

    #[test]
    fn what_was_missed_and_whether_it_is_all() {
        let mut journal = Journal::new("e".into(), 3);
        let add = |journal: &mut Journal| {
            let at = (SystemTime::now(), Instant::now());
            journal.add(Topic::SystemStorage, at, EventBody::storage(1.0)).seq
        };
        assert_eq!(missed(&journal, "e", 0), (vec![], false));
        assert_eq!([add(&mut journal), add(&mut journal), add(&mut journal)], [1, 2, 3]);
        assert_eq!(missed(&journal, "e", 0), (vec![1, 2, 3], false));
        assert_eq!(missed(&journal, "e", 2), (vec![3], false));
        assert_eq!(missed(&journal, "e", 3), (vec![], false));
        assert_eq!(missed(&journal, "e", 4), (vec![], true), "never given");
        assert_eq!(missed(&journal, "f", 2), (vec![], true), "another start");
        assert_eq!(add(&mut journal), 4);
        assert_eq!(missed(&journal, "e", 0), (vec![2, 3, 4], true));
        assert_eq!(missed(&journal, "e", 1), (vec![2, 3, 4], false));
        journal.lose(2);
        assert_eq!((add(&mut journal), journal.last()), (7, 7));
        assert_eq!(missed(&journal, "e", 3), (vec![4, 7], true));
        assert_eq!(missed(&journal, "e", 6), (vec![7], false));
        assert!(journal.find(2).is_none() && journal.find(5).is_none());
        assert_eq!(journal.find(7).unwrap().seq, 7);
    }
}
