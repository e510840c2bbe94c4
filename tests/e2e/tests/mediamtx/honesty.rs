//! Is the double in `testkit` still like the real one? Its recorded answers are held against what this one says.

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::{
    MediaMtx,
    mediamtx_double::{Generation, recorded},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The answer to a GET with no credential.
async fn get(mediamtx: &MediaMtx, path: &str) -> (String, Value) {
    let mut stream = TcpStream::connect(mediamtx.api()).await.expect("it listens");
    // Of 1.0, so that the body comes in one piece.
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers with text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("it speaks HTTP");
    let status = head.split(' ').nth(1).expect("there is a status").to_owned();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

fn members(value: &Value) -> BTreeSet<String> {
    value.as_object().into_iter().flat_map(|object| object.keys().cloned()).collect()
}

#[tokio::test]
async fn recorded_answers_are_those_of_the_real_one() {
    let Some(mut mediamtx) = MediaMtx::prepare() else { return };
    // Without a service there are no tokens: this one asks for none.
    mediamtx.start_open();
    mediamtx.answers().await;
    let (status, info) = get(&mediamtx, "/v3/info").await;
    let generation = match info["version"].as_str() {
        Some("v1.20.1") => Generation::New,
        None if status == "404" => Generation::Old,
        other => return println!("SKIPPED: no answers of {other:?} are recorded"),
    };
    let recorded = recorded(generation);
    for name in ["global", "defaults", "no_paths", "sessions"] {
        let path = recorded[name]["request"].as_str().expect("each has its request");
        let (status, body) = get(&mediamtx, path.strip_prefix("GET ").expect("it was a GET")).await;
        assert_eq!(status, recorded[name]["status"].to_string(), "{path}");
        assert_eq!(members(&body), members(&recorded[name]["body"]), "{path}");
    }
}
