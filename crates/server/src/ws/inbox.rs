//! The reading half of a connection: takes frames while there is room for their requests, and starts
//! what they ask for.

use std::{sync::Arc, time::SystemTime};

use serde_json::json;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::JoinSet,
};

use super::outbox::Outgoing;
use crate::{
    app::App,
    rpc::{self, Begun, Item, Message, Peer},
    security::{Principal, Session},
    wire,
};

/// Batches of one connection at work at once: each holds its answers until the last one is there.
const MAX_BATCHES: usize = 4;

/// Everything a connection's requests share.
pub(crate) struct Inbox {
    app: Arc<App>,
    peer: Peer,
    pub(crate) session: Session,
    /// Whose the session was when events were last told so.
    heard_by: Option<Arc<Principal>>,
    out: mpsc::Sender<Outgoing>,
    places: Arc<Semaphore>,
    batches: Arc<Semaphore>,
    /// Ends with the connection, and with it every call that only looks.
    tasks: JoinSet<()>,
}

impl Inbox {
    pub(crate) fn new(app: Arc<App>, peer: Peer, session: Session, out: mpsc::Sender<Outgoing>) -> Self {
        let places = Arc::new(Semaphore::new(app.websocket.max_in_flight));
        let batches = Arc::new(Semaphore::new(MAX_BATCHES));
        let mut inbox =
            Self { app, peer, session, heard_by: None, out, places, batches, tasks: JoinSet::new() };
        inbox.tell_events();
        inbox
    }

    /// Takes one text frame. Waits while too many requests are at work: then nothing is read, and the
    /// client feels it.
    pub(crate) async fn take(&mut self, text: &str) {
        while self.tasks.try_join_next().is_some() {}
        match rpc::read(text) {
            Message::Refused(reply) => {
                let place = self.place().await;
                self.say(reply, place).await;
            }
            Message::Single(item) => {
                let place = self.place().await;
                match self.begin(item).await {
                    Begun::Done(Some(reply)) => self.say(reply.text, place).await,
                    Begun::Done(None) => {}
                    Begun::Working(work, hold) => {
                        let out = self.out.clone();
                        self.tasks.spawn(async move {
                            if let Some(reply) = work.await {
                                // An error: the connection is gone.
                                let _ = out.send(Outgoing { text: reply.text, place, hold }).await;
                            }
                        });
                    }
                }
            }
            Message::Batch(items) => self.take_batch(items).await,
        }
    }

    async fn take_batch(&mut self, items: Vec<Item>) {
        let turn = self.batches.clone().acquire_owned().await.ok();
        let mut replies = Vec::with_capacity(items.len());
        let mut all_holds = None;
        for item in items {
            let place = self.place().await;
            let (tell, told) = oneshot::channel();
            match self.begin(item).await {
                // Told by whoever dropped `tell`: there will be none.
                Begun::Done(None) => {}
                Begun::Done(reply) => drop(tell.send(reply)),
                Begun::Working(work, hold) => {
                    all_holds = all_holds.or(hold);
                    self.tasks.spawn(async move {
                        let _ = tell.send(work.await);
                        drop(place);
                    });
                }
            }
            replies.push(told);
        }
        let out = self.out.clone();
        self.tasks.spawn(async move {
            let mut texts = Vec::with_capacity(replies.len());
            for told in replies {
                texts.extend(told.await.ok().flatten().map(|reply| reply.text));
            }
            if let Some(text) = rpc::batch(&texts) {
                let _ = out.send(Outgoing { text, place: turn, hold: all_holds }).await;
            }
        });
    }

    /// A place among the requests at work.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // Never closed, so there is always one in the end.
        self.places.clone().acquire_owned().await.ok()
    }

    async fn say(&self, text: String, place: Option<OwnedSemaphorePermit>) {
        // An error: the writing half is gone, and this half will be told.
        let _ = self.out.send(Outgoing { text, place, hold: None }).await;
    }

    /// Checks a request and begins what it asks for.
    async fn begin(&mut self, item: Item) -> Begun {
        let begun =
            rpc::begin(&self.app.service, &self.app.commands, item, &mut self.session, &self.peer).await;
        self.tell_events();
        begun
    }

    /// Events are for whose the session is now, and for nobody else.
    fn tell_events(&mut self) {
        let now = self.session.principal(SystemTime::now());
        if now.as_ref().map(Arc::as_ptr) != self.heard_by.as_ref().map(Arc::as_ptr) {
            if let Some(subscriber) = &self.peer.subscriber {
                subscriber.belongs_to(now.clone());
            }
            self.heard_by = now;
        }
    }

    /// Tells the client when its session has ended.
    pub(crate) async fn expire(&mut self) {
        let now = SystemTime::now();
        let access = &self.app.service.access;
        if let Some(ended) = self.session.expire(now, |principal| access.is_good(principal)) {
            self.tell_events();
            let params = json!({"reason": ended.as_str(), "timestamp": wire::time(now)});
            self.say(rpc::notification("session_expired", &params), None).await;
        }
    }

    /// Waits until everything at work is answered, and the answers have left.
    pub(crate) async fn finish(&mut self) {
        while self.tasks.join_next().await.is_some() {}
        let all = self.app.websocket.max_in_flight as u32;
        let _ = self.places.acquire_many(all).await;
        let _ = self.batches.acquire_many(MAX_BATCHES as u32).await;
    }
}
