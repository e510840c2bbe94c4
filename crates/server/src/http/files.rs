//! `GET` and `HEAD` of recordings and snapshots: whole or in part, for a caller or for whoever has a
//! signed link. Which file a name is, and whether it is ours, the Controller knows.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc, time::SystemTime};

use aws_lc_rs::digest;
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use control::api::StoredFile;
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    conditions::{Present, Verdict, judge},
    credentials,
    guard::Visitor,
    query::Query,
    range::Asked,
    refusal::{Refused, busy, refusal},
};
use crate::{
    app::App,
    net::AtWork,
    rpc::{correlation_id, from_control},
    security::{Folder, Scope, encoded, hex},
    wire::{Code, Error},
};

/// Read from the disk at once.
const CHUNK_BYTES: u64 = 64 << 10;
/// What belongs to each ending.
const TYPES: [(&str, &str); 5] = [
    ("mp4", "video/mp4"),
    ("mkv", "video/x-matroska"),
    ("avi", "video/x-msvideo"),
    ("jpg", "image/jpeg"),
    ("png", "image/png"),
];

/// Of the folder that the route is about.
pub(super) async fn file(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Extension(folder): Extension<Folder>,
    name: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let mut query = Query::read(query.as_deref())?;
    // Decoded once, by the router. What is not UTF-8 is no name of ours.
    let name = name.map_or_else(|_| String::new(), |Path(name)| name);
    let scope = if let Some(link) = query.take("link") {
        linked(&app, &link, folder, &name)?
    } else {
        credentials::caller(&app, &headers, &visitor)?.scope.clone()
    };
    let inline = match query.take("disposition").as_deref() {
        None | Some("attachment") => false,
        Some("inline") => true,
        Some(_) => {
            let error = Error::param("disposition", "choice", "must be inline or attachment");
            return Err(error.into());
        }
    };
    query.finish()?;
    let place = app.places.downloads.clone().try_acquire_owned();
    let place = place.map_err(|_| busy("too many downloads at once"))?;
    let stored = open(&app, folder, &name, &scope).await?;
    let at_work = visitor.ticket.begin_work();
    Ok(answer(stored, &name, inline, &headers, method == Method::GET, (place, at_work)))
}

/// What the holder of a link may know. A bad link is no failed attempt: it may just be old.
fn linked(app: &App, link: &str, folder: Folder, name: &str) -> Result<Scope, Refused> {
    let signed = app.service.links.read(link, folder, name, SystemTime::now());
    // Every role may look; whether the credential it was made with still stands, only now can tell.
    let good = signed.filter(|principal| app.service.access.is_good(principal));
    let bad = || refusal(StatusCode::FORBIDDEN, "this link is not good, or not any more");
    Ok(good.map(|principal| principal.scope).ok_or_else(bad)?)
}

async fn open(app: &App, folder: Folder, name: &str, scope: &Scope) -> Result<StoredFile, Error> {
    // Whatever is no plain name is no file: the folder never hears of it, nor does the answer repeat it.
    let plain =
        (1..=255).contains(&name.len()) && !name.contains(['/', '\\']) && !name.chars().any(char::is_control);
    if !plain {
        return Err(Error::new(Code::FileNotFound, "there is no such file"));
    }
    let cameras = scope.cameras();
    let controller = &app.service.controller;
    let opened = match folder {
        Folder::Recordings => controller.open_recording(name.to_owned(), cameras.as_deref()).await,
        Folder::Snapshots => controller.open_snapshot(name.to_owned(), cameras.as_deref()).await,
    };
    opened.map_err(|error| from_control(error, scope, &correlation_id()))
}

/// Its place among the downloads, and a sign that its connection is not idle.
type Held = (OwnedSemaphorePermit, AtWork);

