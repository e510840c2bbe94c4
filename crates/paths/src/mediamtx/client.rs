//! MediaMTX's control API over one connection that stays: requests, their time-outs and every way in which an
//! answer can be none. What is asked for, `calls` knows.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, StatusCode,
    client::conn::http1::{self, SendRequest},
    header,
};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};

use super::wire::Refusal;
use crate::counts::{CallCounts, CallError};

/// Longest answer: a thousand paths take 3 MB.
const MAX_ANSWER_BYTES: usize = 16 << 20;
/// Of a refusal's text, which can hold kilobytes of type names: for the log.
const MAX_REFUSAL_CHARS: usize = 300;

/// Gives a credential for one request; an empty one is not shown.
pub type ApiToken = Arc<dyn Fn() -> String + Send + Sync>;

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nobody is there, or the connection broke.
    Unreachable(String),
    /// No answer within `mediamtx.request_timeout`.
    Slow,
    /// Our token is not believed.
    Unauthorized,
    /// There is no such thing: a path, or a whole endpoint of other versions.
    NotFound,
    /// It says no, and why.
    Refused(StatusCode, String),
    /// It answers what MediaMTX would not.
    Nonsense(String),
}

impl Failure {
    fn counted_as(&self) -> CallError {
        match self {
            Self::Unreachable(_) => CallError::Unreachable,
            Self::Slow => CallError::Slow,
            Self::Unauthorized => CallError::Unauthorized,
            Self::NotFound => CallError::NotFound,
            Self::Refused(..) => CallError::Refused,
            Self::Nonsense(_) => CallError::Nonsense,
        }
    }

    /// For clients.
    pub(super) fn public(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "MediaMTX cannot be reached",
            Self::Slow => "MediaMTX does not answer in time",
            Self::Unauthorized => "MediaMTX does not believe the service's token",
            Self::NotFound | Self::Nonsense(_) => "what answers is not MediaMTX",
            Self::Refused(status, _) if status.is_server_error() => "MediaMTX answers with an error",
            Self::Refused(..) => "MediaMTX refuses the service's paths",
        }
    }
}

/// For the log.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(cause) | Self::Nonsense(cause) => write!(f, "{}: {cause}", self.public()),
            Self::Refused(status, text) => write!(f, "{}: {status}: {text}", self.public()),
            Self::Slow | Self::Unauthorized | Self::NotFound => f.write_str(self.public()),
        }
    }
}

/// One client of one MediaMTX.
pub(super) struct Client {
    /// `HOST:PORT`.
    authority: String,
    request_timeout: Duration,
    token: ApiToken,
    counts: Arc<CallCounts>,
    link: Option<Link>,
}

struct Link {
    sender: SendRequest<Full<Bytes>>,
    /// Done when the connection has ended.
    carrier: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

impl Client {
    pub(super) fn new(authority: String, request_timeout: Duration, token: ApiToken) -> Self {
        Self { authority, request_timeout, token, counts: Arc::default(), link: None }
    }

    /// Counts its calls there.
    pub(super) fn counted_in(self, counts: Arc<CallCounts>) -> Self {
        Self { counts, ..self }
    }

    /// Until the connection that stays has ended: MediaMTX has, or it is idle for its taste. For ever when there
    /// is none.
    pub(super) async fn closed(&mut self) {
        match &mut self.link {
            Some(link) => {
                // An error: it was aborted or panicked, and has ended all the same.
                let _ = (&mut link.carrier).await;
                self.link = None;
            }
            None => std::future::pending().await,
        }
    }

    /// Gets what lies at `path`.
    pub(super) async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, Failure> {
        let body = self.call(Method::GET, path, None).await?;
        serde_json::from_slice(&body).map_err(|cause| {
            self.counts.failed(CallError::Nonsense);
            Failure::Nonsense(format!("{path}: {cause}"))
        })
    }

    /// One call, to its answer.
    pub(super) async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Bytes, Failure> {
        let began = Instant::now();
        let answer = self.asked(method, path, body).await;
        self.counts.took(began.elapsed());
        answer.inspect_err(|failure| self.counts.failed(failure.counted_as()))
    }

    async fn asked(&mut self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<Bytes, Failure> {
        let limit = self.request_timeout;
        let answer = timeout(limit, async {
            let fresh = self.link.is_none();
            match self.attempt(&method, path, body.as_deref()).await {
                // The connection may have been closed for being idle, in the moment it was used again.
                Err(Failure::Unreachable(_)) if !fresh => {
                    self.link = None;
                    self.attempt(&method, path, body.as_deref()).await
                }
                answer => answer,
            }
        });
        let answer = answer.await.unwrap_or(Err(Failure::Slow));
        if matches!(answer, Err(Failure::Unreachable(_) | Failure::Slow | Failure::Nonsense(_))) {
            // Half an answer may still be on its way.
            self.link = None;
        }
        let (status, body) = answer?;
        match status {
            status if status.is_success() => Ok(body),
            StatusCode::UNAUTHORIZED => Err(Failure::Unauthorized),
            StatusCode::NOT_FOUND => Err(Failure::NotFound),
            status => Err(Failure::Refused(status, refusal(&body))),
        }
    }

    async fn attempt(
        &mut self,
        method: &Method,
        path: &str,
        body: Option<&[u8]>,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let broken = |cause: &dyn fmt::Display| Failure::Unreachable(cause.to_string());
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "application/json");
        let token = (self.token)();
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request
            .body(Full::new(Bytes::copy_from_slice(body.unwrap_or_default())))
            .map_err(|cause| Failure::Nonsense(cause.to_string()))?;
        let link = match &mut self.link {
            Some(link) => link,
            empty => empty.insert(connect(&self.authority).await?),
        };
        link.sender.ready().await.map_err(|cause| broken(&cause))?;
        let answer = link.sender.send_request(request).await.map_err(|cause| broken(&cause))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|cause| Failure::Unreachable(cause.to_string()))?;
        Ok((status, body.to_bytes()))
    }
}

async fn connect(authority: &str) -> Result<Link, Failure> {
    let stream = TcpStream::connect(authority).await.map_err(|e| Failure::Unreachable(e.to_string()))?;
    // An error: slower, and no worse.
    let _ = stream.set_nodelay(true);
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|cause| Failure::Unreachable(cause.to_string()))?;
    let carrier = tokio::spawn(async move {
        // An error: whoever waits for an answer is told.
        let _ = connection.await;
    });
    Ok(Link { sender, carrier })
}

/// The text of an error, of both generations; cut.
fn refusal(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<Refusal>(body) {
        Ok(refusal) => refusal.error,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_REFUSAL_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_whatever_it_is() {
        let old = br#"{"error":"path already exists"}"#;
        let new = br#"{"status":"error","error":"path already exists"}"#;
        assert_eq!(refusal(old), "path already exists");
        assert_eq!(refusal(new), "path already exists");
        assert_eq!(refusal(b"a\nb\xff"), "a b\u{fffd}");
        assert_eq!(refusal(&[b'x'; 5000]).len(), MAX_REFUSAL_CHARS);
    }
}
