//! How fast pictures come, measured over the last seconds. Pure.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// What counts as "now".
const WINDOW: Duration = Duration::from_secs(3);
/// Shorter than this and the first pictures, which come in a heap, would say too much.
const SHORTEST: Duration = Duration::from_millis(500);
/// Pictures remembered: three seconds at the highest rate there is.
const MAX_PICTURES: usize = 512;

/// Pictures and bits a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Pictures a second.
    pub fps: f64,
    /// Bits a second, as coded.
    pub bitrate_bps: u64,
}

/// When the last pictures came, and how large they were.
#[derive(Debug, Default)]
pub(crate) struct Rate(VecDeque<(Instant, usize)>);

impl Rate {
    pub(crate) fn count(&mut self, now: Instant, bytes: usize) {
        if self.0.len() == MAX_PICTURES {
            self.0.pop_front();
        }
        self.0.push_back((now, bytes));
        while self.0.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > WINDOW) {
            self.0.pop_front();
        }
    }

    /// As it was when the newest picture came; `None` before enough has come.
    pub(crate) fn newest(&self) -> Option<Measured> {
        self.0.back().and_then(|(at, _)| self.at(*at))
    }

    /// As it is at `now`: a source that has stopped is not fast.
    pub(crate) fn at(&self, now: Instant) -> Option<Measured> {
        let mut recent =
            self.0.iter().skip_while(|(at, _)| now.saturating_duration_since(*at) > WINDOW).copied();
        // The first one only begins the time that is measured.
        let (began, _) = recent.next()?;
        let (pictures, bytes) = recent.fold((0_u32, 0), |(n, sum), (_, bytes)| (n + 1, sum + bytes));
        let span = now.saturating_duration_since(began);
        (span >= SHORTEST).then(|| Measured {
            fps: f64::from(pictures) / span.as_secs_f64(),
            bitrate_bps: (bytes as f64 * 8.0 / span.as_secs_f64()).round() as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_source_is_measured_and_a_silent_one_forgotten() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut rate = Rate::default();
        assert_eq!(rate.at(start), None);
        for n in 0..200_u64 {
            rate.count(at(n * 40), 5_000);
            if n == 3 {
                assert_eq!(rate.newest(), None, "too early to tell");
            }
        }
        let steady = Measured { fps: 25.0, bitrate_bps: 1_000_000 };
        assert_eq!(rate.newest(), Some(steady));
        assert!(rate.at(at(199 * 40 + 1_500)).unwrap().fps < 13.0);
        assert_eq!(rate.at(at(199 * 40 + 3_001)), None);
        assert_eq!(rate.newest(), Some(steady));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let now = Instant::now();
        let mut rate = Rate::default();
        (0..2 * MAX_PICTURES).for_each(|_| rate.count(now, 1));
        assert_eq!(rate.0.len(), MAX_PICTURES);
    }
}
