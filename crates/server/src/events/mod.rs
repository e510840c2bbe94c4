//! Events on their way to those who asked for them: topics, the journal, one bounded queue for each
//! connection. Knows no socket: `ws` takes texts from here and sends them.

mod counts;
mod describe;
mod entry;
mod hub;
mod journal;
mod queue;
mod subscriber;
mod telling;
mod topic;

pub(crate) use counts::Counted;
pub(crate) use describe::describe;
use entry::Entry;
pub(crate) use hub::{Hub, Stats};
pub(crate) use subscriber::{Hold, Refused, Seat, Subscriber, Wishes};
pub(crate) use telling::Telling;
pub(crate) use topic::{Topic, Topics, Wish};

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod delivery_tests;
