//! The writing half of a connection: one message at a time, each within its time, pings in between.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::{SinkExt, stream::SplitSink};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};

/// A text on its way out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) text: String,
    /// The place of the request it answers: given back when it has left, so that a client who does not
    /// read cannot ask for ever.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

/// Writes until nobody sends any more, or writing fails.
pub(crate) async fn write(
    sink: &mut SplitSink<WebSocket, Message>,
    mut queue: mpsc::Receiver<Outgoing>,
    ping_interval: Duration,
    write_timeout: Duration,
) {
    let mut pings = interval_at(Instant::now() + ping_interval, ping_interval);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let (message, place) = tokio::select! {
            outgoing = queue.recv() => match outgoing {
                Some(Outgoing { text, place }) => (Message::Text(text.into()), place),
                None => return,
            },
            _ = pings.tick() => (Message::Ping(axum::body::Bytes::new()), None),
        };
        match timeout(write_timeout, sink.send(message)).await {
            Ok(Ok(())) => drop(place),
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
