//! HTTP/1.1 as a client that hides nothing: a request goes out as it was written, an answer is taken apart
//! and no further. Works on any stream, so TLS is whoever brings one's business.

use std::time::Duration;

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::service::{SECRET, Service};

/// Longest wait for any answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// Longest head of an answer.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// What no answer may hold.
const FORBIDDEN: [&str; 3] = ["/dev/", "/proc/", SECRET];

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Such as 200.
    pub status: u16,
    /// Names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// As sent; empty for an answer without one.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header that stands there at most once.
    ///
    /// # Panics
    /// If it stands there twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values =
            self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert!(values.next().is_none(), "{name} stands there twice: {:?}", self.headers);
        value
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, which its type says it is.
    ///
    /// # Panics
    /// If it is none.
    pub fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
}

/// One connection, kept alive between requests.
#[derive(Debug)]
pub struct Http<S> {
    stream: BufReader<S>,
    host: String,
}

impl Http<TcpStream> {
    /// Connects to a service without TLS.
    ///
    /// # Panics
    /// If it takes no connections.
    pub async fn connect(service: &Service) -> Self {
        let address = service.address();
        let stream = TcpStream::connect(address).await.expect("the service takes connections");
        Self::on(stream, &address.to_string())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Http<S> {
    /// Speaks on this stream; `host` stands in the requests.
    pub fn on(stream: S, host: &str) -> Self {
        Self { stream: BufReader::new(stream), host: host.to_owned() }
    }

    /// Asks without a body.
    pub async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", path, headers, b"").await
    }

    /// Asks by `method`, with a `Host` and, if there is a body, a `Content-Length`.
    pub async fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let length = (!body.is_empty() || method == "POST").then(|| body.len().to_string());
        let length = length.as_deref().map(|length| ("Content-Length", length));
        let host = ("Host", self.host.as_str());
        let all = std::iter::once(host).chain(headers.iter().copied()).chain(length);
        let lines: Vec<String> = all.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("{method} {path} HTTP/1.1\r\n{}", lines.concat());
        self.send(&[head.as_bytes(), b"\r\n", body].concat()).await;
        self.answer(method).await
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) {
        let sent = tokio::time::timeout(ANSWER_LIMIT, self.stream.get_mut().write_all(bytes)).await;
        // An error: the server has refused it already, which its answer tells.
        let _ = sent.expect("the server reads in time");
        let _ = self.stream.get_mut().flush().await;
    }

    /// The answer to a request of this method.
    ///
    /// # Panics
    /// If none comes, or one that is not HTTP or breaks a rule for every answer.
    pub async fn answer(&mut self, method: &str) -> Answer {
        let mut answer = self.head().await;
        let length = answer.header("content-length").map(|text| text.parse().expect("a length is a number"));
        let bare = method == "HEAD" || matches!(answer.status, 100..200 | 204 | 304);
        if !bare {
            let length: usize = length.expect("every answer with a body tells its length");
            answer.body = self.bytes(length).await;
        }
        if answer.header("content-type").is_none_or(|kind| kind.starts_with("application/json")) {
            let text = answer.text();
            for word in FORBIDDEN {
                assert!(!text.contains(word), "an answer holds `{word}`: {text}");
            }
        }
        answer
    }

    /// An answer up to its body, which is read by [`Self::bytes`].
    ///
    /// # Panics
    /// As [`Self::answer`].
    pub async fn head(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = tokio::time::timeout(ANSWER_LIMIT, self.stream.read_u8()).await;
            let byte = byte.expect("an answer in time");
            head.push(byte.unwrap_or_else(|e| panic!("{e} after {:?}", String::from_utf8_lossy(&head))));
            assert!(head.len() < MAX_HEAD_BYTES, "a head without an end");
        }
        let head = String::from_utf8(head).expect("a head is ASCII");
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
        let headers =
            lines.map(|line| line.split_once(": ").unwrap_or_else(|| panic!("not a header: {line}")));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        let answer = Answer { status: status.unwrap_or_else(|| panic!("{head}")), headers, body: Vec::new() };
        // What hyper refuses by itself never reaches the service.
        if answer.headers.iter().any(|(name, _)| name == "content-type") {
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{head}");
            assert!(answer.header("content-security-policy").is_some(), "{head}");
            assert!(answer.header("cache-control").is_some_and(|value| value.contains("no-store")), "{head}");
        }
        answer
    }

    /// So many bytes of a body.
    ///
    /// # Panics
    /// If they do not come.
    pub async fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let read = tokio::time::timeout(ANSWER_LIMIT, self.stream.read_exact(&mut bytes)).await;
        read.expect("a body in time").expect("as long as was told");
        bytes
    }

    /// Waits until the server has closed; gives what came before.
    ///
    /// # Panics
    /// If it does not.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(ANSWER_LIMIT, self.stream.read_to_end(&mut rest)).await;
        // An error: closed without the politeness.
        let _ = read.expect("it is closed in time");
        rest
    }
}
