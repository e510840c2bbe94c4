//! What watches the service, and documents: small answers without a picture or a file in them.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{credentials, guard::Visitor, refusal::Refused};
use crate::{app::App, rpc::openrpc, wire::Status};

/// The process answers, and its tasks go on.
pub(super) async fn live(State(app): State<Arc<App>>) -> Response {
    if app.pulse.is_alive() {
        Json(json!({"status": "live"})).into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "dead"}))).into_response()
    }
}

/// It takes calls. (It listens only once cameras and folders are there.)
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    if *app.stopping.borrow() {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "stopping"}))).into_response()
    } else {
        Json(json!({"status": "ready"})).into_response()
    }
}

/// How it is, as far as this caller may know.
pub(super) async fn whole(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Result<Json<Status>, Refused> {
    let caller = credentials::caller(&app, &headers, &visitor)?;
    Ok(Json(app.service.status(&caller.scope).await?))
}

/// The API as a document.
pub(super) async fn openrpc(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Result<Json<&'static Value>, Refused> {
    credentials::caller(&app, &headers, &visitor)?;
    Ok(Json(openrpc::document()))
}

/// Public keys for MediaMTX (RFC 7517).
pub(super) async fn jwks(State(app): State<Arc<App>>) -> Json<Value> {
    Json(app.service.viewing.public_keys())
}
