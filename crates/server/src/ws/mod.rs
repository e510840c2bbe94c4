//! WebSocket connections: frames in, frames out, and everything that ends one. What a message means is
//! `rpc`'s business.

mod connection;
mod inbox;
mod outbox;

use std::sync::Arc;

use axum::{extract::WebSocketUpgrade, response::Response};

use crate::{app::App, net::Ticket, rpc::Peer, security::Principal};

/// Of each connection, until a message needs more: several times a usual request, and thousands of idle
/// connections keep it. tungstenite's own choice is 128 KiB each.
const BUFFER_BYTES: usize = 2048;

/// Answers the upgrade; the connection lives in a task of its own from then on.
pub(crate) fn accept(
    upgrade: WebSocketUpgrade,
    app: Arc<App>,
    ticket: Arc<Ticket>,
    peer: Peer,
    principal: Option<Arc<Principal>>,
) -> Response {
    let max = app.websocket.max_message_bytes;
    upgrade
        .read_buffer_size(BUFFER_BYTES)
        // Every message is flushed by itself; nothing is gained by collecting.
        .write_buffer_size(0)
        .max_message_size(max)
        .max_frame_size(max)
        .on_upgrade(move |socket| connection::serve(socket, app, ticket, peer, principal))
}

#[cfg(test)]
#[path = "ws_tests.rs"]
mod tests;
