//! One connection's share of the events: what it asked for, who it is, and what has not left yet.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime},
};

use axum::extract::ws::Utf8Bytes;
use serde_json::json;
use tokio::sync::Notify;

use super::{
    Entry, Hub, Telling, Topic, Topics, Wish,
    queue::{Next, Queue},
    topic::grant,
};
use crate::{
    rpc::notification,
    security::{Credential, Principal, Role, Scope},
    wire::{Devices, Since, UrlBase},
};

/// What a client asks for.
#[derive(Debug)]
pub(crate) struct Wishes<'a> {
    pub(crate) topics: &'a [Wish],
    /// `None`: of all cameras.
    pub(crate) devices: Option<&'a Devices>,
    pub(crate) since: Option<&'a Since>,
}

/// What it gets.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) topics: Topics,
    pub(crate) epoch: Arc<str>,
    /// The newest event; what comes later will be heard.
    pub(crate) seq: u64,
    pub(crate) gap: bool,
    pub(crate) replayed: usize,
}

/// Why it gets nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The connection has no session, or that of another caller by now.
    NoSession,
    /// A named topic needs this role.
    Role(Role),
}

/// One connection. Cheap to share.
#[derive(Debug)]
pub(crate) struct Subscriber {
    number: u64,
    client_id: String,
    /// No credential lets it in, so none that is revoked sends it away.
    is_bridge: bool,
    hub: Arc<Hub>,
    urls: UrlBase,
    state: Mutex<State>,
    /// Something is there to be sent.
    wake: Notify,
    /// Something was sent.
    sent: Notify,
}

#[derive(Debug)]
struct State {
    heard_by: Option<Arc<Principal>>,
    /// Of each topic asked for: of which cameras; `None`: of all.
    asked: BTreeMap<Topic, Option<Devices>>,
    queue: Queue,
    /// Events that found no room in it, so far.
    dropped: u64,
    /// Replies that must leave before any event.
    held: usize,
    /// An event is on its way into the socket.
    sending: bool,
    /// The connection has ended.
    gone: bool,
}

impl State {
    /// May this be told, and was it asked for?
    fn wants(&self, entry: &Entry, now: SystemTime) -> bool {
        let Some(principal) = &self.heard_by else { return false };
        let Some(devices) = self.asked.get(&entry.topic) else { return false };
        let asked = |device| devices.as_ref().is_none_or(|devices| devices.ids.contains(&device));
        principal.role >= entry.topic.least()
            && !principal.is_over(now)
            && entry.device.is_none_or(asked)
            && entry.tells(&principal.scope)
    }
}

impl Subscriber {
    pub(super) fn new(number: u64, client_id: String, hub: Arc<Hub>, urls: UrlBase, queue: Queue) -> Self {
        let state = State {
            heard_by: None,
            asked: BTreeMap::new(),
            queue,
            dropped: 0,
            held: 0,
            sending: false,
            gone: false,
        };
        let (wake, sent) = (Notify::new(), Notify::new());
        Self { number, client_id, is_bridge: false, hub, urls, state: Mutex::new(state), wake, sent }
    }

    /// Makes it a bridge, which hears of these topics as an admin who may know all cameras.
    pub(super) fn for_bridge(self, topics: &[Wish]) -> Seat {
        let principal = Arc::new(Principal {
            user: self.client_id.clone(),
            role: Role::Admin,
            scope: Scope::All,
            credential: Credential::Token { id: None, issued_at: SystemTime::now() },
            expires_at: None,
            ends_at: None,
        });
        let subscriber = Arc::new(Self { is_bridge: true, ..self });
        subscriber.belongs_to(Some(principal.clone()));
        let since = Since { epoch: subscriber.hub.epoch().to_owned(), seq: 0 };
        let wishes = Wishes { topics, devices: None, since: Some(&since) };
        subscriber.subscribe(Some(&principal), Role::Admin, &wishes).expect(
            "it was handed to this principal two lines above, which has no end, and an admin may hear all",
        );
        Seat::new(subscriber)
    }

    pub(super) fn is_bridge(&self) -> bool {
        self.is_bridge
    }

