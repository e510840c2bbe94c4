//! Camera sources that come, change and go with the configuration file, while others are recorded and
//! watched.

use e2e::PATIENCE;
use serde_json::{Value, json};
use testkit::{Rpc, Setup, eventually, token::Role};

use crate::status::{configure, told};

/// Waits until a camera of this name is listed, or none is; gives it.
async fn listed(rpc: &mut Rpc, name: &str, there: bool) -> Value {
    eventually(&format!("{name} is listed: {there}"), PATIENCE, async || {
        let list = rpc.ok("get_camera_list", Value::Null).await;
        let camera = list["cameras"].as_array().into_iter().flatten().find(|camera| camera["name"] == name);
        (camera.is_some() == there).then(|| camera.cloned().unwrap_or_default())
    })
    .await
}

#[tokio::test]
async fn sources_come_change_and_go_and_no_recording_is_dropped() {
    let setup = Setup::new().test_camera("A", "320x180@15").test_camera("B", "320x180@15");
    let setup = setup.set("camera.scan_interval", "1s").set("stream.snapshot.close_after", "1s");
    let mut service = setup.start().await;
    let (a, b) = (service.device("A").await, service.device("B").await);
    let mut rpc = service.rpc(Role::Admin).await;
    let mut events = service.rpc(Role::Viewer).await;
    events.ok("subscribe_events", json!({"topics": ["camera.*"]})).await;
    let recorded_a = rpc.ok("start_recording", json!({"device": a})).await;
    let recorded_b = rpc.ok("start_recording", json!({"device": b})).await;

    // One more, one less, and one that sends another picture.
    configure(&service, |config| {
        let sources = json!([{"name": "C", "test": "320x180@5"}, {"name": "A", "test": "640x360@15"}]);
        config["camera"]["sources"] = sources;
        config["camera"]["names"] = json!({"camera9": "Nobody"});
    });
    told(&service, "camera.sources[0].name", "applied", 1).await;
    told(&service, "camera.names.camera9", "applied", 1).await;
    let c = listed(&mut rpc, "C", true).await["device"].clone();
    assert!(c != a && c != b, "its number is its own: {c}");
    let news = events.notification("camera_status_update").await["params"].clone();
    assert_eq!((&news["topic"], &news["device"]), (&json!("camera.connected"), &c), "{news}");
    rpc.ok("take_snapshot", json!({"device": c})).await;

    // What is recorded stays until that ends, then goes.
    let stopped = rpc.ok("stop_recording", json!({"device": b})).await;
    assert_eq!(stopped["recording_id"], recorded_b["recording_id"]);
    listed(&mut rpc, "B", false).await;
    let gone = rpc.err(-32000, "get_camera_status", json!({"device": b})).await;
    assert!(!gone.data["available_devices"].to_string().contains(&b), "{gone:?}");
    let news = events.notification("camera_status_update").await["params"].clone();
    let heard = (&news["topic"], &news["device"], &news["status"]);
    assert_eq!(heard, (&json!("camera.disconnected"), &json!(b), &json!("DISCONNECTED")), "{news}");
    let file = recorded_b["filename"].as_str().unwrap();
    assert_eq!(e2e::finished(&mut rpc, file).await["status"], "COMPLETE");

    // The other recording has gone on with the new picture.
    eventually("the recording has another file", PATIENCE, async || {
        let status = rpc.ok("get_camera_status", json!({"device": a})).await;
        (status["recording"]["filename"] != recorded_a["filename"]).then_some(())
    })
    .await;
    let stopped = rpc.ok("stop_recording", json!({"device": a})).await;
    assert_eq!(stopped["recording_id"], recorded_a["recording_id"]);
    assert_eq!(stopped["segments"], 2, "{stopped}");

    // Nothing is left of it, and it comes back as what it was.
    service.ffmpegs_become(0, PATIENCE).await;
    configure(&service, |config| config["camera"]["sources"] = json!([{"name": "B", "test": "320x180@15"}]));
    assert_eq!(listed(&mut rpc, "B", true).await["device"], b);
    listed(&mut rpc, "A", false).await;
    listed(&mut rpc, "C", false).await;
    rpc.ok("take_snapshot", json!({"device": b})).await;
}

#[tokio::test]
async fn who_watches_or_keeps_ready_what_goes_is_let_go() {
    let mut service = Setup::new().test_camera("A", "320x180@15").start().await;
    let a = service.device("A").await;
    let mut rpc = service.rpc(Role::Operator).await;
    rpc.ok("start_streaming", json!({"device": a})).await;
    configure(&service, |config| config["camera"]["sources"] = json!([]));
    listed(&mut rpc, "A", false).await;
    service.ffmpegs_become(0, PATIENCE).await;
    rpc.err(-32000, "stop_streaming", json!({"device": a})).await;
    configure(&service, |config| config["camera"]["sources"] = json!([{"name": "A", "test": "320x180@15"}]));
    listed(&mut rpc, "A", true).await;
    rpc.err(-32020, "stop_streaming", json!({"device": a})).await;
    rpc.ok("start_streaming", json!({"device": a})).await;
    service.ffmpegs_become(1, PATIENCE).await;
}
