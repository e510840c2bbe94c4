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
    refusal::{Refused, busy, refusal},
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
) -> Result<Response, Refused> {
    let device = match &name {
        Ok(Path(name)) => name.strip_suffix(".jpg"),
        Err(_) => None,
    };
    let device = device.filter(|device| !device.contains('/'));
    let device = device.ok_or_else(|| refusal(StatusCode::NOT_FOUND, "a picture is at /snapshot/ID.jpg"))?;
    let principal = credentials::caller(&app, &headers, &visitor)?;
    // The same work as the method's, and the same account.
    app.service.access.ask("take_snapshot", None, Some(&principal), visitor.peer.address)?;
    let caller = app.service.caller(principal, &visitor.peer);
    // Held by whoever waits for the camera.
    let _place = app.places.pictures.try_acquire().map_err(|_| busy("too many pictures at once"))?;
    let wish: TakeSnapshot = caller.read(members(device, query.as_deref())?)?;
    let picture = caller.controller().picture(wish.device, &wish.request).await;
    let picture = picture.map_err(|error| caller.failed(error))?;
    let taken = httpdate::fmt_http_date(picture.captured_at.max(SystemTime::UNIX_EPOCH));
    let headers = [(header::CONTENT_TYPE, "image/jpeg"), (header::LAST_MODIFIED, taken.as_str())];
    Ok((headers, picture.bytes).into_response())
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
