//! The writing half of a connection: one message at a time, each within its time, pings in between.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::{SinkExt, stream::SplitSink};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};

use crate::events::{Hold, Subscriber};

/// A text on its way out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) text: String,
    /// The place of the request it answers: given back when it has left, so that a client who does not
    /// read cannot ask for ever.
    pub(crate) place: Option<OwnedSemaphorePermit>,
    /// Events that wait for it to leave.
    pub(crate) hold: Option<Hold>,
}

/// What a message was, once it has left.
enum Left {
    Reply(Option<OwnedSemaphorePermit>, Option<Hold>),
    Event,
    Ping,
}

/// Writes until nobody sends any more, or writing fails.
pub(crate) async fn write(
    sink: &mut SplitSink<WebSocket, Message>,
    mut queue: mpsc::Receiver<Outgoing>,
    events: &Subscriber,
    ping_interval: Duration,
    write_timeout: Duration,
) {
    let mut pings = interval_at(Instant::now() + ping_interval, ping_interval);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Whoever is ready has an equal chance: events hold up no reply, and replies no event.
        let (message, left) = tokio::select! {
            outgoing = queue.recv() => match outgoing {
                Some(Outgoing { text, place, hold }) => (Message::Text(text.into()), Left::Reply(place, hold)),
                None => return,
            },
            text = events.next() => (Message::Text(text), Left::Event),
            _ = pings.tick() => (Message::Ping(axum::body::Bytes::new()), Left::Ping),
        };
        match timeout(write_timeout, sink.send(message)).await {
            Ok(Ok(())) => match left {
                Left::Reply(place, hold) => drop((place, hold)),
                Left::Event => events.was_sent(),
                Left::Ping => {}
            },
            Ok(Err(error)) => {
                tracing::debug!(%error, "a client is gone");
                return;
            }
            Err(_) => {
                tracing::debug!("a client does not read");
                return;
            }
        }
    }
}
