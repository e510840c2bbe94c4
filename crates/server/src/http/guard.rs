//! Before everything else: who asks and by which way, is it our name that was asked for, and our page
//! that asks? After it: what every answer says.

use std::sync::Arc;

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::refusal::{Refused, closing, refusal};
use crate::{
    app::App,
    audit::{Entry, Event, Outcome},
    net::{From, Ticket},
    rpc::{Peer, Transport},
    security::origin::{self, Asked},
};

/// What every answer says, whatever it is about, unless it says something else itself.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];
/// A year: whoever came by TLS once comes by nothing else.
const ONLY_TLS: HeaderValue = HeaderValue::from_static("max-age=31536000");

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Who sent a request.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    pub(super) peer: Peer,
    pub(super) ticket: Arc<Ticket>,
    /// What is asked for, in words of ours.
    pub(super) route: &'static str,
}

/// Around every request.
pub(super) async fn guard(
    State(app): State<Arc<App>>,
    ConnectInfo(from): ConnectInfo<From>,
    mut request: Request,
    next: Next,
) -> Response {
    let at_work = from.ticket.begin_work();
    let secure = is_secure(&app, &from, request.headers());
    let page = request.headers().get(header::ORIGIN).cloned();
    let (mut response, welcome) = match admitted(&app, &from, secure, &request) {
        Err(refused) => (refused.into_response(), None),
        Ok(visitor) => {
            let welcome = page.filter(|page| {
                page.to_str().is_ok_and(|page| origin::is_listed(page, &app.live.get().allowed_origins))
            });
            let response = if welcome.is_some() && request.method() == Method::OPTIONS {
                may_ask()
            } else {
                request.extensions_mut().insert(visitor);
                next.run(request).await
            };
            (response, welcome)
        }
    };
    drop(at_work);
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(value);
    }
    if secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, ONLY_TLS);
    }
    if let Some(page) = welcome {
        // Pages of elsewhere that are listed may read what they get (Fetch, section 3.3).
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page);
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let more = HeaderValue::from_static("Content-Range, ETag, Content-Disposition, Retry-After");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, more);
    }
    response
}

/// The answer to a browser that asks whether a listed page may ask.
fn may_ask() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, If-Range, Range, X-API-Key"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

fn admitted(app: &App, from: &From, secure: bool, request: &Request) -> Result<Visitor, Refused> {
    let headers = request.headers();
    if headers.contains_key(header::TRANSFER_ENCODING) {
        // Two ways to tell a body's length are two lengths to somebody (RFC 9112 section 6.1): we know one.
        return Err(closing(StatusCode::LENGTH_REQUIRED, "a body needs a Content-Length").into());
    }
    let asked = asked(app, from, secure, request)?;
    let address = app.websocket.proxies.client(from.address.ip(), lines(headers, &FORWARDED_FOR));
    let peer = Peer { address, host: asked.host.clone(), subscriber: None, transport: Transport::Http };
    let route = route(request.uri().path());
    if !may_connect(app, headers, &asked) {
        let why = Some("origin");
        let line = Entry::about(Event::Refusal, None, address, route, Outcome::Refused, why);
        app.service.audit.note(&line);
        let reason = "pages of this origin may not connect; see security.allowed_origins";
        return Err(refusal(StatusCode::FORBIDDEN, reason).into());
    }
    Ok(Visitor { peer, ticket: from.ticket.clone(), route })
}

fn asked(app: &App, from: &From, secure: bool, request: &Request) -> Result<Asked, Refused> {
    let misdirected = |reason| Err(refusal(StatusCode::MISDIRECTED_REQUEST, reason).into());
    // A full address in the request line counts before the header (RFC 9112 section 3.2.2).
    let host = match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => only(request.headers(), &header::HOST),
    };
    let forwarded = told_by_proxy(app, from, request.headers(), &FORWARDED_HOST);
    let Some(asked) = host.and_then(|host| origin::parse_host(forwarded.unwrap_or(host), secure)) else {
        return misdirected("exactly one Host is needed");
    };
    if !origin::is_ours(&asked, &app.live.get().allowed_hosts) {
        return misdirected("this service does not answer to that name; see security.allowed_hosts");
    }
    Ok(asked)
}

/// Did the client come by TLS, to us or to a proxy we believe?
fn is_secure(app: &App, from: &From, headers: &HeaderMap) -> bool {
    from.secure
        || told_by_proxy(app, from, headers, &FORWARDED_PROTO)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("wss"))
}

/// What the proxy nearest to us says, if it is one of ours.
fn told_by_proxy<'a>(app: &App, from: &From, headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    if !app.websocket.proxies.holds(from.address.ip()) {
        return None;
    }
    lines(headers, name).next_back()?.rsplit(',').next().map(str::trim)
}

fn lines<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl DoubleEndedIterator<Item = &'a str> {
    // What is no text says nothing, and nothing before it is believed.
    headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default())
}

/// The value of a header that stands there once.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then(|| first.to_str().ok()).flatten()
}

/// No `Origin` is no browser.
fn may_connect(app: &App, headers: &HeaderMap, asked: &Asked) -> bool {
    !headers.contains_key(header::ORIGIN)
        || only(headers, &header::ORIGIN)
            .is_some_and(|page| origin::may_connect(page, asked, &app.live.get().allowed_origins))
}

/// For the audit log: what a client wrote into a path stays out of it.
fn route(path: &str) -> &'static str {
    match path.split('/').nth(1).unwrap_or_default() {
        "ws" => "upgrade",
        "rpc" => "/rpc",
        "files" => "/files",
        "snapshot" => "/snapshot",
        "health" => "/health",
        "metrics" => "/metrics",
        "openrpc.json" => "/openrpc.json",
        _ => "(http)",
    }
}
