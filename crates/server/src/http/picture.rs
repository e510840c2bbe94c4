//! `GET /snapshot/{device}.jpg`: a picture of now that nobody keeps.

use std::{sync::Arc, time::SystemTime};

use axum::{
    Extension,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};

use super::{
    credentials,
    guard::Visitor,
    query::Query,
    refusal::{failure, refusal},
};
use crate::{
    app::App,
    wire::{Error, TakeSnapshot},
};

pub(super) async fn picture(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    name: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let device = match &name {
        Ok(Path(name)) => name.strip_suffix(".jpg"),
        Err(_) => None,
    };
    let Some(device) = device.filter(|device| !device.contains('/')) else {
        return refusal(StatusCode::NOT_FOUND, "a picture is at /snapshot/ID.jpg");
    };
    let principal = match credentials::caller(&app, &headers, &visitor) {
        Ok(principal) => principal,
        Err(error) => return failure(&error),
    };
    // The same work as the method's, and the same account.
    if let Err(error) = app.service.access.ask("take_snapshot", None, Some(&principal), visitor.peer.address)
    {
        return failure(&error);
    }
    let caller = app.service.caller(principal, &visitor.peer);
    // Held by whoever waits for the camera.
    let Ok(_place) = app.places.pictures.try_acquire() else {
        let full = refusal(StatusCode::SERVICE_UNAVAILABLE, "too many pictures at once");
        return ([(header::RETRY_AFTER, "1")], full).into_response();
    };
    let wish = match members(device, query.as_deref()) {
        Ok(members) => caller.read::<TakeSnapshot>(members),
        Err(error) => Err(error),
    };
    let wish = match wish {
        Ok(wish) => wish,
        Err(error) => return failure(&error),
    };
    match caller.controller().picture(wish.device, &wish.request).await {
        Ok(picture) => {
            let taken = httpdate::fmt_http_date(picture.captured_at.max(SystemTime::UNIX_EPOCH));
            let headers = [(header::CONTENT_TYPE, "image/jpeg"), (header::LAST_MODIFIED, taken.as_str())];
            (headers, picture.bytes).into_response()
        }
        Err(error) => failure(&caller.failed(error)),
    }
}

/// The parameters of `take_snapshot` that mean something for a picture nobody keeps: read by the same
/// rules.
fn members(device: &str, query: Option<&str>) -> Result<Map<String, Value>, Error> {
    let mut query = Query::read(query)?;
    let mut members = Map::new();
    members.insert("device".into(), device.into());
    members.insert("format".into(), "jpg".into());
    for name in ["max_age_ms", "width", "height", "quality"] {
        if let Some(number) = query.number(name)? {
            members.insert(name.into(), number.into());
        }
    }
    query.finish()?;
    Ok(members)
}
