//! Which files go, and by which rule: oldest first, never more than needed. Pure; what is protected or
//! being written is not among the candidates.

use std::time::{Duration, SystemTime};

use crate::space::Space;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Files older than this go.
    pub max_age: Option<Duration>,
    /// While all files of ours hold more bytes than this, the oldest goes.
    pub max_bytes: Option<u64>,
    /// While less than this part of what can be used of a disk is free, in percent, the oldest on it goes.
    pub min_free_percent: Option<f64>,
}

/// Why a file goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// It is too old.
    Age,
    /// There is too much in all.
    Size,
    /// The disk is too full.
    FreeSpace,
}

/// A file that may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) created: SystemTime,
    pub(crate) bytes: u64,
    /// Which disk it lies on.
    pub(crate) disk: usize,
}

/// One disk's room in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disk {
    /// As df(1) counts it: without what is kept for root.
    pub(crate) usable: u64,
    pub(crate) available: u64,
}

impl From<Space> for Disk {
    fn from(space: Space) -> Self {
        Self { usable: space.usable(), available: space.available }
    }
}

/// Indices of the candidates that go, in the order in which they go. `kept_bytes`: what the files hold
/// that are no candidates but count.
pub(crate) fn plan(
    candidates: &[Candidate],
    kept_bytes: u64,
    disks: &[Disk],
    policy: &Policy,
    now: SystemTime,
) -> Vec<(usize, Rule)> {
    let mut oldest_first: Vec<usize> = (0..candidates.len()).collect();
    oldest_first.sort_by_key(|&index| candidates[index].created);
    let mut held = candidates.iter().fold(kept_bytes, |sum, file| sum.saturating_add(file.bytes));
    let mut available: Vec<u64> = disks.iter().map(|disk| disk.available).collect();
    let mut gone = Vec::new();
    for index in oldest_first {
        let file = &candidates[index];
        let too_old =
            policy.max_age.is_some_and(|max| now.duration_since(file.created).is_ok_and(|age| age > max));
        let too_much = policy.max_bytes.is_some_and(|max| held > max);
        let too_full = policy.min_free_percent.is_some_and(|percent| {
            let (disk, free) = (&disks[file.disk], available[file.disk]);
            (free as f64) < disk.usable as f64 * percent / 100.0
        });
        let rule = match (too_old, too_much, too_full) {
            (true, ..) => Rule::Age,
            (_, true, _) => Rule::Size,
            (.., true) => Rule::FreeSpace,
            // A younger file may still lie on a disk that is too full.
            (false, false, false) => continue,
        };
        held = held.saturating_sub(file.bytes);
        available[file.disk] = available[file.disk].saturating_add(file.bytes);
        gone.push((index, rule));
    }
    gone
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn now() -> SystemTime {
        UNIX_EPOCH + DAY * 1000
    }

    /// Files of 10 bytes, so many days old, on disk 0 of 100 bytes.
    fn files(ages: &[u32]) -> Vec<Candidate> {
        ages.iter().map(|age| Candidate { created: now() - DAY * *age, bytes: 10, disk: 0 }).collect()
    }

    fn gone(ages: &[u32], available: u64, policy: Policy) -> Vec<(usize, Rule)> {
        let disks = [Disk { usable: 100, available }];
        plan(&files(ages), 0, &disks, &policy, now())
    }

    const KEEP: Policy = Policy { max_age: None, max_bytes: None, min_free_percent: None };

    #[test]
    fn each_rule_takes_the_oldest_and_no_more_than_needed() {
        let ages = [1, 30, 31, 400, 2];
        assert_eq!(gone(&ages, 0, KEEP), []);
        let age = Policy { max_age: Some(DAY * 30), ..KEEP };
        assert_eq!(gone(&ages, 0, age), [(3, Rule::Age), (2, Rule::Age)]);
        let size = Policy { max_bytes: Some(25), ..KEEP };
        assert_eq!(gone(&ages, 0, size), [(3, Rule::Size), (2, Rule::Size), (1, Rule::Size)]);
        assert_eq!(gone(&ages, 0, Policy { max_bytes: Some(50), ..KEEP }), []);
        let free = Policy { min_free_percent: Some(15.0), ..KEEP };
        assert_eq!(gone(&ages, 5, free), [(3, Rule::FreeSpace)]);
        assert_eq!(gone(&ages, 15, free), []);
        let all = Policy { max_age: Some(DAY * 100), max_bytes: Some(35), min_free_percent: Some(30.0) };
        assert_eq!(gone(&ages, 5, all), [(3, Rule::Age), (2, Rule::Size), (1, Rule::FreeSpace)]);
    }

    #[test]
    fn what_is_kept_counts_and_what_lies_in_the_future_is_not_old() {
        let disks = [Disk { usable: 100, available: 100 }];
        let policy = Policy { max_bytes: Some(20), ..KEEP };
        assert_eq!(plan(&files(&[1, 2]), 1000, &disks, &policy, now()).len(), 2);
        let future = Candidate { created: now() + DAY, bytes: 1, disk: 0 };
        let policy = Policy { max_age: Some(Duration::from_secs(1)), ..KEEP };
        assert_eq!(plan(&[future], 0, &disks, &policy, now()), []);
    }

    #[test]
    fn what_is_kept_for_root_is_neither_free_nor_used() {
        // 200 of 1000 are kept for root: of the 800 that can be used, 95 are more than a tenth.
        let disk = Disk::from(Space { total: 1000, used: 705, available: 95 });
        let policy = Policy { min_free_percent: Some(10.0), ..KEEP };
        assert_eq!(plan(&files(&[1, 2]), 0, &[disk], &policy, now()), []);
        let policy = Policy { min_free_percent: Some(12.0), ..KEEP };
        assert_eq!(plan(&files(&[1, 2]), 0, &[disk], &policy, now()), [(1, Rule::FreeSpace)]);
    }

    #[test]
    fn only_files_of_the_full_disk_go() {
        let disks = [Disk { usable: 100, available: 90 }, Disk { usable: 100, available: 0 }];
        let mut candidates = files(&[9, 8, 7]);
        candidates[1].disk = 1;
        candidates[2].disk = 1;
        let policy = Policy { min_free_percent: Some(10.0), ..KEEP };
        assert_eq!(plan(&candidates, 0, &disks, &policy, now()), [(1, Rule::FreeSpace)]);
    }
}
