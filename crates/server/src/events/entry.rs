//! One event as it lies in the journal. Its text is made when the first one wants it, and once however
//! many do: where the addresses in it depend on the host a client asked for, once for each host.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::SystemTime,
};

use axum::extract::ws::Utf8Bytes;
use control::CameraId;

use super::Topic;
use crate::wire::{self, EventBody, UrlBase};

/// Hosts for which a text is kept; a client chooses the host it asks for, so there may be any number.
const MAX_HOSTS: usize = 4;

/// One event.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) seq: u64,
    pub(super) topic: Topic,
    /// The camera it is about.
    pub(super) device: Option<CameraId>,
    epoch: Arc<str>,
    at: SystemTime,
    body: EventBody,
    text: OnceLock<Utf8Bytes>,
    texts: Mutex<Vec<(UrlBase, Utf8Bytes)>>,
}

impl Entry {
    pub(super) fn new(seq: u64, epoch: Arc<str>, topic: Topic, at: SystemTime, body: EventBody) -> Self {
        let device = body.device();
        Self { seq, topic, device, epoch, at, body, text: OnceLock::new(), texts: Mutex::default() }
    }

    /// The camera whose status it tells: of these only the newest matters to a slow client.
    pub(super) fn status_of(&self) -> Option<CameraId> {
        match self.body {
            EventBody::Camera(_) => self.device,
            _ => None,
        }
    }

    /// The notification for a client that asked for this host.
    pub(super) fn text(&self, urls: &UrlBase) -> Utf8Bytes {
        if self.status_of().is_none() {
            return self.text.get_or_init(|| self.written(urls)).clone();
        }
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, text)) = texts.iter().find(|(host, _)| host == urls) {
            return text.clone();
        }
        let text = self.written(urls);
        if texts.len() < MAX_HOSTS {
            texts.push((urls.clone(), text.clone()));
        }
        text
    }

    fn written(&self, urls: &UrlBase) -> Utf8Bytes {
        let numbered = (self.topic.name(), &*self.epoch, self.seq);
        wire::event_text(self.topic.method(), numbered, self.at, &self.body, urls).into()
    }
}
