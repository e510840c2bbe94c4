//! Credentials in headers. Judging them is `Access`'s part.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, header};

use super::guard::{Visitor, only};
use crate::{app::App, security::Principal, wire::Error};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Whose credential came with the request; `Ok(None)`: none came.
pub(super) fn shown(
    app: &App,
    headers: &HeaderMap,
    visitor: &Visitor,
) -> Result<Option<Arc<Principal>>, Error> {
    let (address, route) = (visitor.peer.address, visitor.route);
    let refuse = |reason| Err(app.service.access.refuse(address, route, reason));
    let credential = match (headers.contains_key(header::AUTHORIZATION), headers.contains_key(API_KEY)) {
        (false, false) => return Ok(None),
        (true, true) => return refuse("Authorization and X-API-Key exclude each other"),
        (false, true) => only(headers, &API_KEY),
        (true, false) => only(headers, &header::AUTHORIZATION).and_then(bearer),
    };
    match credential {
        Some(credential) => app.service.access.verify(credential.trim(), address, route).map(Some),
        None => refuse("one credential is needed: Authorization: Bearer, or X-API-Key"),
    }
}

/// The caller of a request that needs one. Every role may look.
pub(super) fn caller(app: &App, headers: &HeaderMap, visitor: &Visitor) -> Result<Arc<Principal>, Error> {
    shown(app, headers, visitor)?
        .ok_or_else(|| Error::unauthenticated("send Authorization: Bearer with a token, or X-API-Key"))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}
