//! What is counted of each call, by method. The set of methods is the table's, so labels are bounded
//! whatever clients send.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use control::histogram::{Distribution, Histogram};

use crate::rpc::{AUTHENTICATE, METHODS};

/// The label of all names that are no method's.
const UNKNOWN: &str = "(unknown)";

/// Counters of calls, by method.
#[derive(Debug)]
pub(crate) struct Calls(Box<[Counted]>);

#[derive(Debug, Default)]
struct Counted {
    requests: AtomicU64,
    errors: AtomicU64,
    took: Histogram,
}

/// A call that has begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    place: usize,
    at: Instant,
}

/// One method's counters as they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OfMethod {
    pub(super) name: &'static str,
    pub(super) requests: u64,
    /// Of those, how many were answered with an error.
    pub(super) errors: u64,
    pub(super) took: Distribution,
}

impl Calls {
    pub(super) fn new() -> Self {
        // The table, then the one method outside of it, then whatever is none.
        Self((0..METHODS.len() + 2).map(|_| Counted::default()).collect())
    }

    /// Counts a request.
    pub(crate) fn begin(&self, method: &str) -> Begun {
        let place = METHODS.iter().position(|known| known.name == method);
        let place = place.unwrap_or(METHODS.len() + usize::from(method != AUTHENTICATE));
        self.0[place].requests.fetch_add(1, Ordering::Relaxed);
        Begun { place, at: Instant::now() }
    }

    /// Counts its end. A call whose caller has left before may have none.
    pub(crate) fn end(&self, begun: Begun, good: bool) {
        let counted = &self.0[begun.place];
        counted.took.observe(begun.at.elapsed());
        if !good {
            counted.errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All methods, in the table's order.
    pub(super) fn read(&self) -> Vec<OfMethod> {
        let names = METHODS.iter().map(|method| method.name).chain([AUTHENTICATE, UNKNOWN]);
        let read = |(name, counted): (&'static str, &Counted)| OfMethod {
            name,
            requests: counted.requests.load(Ordering::Relaxed),
            errors: counted.errors.load(Ordering::Relaxed),
            took: counted.took.read(),
        };
        names.zip(&self.0).map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_has_its_place_and_strangers_share_one() {
        let calls = Calls::new();
        for name in METHODS.iter().map(|method| method.name).chain([AUTHENTICATE, "x", "y"]) {
            calls.end(calls.begin(name), name != "y");
        }
        let read = calls.read();
        let (unknown, known) = read.split_last().unwrap();
        assert!(known.iter().all(|of| of.requests == 1 && of.errors == 0 && of.took.count() == 1));
        assert_eq!(known.last().unwrap().name, AUTHENTICATE);
        assert_eq!((unknown.name, unknown.requests, unknown.errors), (UNKNOWN, 2, 1));
    }

    #[test]
    fn a_call_that_never_ends_is_counted_as_a_request_only() {
        let calls = Calls::new();
        calls.begin("ping");
        let ping = calls.read().into_iter().find(|of| of.name == "ping").unwrap();
        assert_eq!((ping.requests, ping.took.count()), (1, 0));
    }
}
