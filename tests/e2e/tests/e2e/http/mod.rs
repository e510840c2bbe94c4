//! What is served by HTTP beside the WebSocket: files, calls, pictures, health; behind proxies and by TLS.

mod calls;
mod downloads;
mod pictures;
mod proxies;
mod slow;
mod tls;

use serde_json::{Value, json};
use testkit::{Rpc, Service, token::Role};

/// `Authorization` for a new token.
async fn bearer(service: &Service, role: Role) -> String {
    format!("Bearer {}", service.token(role).await)
}

/// A short recording of `device`: its name.
async fn recorded(rpc: &mut Rpc, device: &str) -> String {
    rpc.ok("start_recording", json!({"device": device})).await;
    let stopped = rpc.ok("stop_recording", json!({"device": device})).await;
    text(&stopped["filename"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

fn request(id: u32, method: &str, params: Value) -> Value {
    let mut request = json!({"jsonrpc": "2.0", "id": id, "method": method});
    if !params.is_null() {
        request["params"] = params;
    }
    request
}
