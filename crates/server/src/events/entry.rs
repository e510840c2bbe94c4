//! One event as it lies in the journal. Its text is made when the first one wants it, and once however
//! many do: where the addresses in it depend on the host a client asked for, once for each host; where it
//! depends on which cameras a client may know, for each who may not know all.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Instant, SystemTime},
};

use axum::extract::ws::Utf8Bytes;
use control::CameraId;

use super::Topic;
use crate::{
    security::Scope,
    wire::{self, EventBody, UrlBase},
};

/// Hosts for which a text is kept; a client chooses the host it asks for, so there may be any number.
const MAX_HOSTS: usize = 4;

/// One event.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) seq: u64,
    pub(super) topic: Topic,
    /// The camera it is about.
    pub(super) device: Option<CameraId>,
    pub(super) epoch: Arc<str>,
    at: SystemTime,
    /// The same by the clock that nobody sets.
    pub(super) since: Instant,
    body: EventBody,
    text: OnceLock<Utf8Bytes>,
    texts: Mutex<Vec<(UrlBase, Utf8Bytes)>>,
}

impl Entry {
    pub(super) fn new(
        seq: u64,
        epoch: Arc<str>,
        topic: Topic,
        (at, since): (SystemTime, Instant),
        body: EventBody,
    ) -> Self {
        let device = body.device();
        Self { seq, topic, device, epoch, at, since, body, text: OnceLock::new(), texts: Mutex::default() }
    }

    /// The camera whose status it tells.
    pub(super) fn status_of(&self) -> Option<CameraId> {
        match self.body {
            EventBody::Camera(_) => self.device,
            _ => None,
        }
    }

    /// A newer status of that camera says all that this one does. That a camera came or went is said by nothing else.
    pub(super) fn is_superseded(&self) -> bool {
        self.topic == Topic::CameraStatusChange
    }

    /// Is there anything in it for somebody of this scope?
    pub(super) fn tells(&self, scope: &Scope) -> bool {
        self.body.tells(scope)
    }

    /// The notification for a client that asked for this host and may know these cameras.
    pub(super) fn text(&self, urls: &UrlBase, scope: &Scope) -> Utf8Bytes {
        if self.body.depends_on_scope() && *scope != Scope::All {
            // Few sessions have a scope, and health changes seldom.
            return self.written(urls, scope);
        }
        if self.status_of().is_none() {
            return self.text.get_or_init(|| self.written(urls, scope)).clone();
        }
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, text)) = texts.iter().find(|(host, _)| host == urls) {
            return text.clone();
        }
        let text = self.written(urls, scope);
        if texts.len() < MAX_HOSTS {
            texts.push((urls.clone(), text.clone()));
        }
        text
    }

    fn written(&self, urls: &UrlBase, scope: &Scope) -> Utf8Bytes {
        let numbered = (self.topic.name(), &*self.epoch, self.seq);
        wire::event_text(self.topic.method(), numbered, self.at, &self.body, urls, scope).into()
    }
}