fn answer(
    stored: StoredFile,
    name: &str,
    inline: bool,
    headers: &HeaderMap,
    get: bool,
    held: Held,
) -> Response {
    let StoredFile { file, length, modified, inode } = stored;
    let present = Present { etag: etag(length, modified, inode), modified, length };
    let mut response = match judge(headers, &present, get, SystemTime::now()) {
        Verdict::Failed => {
            return refusal(StatusCode::PRECONDITION_FAILED, "the file is not the one you have seen");
        }
        Verdict::NotModified => StatusCode::NOT_MODIFIED.into_response(),
        Verdict::Send(Asked::Nowhere) => {
            let mut response =
                refusal(StatusCode::RANGE_NOT_SATISFIABLE, "there are no such bytes in the file");
            put(&mut response, header::CONTENT_RANGE, &format!("bytes */{length}"));
            return response;
        }
        Verdict::Send(Asked::Whole) => sent(StatusCode::OK, file, 0..length, get, held),
        Verdict::Send(Asked::Part { first, last }) => {
            let mut response = sent(StatusCode::PARTIAL_CONTENT, file, first..last + 1, get, held);
            put(&mut response, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{length}"));
            response
        }
    };
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let kind = TYPES.iter().find(|(known, _)| *known == ending);
    if response.status() != StatusCode::NOT_MODIFIED {
        put(&mut response, header::CONTENT_TYPE, kind.map_or("application/octet-stream", |(_, kind)| kind));
        put(&mut response, header::CONTENT_DISPOSITION, &disposition(name, inline));
        put(&mut response, header::ACCEPT_RANGES, "bytes");
    }
    put(&mut response, header::ETAG, &present.etag);
    put(&mut response, header::LAST_MODIFIED, &httpdate::fmt_http_date(modified));
    put(&mut response, header::CACHE_CONTROL, "private, no-store");
    response
}

fn put(response: &mut Response, name: header::HeaderName, value: &str) {
    // Every value here is ASCII without controls; one that is not is left out rather than bent.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// These bytes of the file as it was when it was opened: one that grows meanwhile is sent as far as it
/// was.
fn sent(status: StatusCode, file: File, bytes: std::ops::Range<u64>, get: bool, held: Held) -> Response {
    let length = bytes.end - bytes.start;
    let body = if get { Body::from_stream(chunks(file, bytes, held)) } else { Body::empty() };
    (status, [(header::CONTENT_LENGTH, length.to_string())], body).into_response()
}

fn chunks(
    file: File,
    bytes: std::ops::Range<u64>,
    held: Held,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    stream::try_unfold((Arc::new(file), bytes, held), async |(file, bytes, held)| {
        if bytes.is_empty() {
            return Ok(None);
        }
        let (start, wanted) = (bytes.start, (bytes.end - bytes.start).min(CHUNK_BYTES));
        let reader = file.clone();
        // A disk may block: not here.
        let read = tokio::task::spawn_blocking(move || {
            let mut chunk = vec![0; wanted as usize];
            let read = reader.read_at(&mut chunk, start)?;
            chunk.truncate(read);
            Ok::<_, io::Error>(chunk)
        });
        let chunk = read.await.map_err(io::Error::other)??;
        if chunk.is_empty() {
            // Cut meanwhile: the connection ends, so that nobody takes what they have for the whole.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let next = start + chunk.len() as u64..bytes.end;
        Ok(Some((Bytes::from(chunk), (file, next, held))))
    })
}

/// Another file, or another state of this one, has another tag. Hashed, as an inode is nobody's business.
fn etag(length: u64, modified: SystemTime, inode: u64) -> String {
    let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let whole = format!("{inode} {length} {}", since.as_nanos());
    let hash = digest::digest(&digest::SHA256, whole.as_bytes());
    format!("\"{}\"", hex(&hash.as_ref()[..16]))
}

/// A name that is more than plain ASCII is told twice (RFC 6266 section 4.3).
fn disposition(name: &str, inline: bool) -> String {
    let kind = if inline { "inline" } else { "attachment" };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let simple: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    if simple == name {
        format!("{kind}; filename=\"{name}\"")
    } else {
        format!("{kind}; filename=\"{simple}\"; filename*=UTF-8''{}", encoded(name))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn names_in_headers_are_safe() {
        assert_eq!(disposition("a-b_c.mp4", false), "attachment; filename=\"a-b_c.mp4\"");
        assert_eq!(
            disposition("a \"b\";é.jpg", true),
            "inline; filename=\"a__b___.jpg\"; filename*=UTF-8''a%20%22b%22%3B%C3%A9.jpg"
        );
    }

    #[test]
    fn every_state_of_a_file_has_its_own_tag() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        let one = etag(1, at, 1);
        assert_eq!((one.len(), &one), (34, &etag(1, at, 1)));
        for other in [etag(2, at, 1), etag(1, at + Duration::from_nanos(1), 1), etag(1, at, 2)] {
            assert_ne!(one, other);
        }
    }
}
