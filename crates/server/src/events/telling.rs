//! What leaves a subscriber's queue: a text, and what somebody must know of it who may have to tell it again.

use std::{sync::Arc, time::Instant};

use axum::extract::ws::Utf8Bytes;
use control::CameraId;

use super::Entry;

/// One notification on its way out.
#[derive(Debug, Clone)]
pub(crate) struct Telling {
    text: Utf8Bytes,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Event(Arc<Entry>),
    Loss { epoch: String, dropped: u64, last_seq: u64, since: Instant },
}

impl Telling {
    pub(super) fn event(text: Utf8Bytes, entry: Arc<Entry>) -> Self {
        Self { text, what: What::Event(entry) }
    }

    /// That so many could not be told.
    pub(super) fn loss(text: Utf8Bytes, epoch: &str, dropped: u64, last_seq: u64, since: Instant) -> Self {
        Self { text, what: What::Loss { epoch: epoch.to_owned(), dropped, last_seq, since } }
    }

    /// The notification as JSON.
    pub(crate) fn text(&self) -> &Utf8Bytes {
        &self.text
    }

    pub(super) fn into_text(self) -> Utf8Bytes {
        self.text
    }

    /// The same however often it is told, and no other event's: `EPOCH-SEQ`.
    pub(crate) fn id(&self) -> String {
        match &self.what {
            What::Event(entry) => format!("{}-{}", entry.epoch, entry.seq),
            What::Loss { epoch, last_seq, .. } => format!("{epoch}-dropped-{last_seq}"),
        }
    }

    /// What it is about; of a loss, the name of its method.
    pub(crate) fn topic(&self) -> &'static str {
        match &self.what {
            What::Event(entry) => entry.topic.name(),
            What::Loss { .. } => "events_dropped",
        }
    }

    /// The camera it is about.
    pub(crate) fn device(&self) -> Option<CameraId> {
        match &self.what {
            What::Event(entry) => entry.device,
            What::Loss { .. } => None,
        }
    }

    /// How many could not be told, if that is what it tells.
    pub(crate) fn dropped(&self) -> Option<u64> {
        match &self.what {
            What::Event(_) => None,
            What::Loss { dropped, .. } => Some(*dropped),
        }
    }

    /// When it happened.
    pub(crate) fn since(&self) -> Instant {
        match &self.what {
            What::Event(entry) => entry.since,
            What::Loss { since, .. } => *since,
        }
    }
}
