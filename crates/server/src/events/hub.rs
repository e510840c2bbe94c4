//! Where events meet those who asked for them: the journal, and who hears of which topic. An event
//! touches the subscribers of its topic and nobody else.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use control::{
    api::Health,
    events::{Event, Feed, Heard, News},
};

use super::{
    Counted, Entry, Topic, Wish,
    counts::Counts,
    journal::Journal,
    queue::Queue,
    subscriber::{Seat, Subscriber},
};
use crate::{
    security::Principal,
    wire::{EventBody, UrlBase},
};

/// Events kept for those who were away.
const JOURNAL_EVENTS: usize = 1000;

/// The meeting place.
#[derive(Debug)]
pub(crate) struct Hub {
    epoch: Arc<str>,
    started: Instant,
    max_queue: usize,
    pub(super) counts: Counts,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) journal: Journal,
    /// By topic, then by the subscriber's number.
    pub(super) index: BTreeMap<Topic, BTreeMap<u64, Arc<Subscriber>>>,
    next_number: u64,
    /// As it was last judged.
    health: Health,
}

/// How many hear what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stats {
    pub(crate) clients: usize,
    pub(crate) by_topic: Vec<(Topic, usize)>,
}

impl Hub {
    /// `epoch`: another one at each start of the service; `max_queue`: most events waiting for one client;
    /// `health`: how the service is now.
    pub(crate) fn new(epoch: &str, max_queue: usize, health: Health) -> Arc<Self> {
        let epoch: Arc<str> = epoch.into();
        Arc::new(Self {
            epoch: epoch.clone(),
            started: Instant::now(),
            max_queue,
            counts: Counts::default(),
            state: Mutex::new(State {
                journal: Journal::new(epoch, JOURNAL_EVENTS),
                index: BTreeMap::new(),
                next_number: 0,
                health,
            }),
        })
    }

    /// Lets a connection take part; it hears nothing before it asks.
    pub(crate) fn join(self: &Arc<Self>, client_id: &str, urls: UrlBase) -> Seat {
        let mut state = self.lock();
        state.next_number += 1;
        Seat::new(Arc::new(Subscriber::new(
            state.next_number,
            client_id.to_owned(),
            self.clone(),
            urls,
            Queue::new(self.max_queue),
        )))
    }

    /// Lets a bridge of the service's own take part: it hears of these topics, from the first event of this
    /// start on.
    pub(crate) fn join_bridge(
        self: &Arc<Self>,
        name: &str,
        urls: UrlBase,
        max_queue: usize,
        topics: &[Wish],
    ) -> Seat {
        let mut state = self.lock();
        state.next_number += 1;
        let number = state.next_number;
        drop(state);
        let subscriber =
            Subscriber::new(number, name.to_owned(), self.clone(), urls, Queue::of_all(max_queue));
        Subscriber::for_bridge(subscriber, topics)
    }

    /// Writes down and hands on what comes, until nobody is left who could tell anything.
    pub(crate) async fn follow(self: Arc<Self>, mut feed: Feed) {
        while let Some(heard) = feed.next().await {
            match heard {
                Heard::News(news) => self.publish(news),
                Heard::Lost(count) => self.lose(count),
            }
        }
    }

    /// Writes down an event and hands it to those who asked for it. Waits for nobody.
    pub(crate) fn publish(&self, news: News) {
        let News { event, at, since } = news;
        let topic = Topic::of(&event);
        let mut state = self.lock();
        let body = match event {
            Event::Camera(_, camera) => EventBody::Camera(camera),
            Event::Recording(change, news) => EventBody::recording(change, news),
            Event::SnapshotTaken { device, filename, file_size } => {
                EventBody::snapshot(device, filename, file_size)
            }
            Event::Storage { usage_percent } => EventBody::storage(usage_percent),
            Event::Health(now) => {
                let before = std::mem::replace(&mut state.health, now.clone());
                if !now.differs(&before) {
                    return;
                }
                EventBody::health(Some(before), now, self.started.elapsed())
            }
            Event::Startup | Event::Shutdown => {
                EventBody::health(None, state.health.clone(), self.started.elapsed())
            }
        };
        let entry: Arc<Entry> = state.journal.add(topic, (at, since), body);
        self.counts.published(topic);
        for subscriber in state.index.get(&topic).into_iter().flat_map(BTreeMap::values) {
            subscriber.offer(&entry);
        }
    }

    /// Some events came too fast to be written down: everybody who listens is told.
    fn lose(&self, count: u64) {
        tracing::error!(count, "events came too fast and were lost");
        self.counts.lost(count);
        let mut state = self.lock();
        state.journal.lose(count);
        let last = state.journal.last();
        for subscriber in state.subscribers() {
            subscriber.lose(count, last);
        }
    }

    /// Sessions whose credential is good no more hear nothing from here on, even while their connection is
    /// busy with something else.
    pub(crate) fn end_revoked(&self, is_good: impl Fn(&Principal) -> bool) {
        // Ending one takes the hub's lock again.
        let all = self.lock().subscribers();
        for subscriber in all {
            subscriber.end_unless(&is_good);
        }
    }

    pub(super) fn epoch(&self) -> &str {
        &self.epoch
    }

    pub(crate) fn stats(&self) -> Stats {
        let state = self.lock();
        let clients =
            |all: &BTreeMap<u64, Arc<Subscriber>>| all.values().filter(|one| !one.is_bridge()).count();
        let by_topic = state.index.iter().map(|(topic, all)| (*topic, clients(all)));
        Stats {
            clients: state.subscribers().iter().filter(|one| !one.is_bridge()).count(),
            by_topic: by_topic.filter(|(_, clients)| *clients > 0).collect(),
        }
    }

    /// What was counted, and how many wait now.
    pub(crate) fn counted(&self) -> Counted {
        // Queues are asked one after the other, and nobody waits for that.
        let all = self.lock().subscribers();
        let queues: Vec<usize> = all.iter().map(|subscriber| subscriber.waiting()).collect();
        self.counts.read(&queues)
    }

    /// Always before a subscriber's own lock.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Everybody who listens to anything, each once.
    fn subscribers(&self) -> Vec<Arc<Subscriber>> {
        let by_number: BTreeMap<u64, &Arc<Subscriber>> =
            self.index.values().flatten().map(|(number, one)| (*number, one)).collect();
        by_number.into_values().cloned().collect()
    }

    pub(super) fn listen(&mut self, topic: Topic, subscriber: &Arc<Subscriber>) {
        self.index.entry(topic).or_default().insert(subscriber.number(), subscriber.clone());
    }

    pub(super) fn ignore(&mut self, topic: Topic, subscriber: &Subscriber) {
        if let Some(all) = self.index.get_mut(&topic) {
            all.remove(&subscriber.number());
            if all.is_empty() {
                self.index.remove(&topic);
            }
        }
    }
}
