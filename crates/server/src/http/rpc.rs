//! `POST /rpc`: the same methods, for clients that keep no connection.

use std::{
    future::ready,
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{FutureExt, StreamExt, future::Either, stream::FuturesOrdered};
use tokio::sync::Semaphore;

use super::{
    credentials,
    guard::{Visitor, only},
    refusal::{Refused, closing, refusal, status, with_hints},
};
use crate::{
    app::App,
    rpc::{self, Begun, Message, Reply, correlation_id},
    security::Session,
    wire::{Code, Error},
};

/// Longest time for a whole body to come.
const BODY_TIME: Duration = Duration::from_secs(10);
/// A body up to this length needs no place: it is what a connection may cost anyway.
const SHORT_BODY_BYTES: usize = 16 << 10;
/// So much of a body that is too large is taken before it is refused.
const MAX_SWALLOWED_BYTES: usize = 16 << 20;

pub(super) async fn post(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let mut session = Session::of_request(correlation_id());
    match credentials::shown(&app, &parts.headers, &visitor) {
        Ok(None) => {}
        Ok(Some(principal)) => session.begin(principal),
        Err(error) => {
            let text = rpc::refusal(None, &error);
            return single(Reply { text, error: Some(error) });
        }
    }
    if !is_json(&parts.headers) {
        return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json");
    }
    if *app.stopping.borrow() {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "the service is stopping");
    }
    let places = &app.places;
    let known = session.principal(SystemTime::now()).is_some();
    let places = if known { &places.bodies } else { &places.strangers_bodies };
    let body = match read(app.websocket.max_message_bytes, places, &parts.headers, body).await {
        Ok(body) => body,
        Err(refused) => return refused.into_response(),
    };
    // What is not UTF-8 is not JSON, and neither is nothing.
    let message = rpc::read(std::str::from_utf8(&body).unwrap_or_default());
    drop(body);
    let mut begin =
        async |item| rpc::begin(&app.service, &app.commands, item, &mut session, &visitor.peer).await;
    match message {
        Message::Refused(text) => single(Reply { text, error: None }),
        Message::Single(item) => {
            let reply = match begin(item).await {
                Begun::Done(reply) => reply,
                Begun::Working(work, _) => work.await,
            };
            reply.map_or_else(|| StatusCode::NO_CONTENT.into_response(), single)
        }
        Message::Batch(items) => {
            let mut texts = Vec::with_capacity(items.len());
            let mut work = FuturesOrdered::new();
            for item in items {
                while work.len() >= app.websocket.max_in_flight {
                    texts.extend(work.next().await.flatten());
                }
                work.push_back(
                    match begin(item).await {
                        Begun::Done(reply) => Either::Left(ready(reply)),
                        Begun::Working(work, _) => Either::Right(work),
                    }
                    .map(|reply: Option<Reply>| reply.map(|reply| reply.text)),
                );
            }
            while let Some(text) = work.next().await {
                texts.extend(text);
            }
            match rpc::batch(&texts) {
                Some(text) => json_text(StatusCode::OK, text),
                None => StatusCode::NO_CONTENT.into_response(),
            }
        }
    }
}

/// The whole body, within its limits of size and time.
async fn read(max: usize, places: &Semaphore, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Refused> {
    let large =
        || Err(closing(StatusCode::PAYLOAD_TOO_LARGE, "larger than websocket.max_message_size").into());
    let told = only(headers, &header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if told.is_some_and(|length| length > max as u64) {
        // One who asks before sending sends nothing more once refused.
        if !headers.contains_key(header::EXPECT) {
            // An error: it takes too long, and is cut off.
            let _ = tokio::time::timeout(BODY_TIME, swallow(body)).await;
        }
        return large();
    }
    match tokio::time::timeout(BODY_TIME, collect(max, places, body)).await {
        Ok(Collected::Whole(body)) => Ok(body),
        // Only a body without a length told in advance can turn out too large here.
        Ok(Collected::TooLarge) => large(),
        Ok(Collected::Broken) => Err(refusal(StatusCode::BAD_REQUEST, "the body did not come whole").into()),
        Err(_) => Err(closing(StatusCode::REQUEST_TIMEOUT, "the body did not come in time").into()),
    }
}

enum Collected {
    Whole(Vec<u8>),
    TooLarge,
    Broken,
}

/// Only what came takes a place, not what was announced: announcing costs a client nothing.
async fn collect(max: usize, places: &Semaphore, body: Body) -> Collected {
    let (mut chunks, mut whole, mut place) = (body.into_data_stream(), Vec::new(), None);
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else { return Collected::Broken };
        if whole.len() + chunk.len() > max {
            return Collected::TooLarge;
        }
        if place.is_none() && whole.len() + chunk.len() > SHORT_BODY_BYTES {
            // Never closed, so there is one in the end, or the time is over.
            place = places.acquire().await.ok();
        }
        whole.extend_from_slice(&chunk);
    }
    Collected::Whole(whole)
}

/// Takes a body and keeps nothing of it: a client that sends everything before it listens would find its
/// connection broken instead of a refusal. One that is much too large does.
async fn swallow(body: Body) {
    let mut chunks = body.into_data_stream();
    let mut left = MAX_SWALLOWED_BYTES;
    while let Some(Ok(chunk)) = chunks.next().await
        && left > chunk.len()
    {
        left -= chunk.len();
    }
}

/// `application/json`, with whatever parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let essence = only(headers, &header::CONTENT_TYPE).and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// One reply: some errors have a status of their own.
fn single(reply: Reply) -> Response {
    let Reply { text, error } = reply;
    let told = error.filter(|error| {
        let codes = [Code::AuthenticationRequired, Code::InsufficientPermissions, Code::RateLimited];
        codes.into_iter().any(|code| Error::is(error, code))
    });
    match told {
        None => json_text(StatusCode::OK, text),
        Some(error) => with_hints(json_text(status(&error), text), &error),
    }
}

pub(super) fn json_text(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}
