//! A JSON-RPC client over WebSocket that believes nothing: every message is checked against the contract
//! before a test sees it.

use std::{
    collections::VecDeque,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        http::{HeaderName, HeaderValue},
    },
};

use crate::{
    raw::Raw,
    service::{SECRET, Service},
};

/// Longest wait for any answer. The slowest call starts a camera and waits for its pictures.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// Messages kept for later questions; a test that has more is wrong.
const MAX_KEPT: usize = 10_000;

/// An error of the contract.
#[derive(Debug, Clone, PartialEq)]
pub struct RpcError {
    /// Such as -32602.
    pub code: i64,
    /// The contract's name for it.
    pub message: String,
    /// With `reason`, and what the contract names for the code.
    pub data: Value,
}

/// An upgrade that was refused.
#[derive(Debug)]
pub struct Refused {
    /// HTTP status.
    pub status: u16,
    /// As sent.
    pub body: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the WebSocket was refused with {}: {}", self.status, self.body)
    }
}

/// What comes next on a connection.
#[derive(Debug)]
pub enum Incoming {
    /// A text message.
    Text(Value),
    /// The server has closed, with this code (1005: without one; 1006: without a word).
    Closed(u16),
}

/// One connection.
#[derive(Debug)]
pub struct Rpc {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u64,
    /// Answers nobody has asked for yet.
    answers: VecDeque<Value>,
    notifications: VecDeque<Value>,
    /// What no message may hold: host paths and secrets.
    forbidden: Vec<String>,
    /// The last message as it came: some things only the bytes can tell.
    text: String,
}

