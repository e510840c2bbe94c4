//! The HTTP side: which hosts and pages are answered, what is refused and how, and the way to `/ws`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{
        ConnectInfo, FromRequestParts, Request, State, WebSocketUpgrade,
        ws::rejection::WebSocketUpgradeRejection,
    },
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use serde_json::json;

use crate::{
    app::App,
    audit::{Entry, Event, Outcome},
    http_metrics,
    net::{From, Full},
    rpc::{Peer, correlation_id},
    security::{Principal, origin},
    wire::Error,
    ws,
};

/// What every answer says, whatever it is about.
const HEADERS: [(header::HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// All routes.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/ws", any(upgrade))
        .route("/metrics", get(metrics))
        .fallback(|| async { refusal(StatusCode::NOT_FOUND, "there is nothing here; the service is at /ws") })
        .layer(middleware::from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

/// A refusal as JSON.
fn refusal(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({"status": status.as_u16(), "reason": reason}))).into_response()
}

/// Before everything else: is it our name that was asked for, and our page that asks?
async fn guard(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let mut response = match asked(&app, &request) {
        Err(response) => response,
        Ok(asked) => {
            request.extensions_mut().insert(asked);
            next.run(request).await
        }
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    response
}

#[expect(clippy::result_large_err, reason = "a refusal is a whole response")]
fn asked(app: &App, request: &Request) -> Result<origin::Asked, Response> {
    let misdirected = |reason| Err(refusal(StatusCode::MISDIRECTED_REQUEST, reason));
    // A full address in the request line counts before the header (RFC 9112 section 3.2.2).
    let host = match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => only(request.headers(), &header::HOST),
    };
    let Some(asked) = host.and_then(origin::parse_host) else {
        return misdirected("exactly one Host is needed");
    };
    if !origin::is_ours(&asked, &app.live.get().allowed_hosts) {
        return misdirected("this service does not answer to that name; see security.allowed_hosts");
    }
    Ok(asked)
}

/// The value of a header that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then(|| first.to_str().ok()).flatten()
}

async fn upgrade(
    State(app): State<Arc<App>>,
    ConnectInfo(from): ConnectInfo<From>,
    request: Request,
) -> Response {
    let (mut parts, _) = request.into_parts();
    let asked =
        parts.extensions.get::<origin::Asked>().cloned().expect("`guard` ran before and put it there");
    let peer = Peer { address: from.address.ip().to_canonical(), host: asked.host.clone(), subscriber: None };
    if !may_connect(&app, &parts.headers, &asked) {
        app.service.audit.note(&Entry {
            event: Event::Refusal,
            who: None,
            address: peer.address,
            method: "upgrade",
            device: None,
            filename: None,
            outcome: Outcome::Refused,
            reason: Some("origin".into()),
            correlation_id: correlation_id(),
        });
        return refusal(
            StatusCode::FORBIDDEN,
            "pages of this origin may not connect; see security.allowed_origins",
        );
    }
    let upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection> =
        WebSocketUpgrade::from_request_parts(&mut parts, &app).await;
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return refusal(rejection.status(), "this address speaks WebSocket (RFC 6455)"),
    };
    let principal = match bearer(&app, &parts.headers, &peer) {
        Ok(principal) => principal,
        Err(response) => return response,
    };
    if *app.stopping.borrow() {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "the service is stopping");
    }
    match from.ticket.become_websocket() {
        Ok(()) => ws::accept(upgrade, app, from.ticket, peer, principal),
        Err(Full::All) => refusal(StatusCode::SERVICE_UNAVAILABLE, "too many connections"),
        Err(Full::Address) => refusal(StatusCode::TOO_MANY_REQUESTS, "too many connections of this address"),
    }
}

async fn metrics(
    State(app): State<Arc<App>>,
    ConnectInfo(from): ConnectInfo<From>,
    headers: HeaderMap,
) -> Response {
    let peer = Peer { address: from.address.ip().to_canonical(), host: String::new(), subscriber: None };
    match bearer(&app, &headers, &peer) {
        Ok(principal) => {
            let allow_from = &app.live.get().allow_metrics_from;
            http_metrics::answer(&app.service, allow_from, peer.address, principal).await
        }
        Err(response) => response,
    }
}

/// No `Origin` is no browser.
fn may_connect(app: &App, headers: &HeaderMap, asked: &origin::Asked) -> bool {
    !headers.contains_key(header::ORIGIN)
        || only(headers, &header::ORIGIN)
            .is_some_and(|page| origin::may_connect(page, asked, false, &app.live.get().allowed_origins))
}

/// Whose credential came with the request; `Ok(None)`: none came.
#[expect(clippy::result_large_err, reason = "a refusal is a whole response")]
fn bearer(app: &App, headers: &HeaderMap, peer: &Peer) -> Result<Option<Arc<Principal>>, Response> {
    let outcome = if headers.contains_key("x-api-key") {
        match only(headers, &header::HeaderName::from_static("x-api-key")) {
            Some(key) => app.service.access.verify(key.trim(), peer.address, "upgrade").map(Some),
            None => {
                Err(app.service.access.refuse(peer.address, "upgrade", "X-API-Key must stand there once"))
            }
        }
    } else if headers.contains_key(header::AUTHORIZATION) {
        let token = only(headers, &header::AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        match token {
            Some(token) => app.service.access.verify(token, peer.address, "upgrade").map(Some),
            None => Err(app.service.access.refuse(peer.address, "upgrade", "Authorization must be Bearer")),
        }
    } else {
        Ok(None)
    };
    outcome.map_err(|error| unauthorized(&error))
}

fn unauthorized(error: &Error) -> Response {
    let body = Json(json!({"jsonrpc": "2.0", "id": null, "error": error.to_value()}));
    match error.retry_after_ms() {
        None => (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer".to_owned())], body)
            .into_response(),
        Some(ms) => {
            let seconds = ms.div_ceil(1000).to_string();
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds)], body).into_response()
        }
    }
}
