//! Bridges: events that leave the house by themselves, to a web server or an MQTT broker that the
//! configuration names. A bridge is one more subscriber of the hub, as an admin who may know all cameras:
//! it hears what such a client would, word for word. Decides nothing about events, and nobody waits for it.

mod courier;
mod link;
mod mqtt;
mod signature;
mod webhook;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, task::JoinSet, time::timeout};

use courier::Courier;
pub(crate) use courier::{Counts, Patience};
pub(crate) use link::{Target, Trust};
use mqtt::Mqtt;
pub(crate) use mqtt::{MqttTo, Qos};
pub(crate) use signature::SigningKey;
use webhook::Webhook;
pub(crate) use webhook::WebhookTo;

use crate::{
    events::{Hub, Seat, Wish},
    wire::UrlBase,
};

/// What a bridge hears, and for how long it tries.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    pub(crate) topics: Vec<Wish>,
    /// Events that may wait; of more the oldest go.
    pub(crate) max_queue: usize,
    pub(crate) patience: Patience,
}

/// Whom the configuration names; `None`: nobody.
#[derive(Debug, Clone, Default)]
pub(crate) struct Receivers {
    pub(crate) webhook: Option<(WebhookTo, Share)>,
    pub(crate) mqtt: Option<(MqttTo, Share)>,
}

/// All that are configured.
#[derive(Debug)]
pub(crate) struct Bridges {
    /// Not yet at work.
    waiting: Mutex<Vec<(Seat, Over, Patience)>>,
    at_work: Mutex<JoinSet<()>>,
    counts: Vec<(&'static str, Arc<Counts>)>,
    ending: watch::Sender<bool>,
}

/// The way a bridge leads.
#[derive(Debug)]
enum Over {
    Webhook(Box<WebhookTo>),
    Mqtt(Box<MqttTo>),
}

impl Over {
    fn name(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Mqtt(_) => "mqtt",
        }
    }

    /// Can others read what goes there?
    fn is_open_to_readers(&self) -> bool {
        match self {
            Self::Webhook(to) => to.is_open_to_readers(),
            Self::Mqtt(to) => to.target.is_open_to_readers(),
        }
    }
}

impl Bridges {
    /// Each hears from here on, and what was told before in this epoch. Nothing runs yet. `urls`: what
    /// addresses in events begin with.
    pub(crate) fn new(to: Receivers, hub: &Arc<Hub>, urls: &UrlBase) -> Self {
        let webhook = to.webhook.map(|(to, share)| (Over::Webhook(Box::new(to)), share));
        let mqtt = to.mqtt.map(|(to, share)| (Over::Mqtt(Box::new(to)), share));
        let ways = webhook.into_iter().chain(mqtt);
        let waiting: Vec<_> = ways
            .map(|(over, share)| {
                if over.is_open_to_readers() {
                    let bridge = over.name();
                    tracing::warn!(
                        bridge,
                        "EVENTS LEAVE THIS MACHINE WITHOUT TLS: they can be read on the way"
                    );
                }
                let seat = hub.join_bridge(over.name(), urls.clone(), share.max_queue, &share.topics);
                (seat, over, share.patience)
            })
            .collect();
        let counts = waiting
            .iter()
            .map(|(seat, over, _)| (over.name(), Arc::new(Counts::new(seat.subscriber().clone()))));
        Self {
            counts: counts.collect(),
            waiting: Mutex::new(waiting),
            at_work: Mutex::default(),
            ending: watch::Sender::new(false),
        }
    }

    /// Sets them to work.
    pub(crate) fn start(&self) {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        let mut at_work = lock(&self.at_work);
        for ((seat, over, patience), (name, counts)) in waiting.into_iter().zip(&self.counts) {
            let courier = Courier {
                name,
                events: seat,
                counts: counts.clone(),
                patience,
                ending: self.ending.subscribe(),
            };
            match over {
                Over::Webhook(to) => at_work.spawn(courier.run(Webhook::new(*to))),
                Over::Mqtt(to) => at_work.spawn(courier.run(Mqtt::new(*to, patience.attempt))),
            };
        }
    }

    /// Lets them deliver what waits, each event tried once more, for no longer than `limit`.
    pub(crate) async fn end(&self, limit: Duration) {
        self.ending.send_replace(true);
        let mut at_work = std::mem::take(&mut *lock(&self.at_work));
        let all = async { while at_work.join_next().await.is_some() {} };
        if timeout(limit, all).await.is_err() {
            tracing::warn!("events were left behind: a bridge was too slow at the end");
        }
        // What is left is dropped, and with it its task.
    }

    /// By the bridge's name.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, &Counts)> {
        self.counts.iter().map(|(name, counts)| (*name, &**counts))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
