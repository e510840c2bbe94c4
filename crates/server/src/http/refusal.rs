//! Refusals as JSON, with the HTTP status that the contract's codes come to.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::wire::{Code, Error};

/// An answer that ends a request early, so that `?` can give it. Boxed: it is seldom, and large.
pub(super) struct Refused(Box<Response>);

impl From<Response> for Refused {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        failure(&error).into()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// There is too much under way.
pub(super) fn busy(reason: &str) -> Response {
    let full = refusal(StatusCode::SERVICE_UNAVAILABLE, reason);
    ([(header::RETRY_AFTER, "1")], full).into_response()
}

/// A refusal after which nothing more is read: what the client still sends is no request.
pub(super) fn closing(status: StatusCode, reason: &str) -> Response {
    ([(header::CONNECTION, "close")], refusal(status, reason)).into_response()
}

/// A refusal that is HTTP's alone.
pub(super) fn refusal(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({"status": status.as_u16(), "reason": reason}))).into_response()
}

/// An error of the API as the whole answer.
fn failure(error: &Error) -> Response {
    let status = status(error);
    let body = json!({"status": status.as_u16(), "reason": error.reason(), "error": error.to_value()});
    with_hints((status, Json(body)).into_response(), error)
}

/// Says what a client can do about it.
pub(super) fn with_hints(mut response: Response, error: &Error) -> Response {
    let headers = response.headers_mut();
    if error.is(Code::AuthenticationRequired) {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(ms) = error.retry_after_ms() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1000)));
    }
    response
}

/// What a code is in HTTP's words.
pub(super) fn status(error: &Error) -> StatusCode {
    let known = [
        (Code::AuthenticationRequired, StatusCode::UNAUTHORIZED),
        (Code::InsufficientPermissions, StatusCode::FORBIDDEN),
        (Code::RateLimited, StatusCode::TOO_MANY_REQUESTS),
        (Code::InvalidParams, StatusCode::BAD_REQUEST),
        (Code::CameraNotFound, StatusCode::NOT_FOUND),
        (Code::FileNotFound, StatusCode::NOT_FOUND),
        (Code::DeviceBusy, StatusCode::CONFLICT),
        (Code::InvalidState, StatusCode::CONFLICT),
        (Code::Unsupported, StatusCode::NOT_IMPLEMENTED),
        (Code::DependencyFailed, StatusCode::SERVICE_UNAVAILABLE),
        (Code::StorageFull, StatusCode::INSUFFICIENT_STORAGE),
    ];
    let found = known.into_iter().find(|(code, _)| error.is(*code));
    found.map_or(StatusCode::INTERNAL_SERVER_ERROR, |(_, status)| status)
}
