//! Forged, foreign, replayed and expired credentials, shown in every way there is.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Attack, Ground, Must, UPGRADE, Who, paths::call};
use crate::{
    hs256,
    token::{self, Role},
};

/// What may be shown and must be refused, by what is wrong with it.
pub(super) fn wrong(ground: &Ground<'_>) -> Vec<(&'static str, String)> {
    let mut all = token::bad();
    all.retain(|(what, _)| *what != "nothing");
    all.extend(confused());
    all.push(("replayed after it was revoked", ground.revoked.clone()));
    all.push(("expired", token::ended(Role::Admin, Duration::from_secs(3600))));
    all
}

/// Keys taken for other keys: what is public, empty, or named by the token itself must not be one.
fn confused() -> Vec<(&'static str, String)> {
    let claims = token::claims(Role::Admin);
    let head = |members: Value| {
        let mut head = json!({"alg": "HS256", "typ": "JWT"});
        for (name, value) in members.as_object().into_iter().flatten() {
            head[name] = value.clone();
        }
        head
    };
    let own_key = json!({"kty": "oct", "k": "bWluZQ", "alg": "HS256"});
    vec![
        ("signed with nothing", hs256::sign(&head(json!({})), &claims, b"")),
        // What GET /.well-known/jwks.json tells everybody.
        (
            "signed with the public document of keys",
            hs256::sign(&head(json!({})), &claims, br#"{"keys":[]}"#),
        ),
        ("its own key in its head", hs256::sign(&head(json!({"jwk": own_key})), &claims, b"mine")),
        (
            "a key's file named in its head",
            hs256::sign(&head(json!({"kid": "../../dev/null"})), &claims, b""),
        ),
        (
            "a key's address in its head",
            hs256::sign(&head(json!({"jku": "http://evil.example"})), &claims, b"x"),
        ),
        ("alg nOnE", format!("{}.{}.", hs256::part(&json!({"alg": "nOnE"})), hs256::part(&claims))),
        ("a critical member nobody knows", hs256::sign(&head(json!({"crit": ["exp"]})), &claims, b"x")),
        ("what begins as an API key", "csk_0123456789abcdef_0123456789abcdef".into()),
    ]
}

pub(super) fn table(ground: &Ground<'_>) -> Vec<Attack> {
    let mut rows = Vec::new();
    for (what, bad) in wrong(ground) {
        let shown = json!({"auth_token": bad}).to_string();
        let row = |way: &str| format!("{what}, {way}");
        let refused = Must::Error(-32001);
        rows.push(Attack::text(Who::Stranger, row("to authenticate"), call("authenticate", &shown), refused));
        // A good session is no excuse.
        rows.push(Attack::text(Who::Operator, row("beside a call"), call("ping", &shown), refused));
        let json = "Content-Type: application/json\r\n";
        let body = call("ping", &shown);
        rows.push(Attack::bytes(
            row("in a body"),
            ground.request("POST /rpc", json, &body),
            Must::StatusError(401, -32001),
        ));
        let bearer = format!("Authorization: Bearer {bad}\r\n");
        for (line, headers) in [
            ("POST /rpc", format!("{bearer}{json}")),
            ("GET /files/recordings/a.mp4", bearer.clone()),
            ("GET /health", format!("X-API-Key: {bad}\r\n")),
            ("GET /metrics", bearer.clone()),
            ("GET /ws", format!("{bearer}{UPGRADE}")),
        ] {
            let body = if line == "POST /rpc" { call("ping", "{}") } else { String::new() };
            let request = ground.request(line, &headers, &body);
            rows.push(Attack::bytes(row(line), request, Must::StatusError(401, -32001)));
        }
    }
    rows
}