    /// Events that found no room in its queue, so far.
    pub(crate) fn dropped(&self) -> u64 {
        let state = self.lock();
        state.dropped + state.queue.dropped()
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The session's id.
    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection is this principal's from here on. One whose session has ended hears nothing more;
    /// another one keeps what it may hear too.
    pub(crate) fn belongs_to(&self, principal: Option<Arc<Principal>>) {
        self.hand_over(None, principal);
    }

    /// `from`: only if it is still this one's.
    fn hand_over(&self, from: Option<&Arc<Principal>>, principal: Option<Arc<Principal>>) {
        let mut hub = self.hub.lock();
        let mut state = self.lock();
        let is_now = |one: &Arc<Principal>| state.heard_by.as_ref().is_some_and(|now| Arc::ptr_eq(now, one));
        if from.is_some_and(|from| !is_now(from)) {
            return;
        }
        let over = state.heard_by.as_ref().is_none_or(|before| before.is_over(SystemTime::now()));
        let role = principal.as_ref().filter(|_| !over).map(|principal| principal.role);
        state.asked.retain(|topic, _| {
            let keeps = role.is_some_and(|role| role >= topic.least());
            if !keeps {
                hub.ignore(*topic, self);
            }
            keeps
        });
        if role.is_none() {
            state.queue.clear();
        }
        state.heard_by = principal;
    }

    /// Ends its share unless whom it belongs to is still good.
    pub(super) fn end_unless(&self, is_good: impl Fn(&Principal) -> bool) {
        let heard_by = self.lock().heard_by.clone();
        if !self.is_bridge
            && let Some(principal) = heard_by
            && !is_good(&principal)
        {
            self.hand_over(Some(&principal), None);
        }
    }

    /// Adds topics; the newest filter of a topic counts. `session`: whose the connection was when the call
    /// was admitted, `role`: the caller's.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        session: Option<&Arc<Principal>>,
        role: Role,
        wishes: &Wishes<'_>,
    ) -> Result<Granted, Refused> {
        let now = SystemTime::now();
        let mut hub = self.hub.lock();
        let mut state = self.lock();
        let session = session.filter(|session| {
            let same = state.heard_by.as_ref().is_some_and(|now| Arc::ptr_eq(now, session));
            same && !state.gone && !session.is_over(now)
        });
        let Some(session) = session else { return Err(Refused::NoSession) };
        let topics = grant(wishes.topics, session.role.min(role)).map_err(Refused::Role)?;
        for topic in topics.iter() {
            state.asked.insert(topic, wishes.devices.cloned());
            hub.listen(topic, self);
        }
        let missed = wishes.since.map(|since| hub.journal.since(since));
        let gap = missed.as_ref().is_some_and(|missed| missed.gap);
        let mut again = missed.map(|missed| missed.entries).unwrap_or_default();
        again.retain(|entry| topics.has(entry.topic) && state.wants(entry, now));
        state.queue.replay(again.iter().map(|entry| entry.seq));
        self.wake.notify_one();
        Ok(Granted {
            topics,
            epoch: hub.journal.epoch().clone(),
            seq: hub.journal.last(),
            gap,
            replayed: again.len(),
        })
    }

    /// Takes topics away, or all; gives what is left.
    pub(crate) fn unsubscribe(&self, wishes: Option<&[Wish]>) -> Topics {
        let mut hub = self.hub.lock();
        let mut state = self.lock();
        state.asked.retain(|topic, _| {
            let goes = wishes.is_none_or(|wishes| wishes.iter().any(|wish| wish.topics().has(*topic)));
            if goes {
                hub.ignore(*topic, self);
            }
            !goes
        });
        if state.asked.is_empty() {
            state.queue.clear();
        }
        state.asked.keys().copied().collect()
    }

    /// How many events wait for it.
    pub(super) fn waiting(&self) -> usize {
        self.lock().queue.len()
    }

    /// What it has asked for.
    pub(crate) fn topics(&self) -> Topics {
        self.lock().asked.keys().copied().collect()
    }

