//! When a MediaMTX that does not answer is asked again: soon at first, then less often, and never all at one
//! moment with others. Pure.

use std::time::Duration;

use base::backoff::Backoff;

/// After the first failure.
const FIRST: Duration = Duration::from_millis(100);
/// Longest pause: what MediaMTX forgot is to be back within 2 s of its answering again.
const LONGEST: Duration = Duration::from_secs(1);

/// Counts failures.
#[derive(Debug)]
pub(super) struct Breaker(Backoff);

impl Default for Breaker {
    fn default() -> Self {
        Self(Backoff::new(FIRST, LONGEST))
    }
}

impl Breaker {
    /// It has answered.
    pub(super) fn closed(&mut self) {
        self.0.reset();
    }

    /// It has not: how long to leave it alone. `random`: any number.
    pub(super) fn opened(&mut self, random: u32) -> Duration {
        // Between three quarters of the pause and the whole.
        let part = 0.75 + 0.25 * f64::from(random) / f64::from(u32::MAX);
        self.0.after_failure().mul_f64(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_second_and_start_over() {
        let mut breaker = Breaker::default();
        let pauses: Vec<u128> = (0..6).map(|_| breaker.opened(u32::MAX).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(breaker.opened(0).as_millis(), 750);
        breaker.closed();
        assert_eq!(breaker.opened(u32::MAX).as_millis(), 100);
    }
}