impl Rpc {
    /// Connects with these further (or other) headers.
    ///
    /// # Panics
    /// If the server does not speak HTTP.
    pub async fn connect(service: &Service, headers: &[(&'static str, &str)]) -> Result<Self, Refused> {
        let stream = TcpStream::connect(service.address()).await.expect("the service listens");
        Self::on(stream, service.address(), &service.data_dir(), headers).await
    }

    /// Connects from another address of this machine, such as 127.0.0.2, with these further headers.
    ///
    /// # Panics
    /// If the address is not one of this machine's, or the upgrade is refused.
    pub async fn connect_from(service: &Service, source: Ipv4Addr, headers: &[(&'static str, &str)]) -> Self {
        let stream = Raw::connect(service.address(), source).await.stream;
        let connected = Self::on(stream, service.address(), &service.data_dir(), headers).await;
        connected.unwrap_or_else(|refused| panic!("{refused}"))
    }

    /// Becomes a WebSocket of the service at `address`, whose data folder no message may name.
    pub(crate) async fn on(
        stream: TcpStream,
        address: SocketAddr,
        data_dir: &Path,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Refused> {
        // Without Nagle's delay: a call behind a pong would wait for the acknowledgement of that.
        stream.set_nodelay(true).expect("the connection is open");
        let mut request = format!("ws://{address}/ws").into_client_request().expect("an address makes a URL");
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("the test's header has no control characters");
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        let connecting = client_async(request, MaybeTlsStream::Plain(stream));
        let connecting = tokio::time::timeout(ANSWER_LIMIT, connecting);
        let (socket, _) = match connecting.await.expect("the upgrade is answered in time") {
            Ok(connected) => connected,
            Err(tungstenite::Error::Http(response)) => {
                let body =
                    String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).into_owned();
                return Err(Refused { status: response.status().as_u16(), body });
            }
            Err(error) => panic!("no upgrade: {error}"),
        };
        let data_dir = data_dir.display().to_string();
        Ok(Self {
            socket,
            next_id: 1,
            answers: VecDeque::new(),
            notifications: VecDeque::new(),
            forbidden: vec!["/dev/".into(), "/proc/".into(), data_dir, SECRET.into()],
            text: String::new(),
        })
    }

    /// No message may hold this either.
    pub fn forbid(&mut self, secret: &str) {
        self.forbidden.push(secret.to_owned());
    }

    /// The last message as it came.
    pub fn last_text(&self) -> &str {
        &self.text
    }

    /// Signs in.
    ///
    /// # Panics
    /// If that is refused.
    pub async fn authenticate(&mut self, token: &str) -> Value {
        self.ok("authenticate", json!({"auth_token": token})).await
    }

    /// Calls a method and waits for its answer.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value, RpcError> {
        let id = self.start(method, params).await;
        self.answer(&id).await
    }

    /// The result of a call that must succeed.
    ///
    /// # Panics
    /// If it does not.
    pub async fn ok(&mut self, method: &str, params: Value) -> Value {
        let shown = params.to_string();
        match self.call(method, params).await {
            Ok(result) => result,
            Err(error) => panic!("{method} {shown}: {error:?}"),
        }
    }

    /// The error of a call that must fail with this code.
    ///
    /// # Panics
    /// If it does not.
    pub async fn err(&mut self, code: i64, method: &str, params: Value) -> RpcError {
        let shown = params.to_string();
        match self.call(method, params).await {
            Err(error) if error.code == code => error,
            other => panic!("{method} {shown}: wanted {code}, got {other:?}"),
        }
    }

    /// Sends a request without waiting; gives its id.
    pub async fn start(&mut self, method: &str, params: Value) -> Value {
        let id = json!(self.next_id);
        self.next_id += 1;
        let mut request = json!({"jsonrpc": "2.0", "id": id, "method": method});
        if !params.is_null() {
            request["params"] = params;
        }
        self.send(&request.to_string()).await;
        id
    }

    /// Waits for the answer to a request; others that come before it are kept.
    ///
    /// # Panics
    /// If the server closes instead.
    pub async fn answer(&mut self, id: &Value) -> Result<Value, RpcError> {
        if let Some(at) = self.answers.iter().position(|answer| answer["id"] == *id) {
            let answer = self.answers.remove(at).expect("it was just found there");
            return outcome(&answer);
        }
        loop {
            let answer = self.message().await;
            if answer["id"] == *id {
                return outcome(&answer);
            }
            assert!(self.answers.len() < MAX_KEPT, "too many answers nobody asked for");
            self.answers.push_back(answer);
        }
    }

    /// Sends a text frame as it is.
    pub async fn send(&mut self, text: &str) {
        self.send_message(Message::text(text)).await;
    }

    /// Sends a binary frame.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) {
        self.send_message(Message::binary(bytes)).await;
    }

    /// The next answer, or batch of answers; notifications are kept.
    ///
    /// # Panics
    /// If the server closes instead.
    pub async fn message(&mut self) -> Value {
        loop {
            match self.incoming().await {
                Incoming::Text(value) if is_notification(&value) => {
                    assert!(self.notifications.len() < MAX_KEPT, "too many notifications");
                    self.notifications.push_back(value);
                }
                Incoming::Text(value) => return value,
                Incoming::Closed(code) => panic!("closed with {code} instead of an answer"),
            }
        }
    }

    /// The next notification of this method.
    ///
    /// # Panics
    /// If none comes in time.
    pub async fn notification(&mut self, method: &str) -> Value {
        if let Some(at) = self.notifications.iter().position(|told| told["method"] == method) {
            return self.notifications.remove(at).expect("it was just found there");
        }
        loop {
            match self.incoming().await {
                Incoming::Text(value) if is_notification(&value) && value["method"] == method => {
                    return value;
                }
                Incoming::Text(value) if is_notification(&value) => self.notifications.push_back(value),
                Incoming::Text(value) => self.answers.push_back(value),
                Incoming::Closed(code) => panic!("closed with {code} instead of {method}"),
            }
        }
    }

    /// The notifications that came while something else was waited for, in order.
    pub fn kept_notifications(&mut self) -> Vec<Value> {
        self.notifications.drain(..).collect()
    }

    /// Waits until the server closes; gives its code. What comes before is checked and dropped.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Incoming::Closed(code) = self.incoming().await {
                return code;
            }
        }
    }

    /// The next message, checked.
    ///
    /// # Panics
    /// If none comes in time, or one that the contract does not allow.
    pub async fn incoming(&mut self) -> Incoming {
        loop {
            let next = tokio::time::timeout(ANSWER_LIMIT, self.socket.next()).await;
            match next.unwrap_or_else(|_| panic!("no message within {ANSWER_LIMIT:?}")) {
                Some(Ok(Message::Text(text))) => {
                    text.as_str().clone_into(&mut self.text);
                    return Incoming::Text(self.checked(&text));
                }
                Some(Ok(Message::Binary(_))) => panic!("the server sent a binary frame"),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(frame))) => {
                    return Incoming::Closed(frame.map_or(1005, |frame| frame.code.into()));
                }
                Some(Err(_)) | None => return Incoming::Closed(1006),
            }
        }
    }

    async fn send_message(&mut self, message: Message) {
        let sent = tokio::time::timeout(ANSWER_LIMIT, self.socket.send(message)).await;
        // An error: the server has closed; the test learns that by reading.
        let _ = sent.expect("the server reads in time");
    }

    fn checked(&self, text: &str) -> Value {
        for word in &self.forbidden {
            assert!(!text.contains(word.as_str()), "a message holds `{word}`: {text}");
        }
        let value: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        match &value {
            Value::Array(batch) => {
                assert!(!batch.is_empty(), "an empty batch is no answer");
                batch.iter().for_each(check);
            }
            one => check(one),
        }
        value
    }
}

