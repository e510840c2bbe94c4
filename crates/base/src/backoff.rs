//! Exponential back-off with a ceiling. Pure: the caller supplies the time and waits.

use std::time::Duration;

/// Doubles from `first` up to `max` at each failure; a success starts it over.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    /// Waits `first` after the first failure and never more than `max`.
    pub fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, next: first.min(max) }
    }

    /// How long to wait after the failure that just happened.
    pub fn after_failure(&mut self) -> Duration {
        let wait = self.next;
        self.next = (self.next * 2).min(self.max);
        wait
    }

    /// Forgets past failures.
    pub fn reset(&mut self) {
        self.next = self.first.min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_the_ceiling_and_starts_over() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(250), ms(900));
        let waits: Vec<_> = (0..4).map(|_| backoff.after_failure()).collect();
        assert_eq!(waits, [ms(250), ms(500), ms(900), ms(900)]);
        backoff.reset();
        assert_eq!(backoff.after_failure(), ms(250));
    }
}
