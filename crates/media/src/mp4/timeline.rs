//! Decoding times for pictures that are not shown in the order they are decoded.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Gives each picture, in decoding order, its decoding time. Without B-frames that is its
/// presentation time; with them, the times of presentation in rising order, `reorder_frames` later.
#[derive(Debug)]
pub struct Timeline {
    reorder: usize,
    /// Pictures seen so far, as long as it matters.
    seen: usize,
    first_pts: i64,
    waiting: BinaryHeap<Reverse<i64>>,
    last_dts: i64,
}

impl Timeline {
    /// For a stream whose SPS promises at most `reorder_frames` pictures out of order.
    pub fn new(reorder_frames: u8) -> Self {
        Self {
            reorder: usize::from(reorder_frames),
            seen: 0,
            first_pts: 0,
            waiting: BinaryHeap::new(),
            last_dts: i64::MIN,
        }
    }

    /// Decoding time of the next picture and what must be added to it to show the picture, both in
    /// 1/90,000 s. Decoding times never fall. The first one lies `reorder_frames` ticks before the
    /// first presentation time.
    pub fn next(&mut self, pts_90k: i64) -> (i64, i32) {
        if self.seen == 0 {
            self.first_pts = pts_90k;
        }
        let dts = if self.reorder == 0 {
            pts_90k
        } else {
            self.waiting.push(Reverse(pts_90k));
            if self.seen < self.reorder {
                self.first_pts - (self.reorder - self.seen) as i64
            } else {
                self.waiting.pop().map_or(pts_90k, |Reverse(pts)| pts)
            }
        };
        self.seen = (self.seen + 1).min(self.reorder + 1);
        // A source that breaks its promise must not make times fall.
        self.last_dts = dts.max(self.last_dts);
        let cts = pts_90k.saturating_sub(self.last_dts);
        (self.last_dts, i32::try_from(cts).unwrap_or(if cts < 0 { i32::MIN } else { i32::MAX }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_b_frames_both_times_are_one() {
        let mut timeline = Timeline::new(0);
        for pts in [7, 10, 13] {
            assert_eq!(timeline.next(pts), (pts, 0));
        }
    }

    #[test]
    fn decoding_times_rise_and_are_never_late() {
        // I P B B P B B as x264 sends them: shown 0 3 1 2 6 4 5.
        let mut timeline = Timeline::new(2);
        let shown = [0, 9000, 3000, 6000, 18_000, 12_000, 15_000];
        let given: Vec<_> = shown.iter().map(|pts| (*pts, timeline.next(*pts))).collect();
        assert_eq!(given.iter().map(|g| g.1.0).collect::<Vec<_>>(), [-2, -1, 0, 3000, 6000, 9000, 12_000]);
        for (pts, (dts, cts)) in given {
            assert_eq!(dts + i64::from(cts), pts);
            assert!(cts >= 0);
        }
    }

    #[test]
    fn a_broken_promise_keeps_times_from_falling() {
        let mut timeline = Timeline::new(0);
        assert_eq!(timeline.next(100), (100, 0));
        assert_eq!(timeline.next(50), (100, -50));
    }
}
