//! What these tests share beside `testkit` and `vm`.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use testkit::{Rpc, Setup, eventually};
use vm::vivid::run;

/// Longest wait for something that takes a second or two: the guest's processor is an emulated one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A service that asks cameras for small pictures, as many as an emulated processor can encode, gives them the time such a one
/// needs to start ffmpeg (2 to 3 s), and lets go of them at once.
pub(crate) fn setup() -> Setup {
    let mut setup = Setup::new().without_limits().set("camera.defaults.size", "320x180");
    for purpose in ["viewing", "recording", "snapshot"] {
        setup = setup.set(&format!("stream.{purpose}.start_timeout"), "15s");
    }
    for purpose in ["viewing", "snapshot"] {
        setup = setup.set(&format!("stream.{purpose}.close_after"), "1s");
    }
    setup = setup.set("snapshot.tier1_timeout", "5s").set("snapshot.tier2_timeout", "15s");
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

/// The id of the only listed camera of that name.
///
/// # Panics
/// If there is none, or another one.
pub(crate) fn camera_named<'a>(cameras: &'a [Value], name: &str) -> &'a Value {
    let named: Vec<&Value> = cameras.iter().filter(|camera| camera["name"] == name).collect();
    assert_eq!(named.len(), 1, "cameras called {name}: {cameras:?}");
    &named[0]["device"]
}

/// The next event about a camera, which must be of this topic; what it says.
///
/// # Panics
/// If it is another one, or none comes.
pub(crate) async fn told(rpc: &mut Rpc, topic: &str) -> Value {
    let told = rpc.notification("camera_status_update").await["params"].clone();
    assert_eq!(told["topic"], topic, "{told}");
    told
}

/// Waits for the event of this topic; others of its method may come before it.
pub(crate) async fn hears(rpc: &mut Rpc, method: &str, topic: &str) -> Value {
    loop {
        let told = rpc.notification(method).await["params"].clone();
        if told["topic"] == topic {
            return told;
        }
    }
}

/// A file system of its own in memory. Dropped, it is gone.
pub(crate) struct Disk(tempfile::TempDir);

impl Disk {
    pub(crate) fn of_megabytes(size: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        run("mount", &["-t", "tmpfs", "-o", &format!("size={size}m"), "tmpfs", &path]);
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the service may still have it open.
        run("umount", &["--lazy", self.0.path().to_str().unwrap()]);
    }
}