    /// Something happened that it may want to hear.
    pub(super) fn offer(&self, entry: &Arc<Entry>) {
        let mut state = self.lock();
        if state.wants(entry, SystemTime::now()) {
            if state.queue.push(entry.clone()) {
                self.hub.counts.dropped();
            }
            self.wake.notify_one();
        }
    }

    /// Some events cannot be told any more.
    pub(super) fn lose(&self, count: u64, last_seq: u64) {
        self.lock().queue.lose(count, last_seq);
        self.wake.notify_one();
    }

    /// The next text to send; never ends. After each, [`Self::was_sent`] must be told.
    pub(crate) async fn next(&self) -> Utf8Bytes {
        self.next_telling().await.into_text()
    }

    /// The same with what it is about. May be dropped at its await: nothing is lost.
    pub(crate) async fn next_telling(&self) -> Telling {
        loop {
            if let Some(told) = self.pop() {
                return told;
            }
            self.wake.notified().await;
        }
    }

    /// What [`Self::next`] gave is in the socket.
    pub(crate) fn was_sent(&self) {
        self.lock().sending = false;
        self.sent.notify_one();
    }

    /// Waits until nothing waits to be sent.
    pub(crate) async fn drained(&self) {
        while self.is_sending() {
            self.sent.notified().await;
        }
    }

    fn is_sending(&self) -> bool {
        let state = self.lock();
        state.sending || !state.queue.is_empty()
    }

    /// No event leaves while this lives: the reply goes first.
    pub(crate) fn hold(self: &Arc<Self>) -> Hold {
        self.lock().held += 1;
        Hold(self.clone())
    }

    pub(super) fn pop(&self) -> Option<Telling> {
        // Only what is replayed needs the journal, and with it the lock that all share.
        let needs_journal = self.lock().queue.needs_journal();
        let hub = needs_journal.then(|| self.hub.lock());
        let mut state = self.lock();
        let now = SystemTime::now();
        let heard_by = state.heard_by.clone().filter(|principal| !principal.is_over(now));
        let principal = heard_by.filter(|_| state.held == 0)?;
        loop {
            if hub.is_none() && state.queue.needs_journal() {
                // It has come to that meanwhile: another turn.
                self.wake.notify_one();
                return None;
            }
            let next = state.queue.pop(|seq| {
                let found = hub.as_ref().and_then(|hub| hub.journal.find(seq));
                if found.is_none() {
                    self.hub.counts.dropped();
                }
                found
            });
            let Some(next) = next else {
                // What was skipped is as good as sent.
                self.sent.notify_one();
                return None;
            };
            let told = match next {
                // Asked again: the session, its role and its topics may have changed since.
                Next::Event(entry) | Next::Again(entry) if !state.wants(&entry, now) => continue,
                Next::Event(entry) => {
                    self.hub.counts.left_after(entry.since.elapsed());
                    Telling::event(entry.text(&self.urls, &principal.scope), entry)
                }
                Next::Again(entry) => Telling::event(entry.text(&self.urls, &principal.scope), entry),
                Next::Dropped { dropped, last_seq } => {
                    let params = json!({"dropped": dropped, "last_seq": last_seq, "epoch": self.hub.epoch()});
                    let text = notification("events_dropped", &params).into();
                    state.dropped += dropped;
                    Telling::loss(text, self.hub.epoch(), dropped, last_seq, Instant::now())
                }
            };
            state.sending = true;
            return Some(told);
        }
    }
}

/// Keeps events back while it lives.
#[derive(Debug)]
pub(crate) struct Hold(Arc<Subscriber>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.lock().held -= 1;
        self.0.wake.notify_one();
    }
}

/// A connection's place: given up when the connection ends, whoever still knows the subscriber.
#[derive(Debug)]
pub(crate) struct Seat(Arc<Subscriber>);

impl Seat {
    pub(super) fn new(subscriber: Arc<Subscriber>) -> Self {
        Self(subscriber)
    }

    pub(crate) fn subscriber(&self) -> &Arc<Subscriber> {
        &self.0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // First: a call that is still at work cannot subscribe any more.
        self.0.lock().gone = true;
        self.0.unsubscribe(None);
    }
}
