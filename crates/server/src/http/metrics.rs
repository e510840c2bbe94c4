//! `GET /metrics`: for Prometheus, which comes from a known address or with an admin's credential.

use std::sync::Arc;

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};

use super::{credentials, guard::Visitor, refusal::Refused};
use crate::{app::App, metrics, security::Role, wire::Error};

/// The page, or why not.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    may_read(&app, &headers, &visitor)?;
    let text = metrics::render(&app.service).await?;
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}

fn may_read(app: &App, headers: &HeaderMap, visitor: &Visitor) -> Result<(), Error> {
    // A bad credential is refused wherever it comes from.
    let shown = credentials::shown(app, headers, visitor)?;
    if app.live.get().allow_metrics_from.holds(visitor.peer.address) {
        return Ok(());
    }
    match shown {
        None => Err(Error::unauthenticated("send an admin's token or key, or see metrics.allow_from")),
        Some(principal) if principal.role < Role::Admin => Err(Error::forbidden(Role::Admin, principal.role)),
        Some(_) => Ok(()),
    }
}
