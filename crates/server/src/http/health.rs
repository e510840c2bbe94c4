//! What watches the service, and documents: small answers without a picture or a file in them.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{credentials, guard::Visitor, refusal::failure};
use crate::{app::App, rpc::openrpc};

/// The process answers.
pub(super) async fn live() -> Response {
    Json(json!({"status": "live"})).into_response()
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
) -> Response {
    match credentials::caller(&app, &headers, &visitor) {
        Err(error) => failure(&error),
        Ok(principal) => match app.service.status(&principal.scope).await {
            Ok(status) => Json(status).into_response(),
            Err(error) => failure(&error),
        },
    }
}

/// The API as a document.
pub(super) async fn openrpc(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Response {
    match credentials::caller(&app, &headers, &visitor) {
        Err(error) => failure(&error),
        Ok(_) => Json(openrpc::document()).into_response(),
    }
}

/// Public keys for a media server (RFC 7517). There are none: no key here has a public half yet.
pub(super) async fn jwks() -> Response {
    Json(json!({"keys": []})).into_response()
}
