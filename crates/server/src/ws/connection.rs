//! One connection from its upgrade to its close: two halves, and the reasons to end.

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until, timeout},
};

use super::{inbox::Inbox, outbox::write};
use crate::{
    app::App,
    net::Ticket,
    rpc::{Peer, correlation_id},
    security::{Principal, Session},
    wire::UrlBase,
};

/// How long the goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);
/// How often a session's end is looked for when the wall clock may have been set meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The client left, or does not read.
    Gone,
    /// We end it, for this reason.
    Close(u16, &'static str),
    /// The service stops; what is at work is still answered.
    Stopping,
}

impl End {
    const BINARY: Self = Self::Close(1003, "text frames only");
    const NOT_TEXT: Self = Self::Close(1007, "text must be UTF-8");
    const PROTOCOL: Self = Self::Close(1002, "not WebSocket");
    const TOO_LARGE: Self = Self::Close(1009, "message too large");
    const SILENT: Self = Self::Close(1001, "no frame for too long");
    const UNPROVEN: Self = Self::Close(4401, "no good credentials in time");

    fn frame(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Gone => return None,
            Self::Close(code, reason) => (code, reason),
            Self::Stopping => (1001, "the service is stopping"),
        };
        Some(CloseFrame { code, reason: reason.into() })
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve(
    socket: WebSocket,
    app: Arc<App>,
    ticket: Arc<Ticket>,
    mut peer: Peer,
    principal: Option<Arc<Principal>>,
) {
    let mut session = Session::new(correlation_id());
    if let Some(principal) = principal {
        session.begin(principal);
    }
    let config = app.websocket.clone();
    let urls = UrlBase::new(&app.service.controller.viewing(), &peer.host);
    let seat = app.service.events.join(&session.id, urls);
    let events = seat.subscriber().clone();
    peer.subscriber = Some(events.clone());
    let (mut sink, mut stream) = socket.split();
    let (out, queue) = mpsc::channel(config.max_in_flight);
    let mut stopping = app.stopping.subscribe();
    let grace = app.shutdown_timeout;
    let mut changes = app.service.access.changes();
    // What changed between the upgrade and now was told to nobody.
    changes.mark_changed();
    let mut reader = Reader {
        changes,
        proof_until: Instant::now() + app.auth_timeout,
        inbox: Inbox::new(app, peer, session, out),
        read_timeout: config.read_timeout,
    };
    let mut writer = Box::pin(write(&mut sink, queue, &events, config.ping_interval, config.write_timeout));
    let end = tokio::select! {
        end = reader.read(&mut stream, &mut stopping) => end,
        () = &mut writer => End::Gone,
    };
    if end == End::Stopping {
        tokio::select! {
            () = async {
                let _ = timeout(grace, reader.inbox.finish()).await;
                // The last news, that the service stops, among them.
                let _ = timeout(GOODBYE, events.drained()).await;
            } => {}
            () = &mut writer => {}
        }
    }
    drop(writer);
    drop(reader);
    drop(seat);
    tracing::debug!(?end, "connection ended");
    if let Some(frame) = end.frame() {
        ticket.set_last_words();
        let _ = timeout(GOODBYE, say_goodbye(&mut sink, &mut stream, frame)).await;
    }
}

async fn say_goodbye(
    sink: &mut SplitSink<WebSocket, Message>,
    stream: &mut SplitStream<WebSocket>,
    frame: CloseFrame,
) {
    if sink.send(Message::Close(Some(frame))).await.is_ok() {
        // The client's own close frame, after whatever it sent before.
        while let Some(Ok(_)) = stream.next().await {}
    }
}

struct Reader {
    inbox: Inbox,
    /// Credentials may have been revoked.
    changes: watch::Receiver<u64>,
    read_timeout: Duration,
    /// Good credentials must have come by then.
    proof_until: Instant,
}

impl Reader {
    async fn read(
        &mut self,
        stream: &mut SplitStream<WebSocket>,
        stopping: &mut watch::Receiver<bool>,
    ) -> End {
        let mut silent_at = Instant::now() + self.read_timeout;
        loop {
            let deadline = self.deadline(silent_at);
            let frame = tokio::select! {
                frame = stream.next() => frame,
                Ok(()) = self.changes.changed() => {
                    self.inbox.expire().await;
                    continue;
                }
                () = sleep_until(deadline) => {
                    let now = Instant::now();
                    if now >= silent_at {
                        return End::SILENT;
                    }
                    if !self.inbox.session.is_proven() && now >= self.proof_until {
                        return End::UNPROVEN;
                    }
                    self.inbox.expire().await;
                    continue;
                }
                () = stopped(stopping) => return End::Stopping,
            };
            match frame {
                Some(Ok(Message::Text(text))) => {
                    self.inbox.expire().await;
                    self.inbox.take(&text).await;
                }
                // tungstenite answers pings by itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Binary(_))) => return End::BINARY,
                Some(Ok(Message::Close(_))) => {
                    // Reading on sends the answer to it.
                    let _ = timeout(GOODBYE, stream.next()).await;
                    return End::Gone;
                }
                Some(Err(error)) => return failed(error),
                None => return End::Gone,
            }
            // Only now: while requests wait for room, nobody can expect frames to be read.
            silent_at = Instant::now() + self.read_timeout;
        }
    }

    /// The next moment at which something may have to be done.
    fn deadline(&self, silent_at: Instant) -> Instant {
        let session = &self.inbox.session;
        let proof = (!session.is_proven()).then_some(self.proof_until);
        let expiry = session.ends_at().map(|at| {
            let left = at.duration_since(std::time::SystemTime::now()).unwrap_or_default();
            Instant::now() + left.min(LOOK_AGAIN)
        });
        [Some(silent_at), proof, expiry].into_iter().flatten().min().unwrap_or(silent_at)
    }
}

/// A function of its own: the guard `wait_for` returns must not live across another await.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    if stopping.wait_for(|stopping| *stopping).await.is_err() {
        // Nobody is left to say so; the process is ending anyway.
        std::future::pending::<()>().await;
    }
}

fn failed(error: axum::Error) -> End {
    let inner = error.into_inner();
    match inner.downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => End::TOO_LARGE,
        Some(tungstenite::Error::Utf8(_)) => End::NOT_TEXT,
        Some(tungstenite::Error::Protocol(
            tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        )) => End::Gone,
        Some(tungstenite::Error::Protocol(_)) => End::PROTOCOL,
        _ => End::Gone,
    }
}
