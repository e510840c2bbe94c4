//! What the end-to-end tests share beside `testkit`. The tests themselves lie in `tests/e2e/`.

pub mod suite;

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Rpc, eventually};

/// Longest wait for something that takes a second or two: the machine may be busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The listed file of this name.
///
/// # Panics
/// If it is not listed.
pub async fn listed(rpc: &mut Rpc, filename: &str) -> Value {
    let list = rpc.ok("list_recordings", json!({"limit": 1000})).await;
    let files = list["files"].as_array().into_iter().flatten();
    let found = files.clone().find(|file| file["filename"] == filename).cloned();
    found.unwrap_or_else(|| panic!("{filename} is not in {list}"))
}

/// Waits until a recording's file is no longer being written; gives its entry.
pub async fn finished(rpc: &mut Rpc, filename: &str) -> Value {
    eventually(&format!("{filename} is finished"), PATIENCE, async || {
        Some(listed(rpc, filename).await).filter(|file| file["status"] != "RECORDING")
    })
    .await
}

/// The stream of a camera.
///
/// # Panics
/// If it is not listed.
pub async fn stream(rpc: &mut Rpc, device: &str) -> Value {
    let streams = rpc.ok("get_streams", Value::Null).await;
    let found = streams.as_array().into_iter().flatten().find(|stream| stream["name"] == device).cloned();
    found.unwrap_or_else(|| panic!("no stream {device} in {streams}"))
}

/// Waits until so many viewers watch a camera.
pub async fn readers_become(rpc: &mut Rpc, device: &str, count: u64) {
    eventually(&format!("{count} viewers of {device}"), PATIENCE, async || {
        (stream(rpc, device).await["readers"] == count).then_some(())
    })
    .await;
}
