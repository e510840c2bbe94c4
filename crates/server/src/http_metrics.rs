//! `GET /metrics`: for Prometheus, which comes from a known address or with an admin's credential.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{
    metrics,
    rpc::Service,
    security::{Network, Principal, Role},
    wire::Error,
};

/// The page, or why not. `principal`: whose good credential came with the request.
pub(crate) async fn answer(
    service: &Service,
    allow_from: &[Network],
    address: IpAddr,
    principal: Option<Arc<Principal>>,
) -> Response {
    if !allow_from.iter().any(|network| network.holds(address)) {
        let refused = match principal {
            None => {
                Some((StatusCode::UNAUTHORIZED, Error::unauthenticated("an admin's credential is needed")))
            }
            Some(principal) if principal.role < Role::Admin => {
                Some((StatusCode::FORBIDDEN, Error::forbidden(Role::Admin, principal.role)))
            }
            Some(_) => None,
        };
        if let Some((status, error)) = refused {
            return refusal(status, &error);
        }
    }
    match metrics::render(service).await {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error),
    }
}

fn refusal(status: StatusCode, error: &Error) -> Response {
    let body = Json(json!({"jsonrpc": "2.0", "id": null, "error": error.to_value()}));
    match status {
        StatusCode::UNAUTHORIZED => (status, [(header::WWW_AUTHENTICATE, "Bearer")], body).into_response(),
        _ => (status, body).into_response(),
    }
}
