//! Events to a web server: one `POST` for each, signed, over one connection that stays. What is tried again,
//! and when, `courier` knows.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use base64::{Engine, prelude::BASE64_STANDARD};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, StatusCode,
    client::conn::http1::{self, SendRequest},
    header,
};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;
use url::Url;

use super::{
    courier::Carrier,
    link::{Target, Trust},
    signature::SigningKey,
};
use crate::{about, events::Telling};

/// Of an answer, which nobody reads: a longer one costs the connection.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// Where events go.
#[derive(Clone)]
pub(crate) struct WebhookTo {
    target: Target,
    /// As it stands in `Host`.
    authority: String,
    /// Path and query.
    path: String,
    /// The value of `Authorization`.
    authorization: Option<String>,
    key: SigningKey,
}

/// The path may hold a secret, and the user part does.
impl std::fmt::Debug for WebhookTo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookTo").field("target", &self.target).finish_non_exhaustive()
    }
}

impl WebhookTo {
    /// Takes `http://` or `https://`, with `user:password@` if need be; `trust` is asked for only with TLS.
    pub(crate) fn new(
        url: &str,
        key: SigningKey,
        trust: impl FnOnce() -> Result<Trust, String>,
    ) -> Result<Self, String> {
        // The library's own words may quote it.
        let url = Url::parse(url).map_err(|_| "is not a URL such as https://example.org/events")?;
        let tls = match url.scheme() {
            "http" => None,
            "https" => Some(trust()?),
            _ => return Err("must begin with http:// or https://".into()),
        };
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        let decoded = |text: &str| percent_decoded(text).ok_or("the user or password in it is not UTF-8");
        let authorization = match (decoded(url.username())?, decoded(url.password().unwrap_or_default())?) {
            (user, password) if user.is_empty() && password.is_empty() => None,
            (user, password) => {
                Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))))
            }
        };
        Ok(Self {
            authority: url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
            path: url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
            target: Target { host: host.trim_matches(['[', ']']).to_owned(), port, tls },
            authorization,
            key,
        })
    }

    /// Can others read what goes there?
    pub(crate) fn is_open_to_readers(&self) -> bool {
        self.target.is_open_to_readers()
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).ok()
}

/// The carrier.
pub(super) struct Webhook {
    to: WebhookTo,
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

impl Webhook {
    pub(super) fn new(to: WebhookTo) -> Self {
        Self { to, link: None }
    }

    async fn connected(&self) -> Result<Link, String> {
        let stream = self.to.target.connect().await?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|cause| cause.to_string())?;
        let carrier = tokio::spawn(async move {
            // An error: whoever waits for an answer is told.
            let _ = connection.await;
        });
        Ok(Link { sender, carrier })
    }

    /// The request, dated now: a receiver refuses an old one, which somebody may have recorded.
    fn request(&self, told: &Telling) -> Result<Request<Full<Bytes>>, String> {
        let body: Bytes = told.text().clone().into();
        let timestamp_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&self.to.path)
            .header(header::HOST, &self.to.authority)
            .header(header::USER_AGENT, format!("{}/{}", about::NAME, about::VERSION))
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", told.id())
            .header("webhook-timestamp", timestamp_s)
            .header("webhook-signature", self.to.key.sign(&told.id(), timestamp_s, &body));
        if let Some(authorization) = &self.to.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        request.body(Full::new(body)).map_err(|_| "the URL or its password does not fit a header".to_owned())
    }

    /// Sends it over the connection that stands; the link is put back only when it can be used again.
    async fn sent(&mut self, link: &mut Link, told: &Telling) -> Result<(StatusCode, bool), String> {
        let broken = |cause: hyper::Error| cause.to_string();
        link.sender.ready().await.map_err(broken)?;
        let answer = link.sender.send_request(self.request(told)?).await.map_err(broken)?;
        let status = answer.status();
        let read_whole = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await.is_ok();
        Ok((status, read_whole))
    }
}

impl Carrier for Webhook {
    async fn carry(&mut self, told: &Telling) -> Result<(), String> {
        // Taken: an attempt that is dropped in the middle takes its connection with it.
        let old = self.link.take().filter(|link| !link.sender.is_closed());
        let (mut link, fresh) = match old {
            Some(link) => (link, false),
            None => (self.connected().await?, true),
        };
        let outcome = match self.sent(&mut link, told).await {
            // It may have been closed for being idle, in the moment it was used again.
            Err(_) if !fresh => {
                link = self.connected().await?;
                self.sent(&mut link, told).await
            }
            outcome => outcome,
        };
        let (status, read_whole) = outcome?;
        if read_whole {
            self.link = Some(link);
        }
        // A redirect is not followed: it would take a signed event where nobody has said it may go.
        if status.is_success() { Ok(()) } else { Err(format!("the receiver answers {status}")) }
    }

    async fn rest(&mut self) {
        std::future::pending::<()>().await;
    }

    async fn leave(&mut self) {}
}
