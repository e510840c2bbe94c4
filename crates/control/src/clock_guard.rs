//! Is the wall clock to be believed when files are removed for their age? A clock that jumps ahead would
//! make everything old at once. Pure.

use std::time::{Duration, Instant, SystemTime};

/// A clock that strays further than this was set, not corrected.
const MAX_STRAY: Duration = Duration::from_hours(1);

/// Watches the wall clock against the monotonic one.
#[derive(Debug)]
pub(crate) struct ClockGuard {
    /// What both clocks showed at one moment when the wall clock was believed.
    origin: (Instant, SystemTime),
}

impl ClockGuard {
    /// `stored`: what the wall clock showed when a service last looked; a clock that shows less now is
    /// not believed until it has caught up.
    pub(crate) fn new(now: Instant, wall: SystemTime, stored: Option<SystemTime>) -> Self {
        let origin = stored.filter(|stored| *stored > wall + MAX_STRAY).unwrap_or(wall);
        Self { origin: (now, origin) }
    }

    /// Is the wall clock within an hour of where it should be?
    pub(crate) fn believes(&self, now: Instant, wall: SystemTime) -> bool {
        let (then, showed) = self.origin;
        let expected = showed + now.saturating_duration_since(then);
        let stray = wall.duration_since(expected).unwrap_or_else(|earlier| earlier.duration());
        stray <= MAX_STRAY
    }

    /// Somebody who should know says that the clock is right.
    pub(crate) fn trust(&mut self, now: Instant, wall: SystemTime) {
        self.origin = (now, wall);
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn a_jump_is_not_believed_until_the_clock_is_back_or_an_admin_says_so() {
        let (start, wall) = (Instant::now(), UNIX_EPOCH + HOUR * 500_000);
        let mut guard = ClockGuard::new(start, wall, Some(wall - HOUR * 1000));
        for hours in [0, 1, 24, 24 * 365] {
            assert!(guard.believes(start + HOUR * hours, wall + HOUR * hours + MINUTE * 59));
        }
        let later = start + HOUR * 10;
        for stray in [HOUR + MINUTE, HOUR * 24 * 365 * 30] {
            assert!(!guard.believes(later, wall + HOUR * 10 + stray));
            assert!(!guard.believes(later, wall + HOUR * 10 - stray));
        }
        assert!(guard.believes(later, wall + HOUR * 10), "the clock is back");
        guard.trust(later, wall + HOUR * 1000);
        assert!(guard.believes(later + HOUR, wall + HOUR * 1001));
    }

    #[test]
    fn a_clock_behind_the_last_stored_time_is_not_believed() {
        // A board without a battery starts in 1970, and is set when the network is there.
        let (start, stored) = (Instant::now(), UNIX_EPOCH + HOUR * 500_000);
        let guard = ClockGuard::new(start, UNIX_EPOCH, Some(stored));
        assert!(!guard.believes(start + MINUTE, UNIX_EPOCH + MINUTE));
        assert!(guard.believes(start + MINUTE * 2, stored + MINUTE * 3));
    }
}