/// The result or the error in an answer.
///
/// # Panics
/// If it has no error of the contract's form.
pub fn outcome(answer: &Value) -> Result<Value, RpcError> {
    if let Some(result) = answer.get("result") {
        return Ok(result.clone());
    }
    let error = &answer["error"];
    Err(RpcError {
        code: error["code"].as_i64().unwrap_or_else(|| panic!("no code: {answer}")),
        message: error["message"].as_str().unwrap_or_else(|| panic!("no message: {answer}")).to_owned(),
        data: error["data"].clone(),
    })
}

fn is_notification(value: &Value) -> bool {
    value.get("method").is_some()
}

/// One object against JSON-RPC 2.0 and the contract.
fn check(value: &Value) {
    assert_eq!(value["jsonrpc"], "2.0", "{value}");
    let object = value.as_object().unwrap_or_else(|| panic!("not an object: {value}"));
    if is_notification(value) {
        assert!(value["method"].is_string() && value["params"].is_object(), "{value}");
        assert!(!object.contains_key("id"), "a notification has no id: {value}");
        return;
    }
    let id = object.get("id").unwrap_or_else(|| panic!("an answer has an id: {value}"));
    assert!(id.is_null() || id.is_string() || id.is_number(), "{value}");
    assert_eq!(object.len(), 3, "an answer has jsonrpc, id, and a result or an error: {value}");
    if let Some(error) = object.get("error") {
        let code = error["code"].as_i64().unwrap_or_else(|| panic!("a code is an integer: {value}"));
        let name = name(code).unwrap_or_else(|| panic!("not a code of the contract: {value}"));
        assert_eq!(error["message"], name, "{value}");
        let reason = error["data"]["reason"].as_str().unwrap_or_default();
        assert!(!reason.is_empty(), "an error's data says a reason: {value}");
    } else {
        assert!(object.contains_key("result"), "{value}");
    }
}

/// The contract's table of errors.
fn name(code: i64) -> Option<&'static str> {
    Some(match code {
        -32700 => "Parse error",
        -32600 => "Invalid Request",
        -32601 => "Method not found",
        -32602 => "Invalid params",
        -32603 => "Internal error",
        -32000 => "Camera not found",
        -32001 => "Authentication required",
        -32002 => "Insufficient permissions",
        -32003 => "Device busy",
        -32004 => "Recording in progress",
        -32005 => "File not found",
        -32020 => "Invalid state",
        -32030 => "Unsupported",
        -32040 => "Rate limited",
        -32050 => "Dependency failed",
        -32060 => "Storage full",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn what_the_contract_does_not_allow_is_found() {
        let good = [
            json!({"jsonrpc": "2.0", "id": 1, "result": null}),
            json!({"jsonrpc": "2.0", "method": "x", "params": {}}),
            json!({"jsonrpc": "2.0", "id": null, "error":
                {"code": -32700, "message": "Parse error", "data": {"reason": "no JSON"}}}),
        ];
        good.iter().for_each(check);
        let bad = [
            json!([]),
            json!({"id": 1, "result": 1}),
            json!({"jsonrpc": "2.0", "result": 1}),
            json!({"jsonrpc": "2.0", "id": [1], "result": 1}),
            json!({"jsonrpc": "2.0", "id": 1}),
            json!({"jsonrpc": "2.0", "id": 1, "result": 1, "error": null}),
            json!({"jsonrpc": "2.0", "id": 1, "method": "x", "params": {}}),
            json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32700, "message": "Parse error"}}),
            json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "x", "data": {"reason": "x"}}}),
            json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32001, "message": "no", "data": {"reason": "x"}}}),
        ];
        for value in bad {
            assert!(catch_unwind(|| check(&value)).is_err(), "{value}");
        }
    }
}
