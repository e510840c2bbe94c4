//! The way to `/ws`.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{FromRequestParts, Request, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::StatusCode,
    response::Response,
};

use super::{
    credentials,
    guard::Visitor,
    refusal::{self, refusal, with_hints},
    rpc::json_text,
};
use crate::{
    app::App,
    net::Full,
    rpc::{self, Transport},
    ws,
};

pub(super) async fn upgrade(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Response {
    let (mut parts, _) = request.into_parts();
    let upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection> =
        WebSocketUpgrade::from_request_parts(&mut parts, &app).await;
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return refusal(rejection.status(), "this address speaks WebSocket (RFC 6455)"),
    };
    let principal = match credentials::shown(&app, &parts.headers, &visitor) {
        Ok(principal) => principal,
        Err(error) => {
            let reply = json_text(refusal::status(&error), rpc::refusal(None, &error));
            return with_hints(reply, &error);
        }
    };
    if *app.stopping.borrow() {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "the service is stopping");
    }
    let Visitor { mut peer, ticket, .. } = visitor;
    peer.transport = Transport::WebSocket;
    match ticket.become_websocket(peer.address) {
        Ok(()) => ws::accept(upgrade, app, ticket, peer, principal),
        Err(Full::All) => refusal(StatusCode::SERVICE_UNAVAILABLE, "too many connections"),
        Err(Full::Address) => refusal(StatusCode::TOO_MANY_REQUESTS, "too many connections of this address"),
    }
}
