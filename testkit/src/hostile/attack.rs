//! What an attack is: what is sent through which door, and the one answer it must get. How it is sent, and
//! held against its answer. What attacks there are stands in the tables beside this file.

use std::{any::Any, net::Ipv4Addr, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use serde_json::Value;

use super::Ground;
use crate::{
    http::Http,
    raw::Raw,
    rpc::{Incoming, Rpc, outcome},
};

/// One row of a table.
#[derive(Debug, Clone)]
pub struct Attack {
    /// For a failure's text.
    pub name: String,
    /// What the client does.
    pub sent: Sent,
    /// What the service must do.
    pub must: Must,
}

/// What a client sends, and through which door.
#[derive(Debug, Clone)]
pub enum Sent {
    /// One text frame on a WebSocket of somebody's.
    Text(Who, String),
    /// These bytes on a stranger's WebSocket, after the upgrade: frames no library makes.
    Frames(Vec<u8>),
    /// These bytes on a new connection: a request, an upgrade, or nothing of the kind.
    Bytes(Vec<u8>),
}

/// Who sends a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// No credential.
    Stranger,
    /// May look.
    Viewer,
    /// May look and record.
    Operator,
}

/// The one good answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Must {
    /// A JSON-RPC error of this code in a frame; the connection lives.
    Error(i64),
    /// A batch of one such error.
    Batch(i64),
    /// A JSON-RPC result in a frame: harmless after all; the connection lives.
    Result,
    /// The WebSocket is closed with this code.
    Close(u16),
    /// An HTTP answer of this status, one only, and the connection is closed.
    Status(u16),
    /// The same, with a JSON-RPC error of this code in its body.
    StatusError(u16, i64),
    /// Nothing is said: the connection is closed, and not broken.
    End,
}

impl Attack {
    /// A row.
    pub fn new(name: impl Into<String>, sent: Sent, must: Must) -> Self {
        Self { name: name.into(), sent, must }
    }

    /// A row about a text frame.
    pub fn text(who: Who, name: impl Into<String>, text: impl Into<String>, must: Must) -> Self {
        Self::new(name, Sent::Text(who, text.into()), must)
    }

    /// A row about bytes on a new connection.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Vec<u8>>, must: Must) -> Self {
        Self::new(name, Sent::Bytes(bytes.into()), must)
    }

    /// Does it from the address `source`; tells what was wrong with the answer.
    pub async fn perform(&self, ground: &Ground<'_>, source: Ipv4Addr) -> Result<(), String> {
        ground.turn().await;
        // An answer that breaks a rule for every answer panics where it is read; here it gets the name of its
        // attack.
        let done = AssertUnwindSafe(self.answered(ground, source)).catch_unwind().await;
        let got = done.map_err(|panic| format!("{}: {}", self.name, told(panic.as_ref())))??;
        if got == self.must {
            Ok(())
        } else {
            Err(format!("{}: must {:?}, got {got:?}", self.name, self.must))
        }
    }

    async fn answered(&self, ground: &Ground<'_>, source: Ipv4Addr) -> Result<Must, String> {
        Ok(match &self.sent {
            Sent::Text(who, text) => self.frame(ground, source, *who, text).await?,
            Sent::Frames(bytes) => {
                let mut raw = Raw::websocket(ground.address(), source).await;
                raw.send(bytes).await;
                Must::Close(raw.close_code().await)
            }
            Sent::Bytes(bytes) => self.http(ground, source, bytes).await?,
        })
    }

    async fn frame(
        &self,
        ground: &Ground<'_>,
        source: Ipv4Addr,
        who: Who,
        text: &str,
    ) -> Result<Must, String> {
        let bearer = ground.bearer(who);
        let headers = bearer.as_deref().map(|bearer| ("authorization", bearer));
        let mut rpc = Rpc::connect_from(ground.service, source, headers.as_slice()).await;
        rpc.send(text).await;
        let got = match rpc.incoming().await {
            Incoming::Closed(code) => return Ok(Must::Close(code)),
            Incoming::Text(Value::Array(answers)) => match &answers[..] {
                [one] => outcome(one).map_or_else(|error| Must::Batch(error.code), |_| Must::Result),
                _ => return Err(format!("{}: {} answers", self.name, answers.len())),
            },
            Incoming::Text(answer) => {
                outcome(&answer).map_or_else(|error| Must::Error(error.code), |_| Must::Result)
            }
        };
        // It has cost the client nothing but this answer.
        let after = rpc.call("ping", Value::Null).await;
        let lives = after.is_ok() == (who != Who::Stranger);
        if lives { Ok(got) } else { Err(format!("{}: the next ping got {after:?}", self.name)) }
    }

    async fn http(&self, ground: &Ground<'_>, source: Ipv4Addr, bytes: &[u8]) -> Result<Must, String> {
        let mut raw = Raw::connect(ground.address(), source).await;
        raw.send(bytes).await;
        if self.must == Must::End {
            let rest = raw.rest().await;
            let rest = rest.map(|rest| String::from_utf8_lossy(&rest).into_owned());
            return if rest == Ok(String::new()) {
                Ok(Must::End)
            } else {
                Err(format!("{}: {rest:?}", self.name))
            };
        }
        let mut http = Http::on(raw.stream, &ground.host);
        let method = if bytes.starts_with(b"HEAD ") { "HEAD" } else { "GET" };
        let answer = http.answer(method).await;
        let status = answer.status;
        let rest = http.rest().await;
        if !rest.is_empty() {
            let rest = String::from_utf8_lossy(&rest);
            return Err(format!("{}: {status}, and then: {rest}", self.name));
        }
        let Must::StatusError(..) = self.must else { return Ok(Must::Status(status)) };
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let code = body["error"]["code"].as_i64();
        code.map(|code| Must::StatusError(status, code))
            .ok_or_else(|| format!("{}: {status} without a code: {}", self.name, answer.text()))
    }
}

/// What a panic said.
fn told(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("panicked")
}
