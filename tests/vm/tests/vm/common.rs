//! What these tests share beside `testkit` and `vm`.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Rpc, Setup, eventually};

/// Longest wait for something that takes a second or two: the guest's processor is an emulated one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A service that asks cameras for small pictures, as many as an emulated processor can encode.
pub(crate) fn setup() -> Setup {
    let setup = Setup::new().without_limits().set("camera.defaults.size", "320x180");
    setup.set("camera.defaults.fps", 10).set("camera.scan_interval", "1s")
}

/// Waits until exactly so many cameras are connected; gives the list of all.
pub(crate) async fn connected(rpc: &mut Rpc, count: u64) -> Vec<Value> {
    eventually(&format!("{count} cameras are connected"), PATIENCE, async || {
        let list = rpc.ok("get_camera_list", json!({})).await;
        let cameras = list["cameras"].as_array().cloned();
        cameras.filter(|_| list["connected"] == count)
    })
    .await
}
