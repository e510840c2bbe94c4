//! The same failure is not written again and again but counted: a warning or an error that says what it said less than a
//! minute ago is left out, and when it comes later the log says how often. Which are the same is told by where
//! they come from and by everything they say. Pure but for the lock around it.

use std::{
    collections::HashMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

/// For how long the same is said once.
const WINDOW: Duration = Duration::from_mins(1);
/// Different failures remembered at once.
const MAX_KNOWN: usize = 256;

/// Who has the configuration read again waits for the answer, each time.
const ASKED_FOR: &str = "server::reload";

/// Leaves out what was said just now.
#[derive(Debug, Default)]
pub(super) struct Repeats(Mutex<Known>);

#[derive(Debug, Default)]
struct Known(HashMap<u64, Said>);

#[derive(Debug)]
struct Said {
    at: Instant,
    left_out: u64,
}

impl Known {
    /// May it be written? If so, how often it was left out since it was last.
    fn admit(&mut self, now: Instant, what: u64) -> Option<u64> {
        if let Some(said) = self.0.get_mut(&what) {
            if now.saturating_duration_since(said.at) < WINDOW {
                said.left_out += 1;
                return None;
            }
            said.at = now;
            return Some(std::mem::take(&mut said.left_out));
        }
        if self.0.len() >= MAX_KNOWN {
            self.0.retain(|_, said| now.saturating_duration_since(said.at) < WINDOW);
        }
        // So many at once are no repetition: what finds no place is written.
        if self.0.len() < MAX_KNOWN {
            self.0.insert(what, Said { at: now, left_out: 0 });
        }
        Some(0)
    }
}

impl<S: Subscriber> Layer<S> for Repeats {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN || metadata.target() == ASKED_FOR {
            return true;
        }
        let mut words = Words(DefaultHasher::new());
        metadata.callsite().hash(&mut words.0);
        event.record(&mut words);
        let admitted = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.admit(Instant::now(), words.0.finish())
        };
        if let Some(times) = admitted.filter(|times| *times > 0) {
            tracing::info!(times, "what follows was said before, and left out");
        }
        admitted.is_some()
    }
}

/// Everything an event says.
struct Words(DefaultHasher);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Each call has a number of its own.
        if field.name() != "correlation_id" {
            field.name().hash(&mut self.0);
            format!("{value:?}").hash(&mut self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once_a_minute_and_counted() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut known = Known::default();
        assert_eq!(known.admit(at(0), 1), Some(0));
        assert_eq!([1, 2, 59].map(|second| known.admit(at(second), 1)), [None; 3]);
        assert_eq!(known.admit(at(3), 2), Some(0), "another one");
        assert_eq!(known.admit(at(60), 1), Some(3));
        assert_eq!(known.admit(at(61), 1), None);
        assert_eq!(known.admit(at(200), 1), Some(1));
    }

    #[test]
    fn what_is_remembered_has_a_limit() {
        let start = Instant::now();
        let mut known = Known::default();
        for what in 0..10_000 {
            assert_eq!(known.admit(start, what), Some(0));
        }
        assert_eq!(known.0.len(), MAX_KNOWN);
        assert_eq!((known.admit(start, 0), known.admit(start, 9999)), (None, Some(0)));
        assert_eq!(known.admit(start + WINDOW, 9999), Some(0));
        assert_eq!(known.admit(start + WINDOW, 9999), None, "the old ones have made room");
    }
}
