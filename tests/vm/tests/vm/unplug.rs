//! A camera that is pulled while it is used: everything on it ends cleanly, everybody is told, and all goes on when it is back.

use serde_json::json;
use testkit::{Transport, Watch, ffmpeg, token::Role};
use vm::{
    UvcCamera,
    uvc::{Config, Faults},
};

use crate::common::{PATIENCE, connected, hears, setup};

pub(crate) async fn a_camera_pulled_in_use_ends_cleanly_and_goes_on_when_it_is_back() {
    let config = || Config::new("Desk Cam", "A1");
    let camera = UvcCamera::plug(0, config()).await;
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let device = json!({"device": connected(&mut rpc, 1).await[0]["device"]});
    let id = device["device"].as_str().unwrap();
    let address = service.rtsp().await;
    let watch = Watch::start(address, id, Transport::Tcp).await.unwrap();
    rpc.ok("subscribe_events", json!({"topics": ["camera.*", "recording.*"]})).await;
    let started = rpc.ok("start_recording", device.clone()).await;
    watch.reach(30, PATIENCE).await;

    drop(camera);
    let gone = hears(&mut rpc, "camera_status_update", "camera.disconnected").await;
    assert_eq!((&gone["device"], &gone["status"]), (&device["device"], &json!("DISCONNECTED")), "{gone}");
    service.ffmpegs_become(0, PATIENCE).await;
    for method in ["take_snapshot", "start_streaming", "start_recording"] {
        let refused = rpc.err(-32000, method, device.clone()).await;
        assert_eq!(refused.data["state"], "DISCONNECTED", "{method}: {refused:?}");
    }
    // The recording waits for its camera, and the file so far plays.
    let status = rpc.ok("get_camera_status", device.clone()).await;
    assert_eq!(status["status"], "DISCONNECTED", "{status}");
    assert_eq!(
        (&status["recording"]["active"], &status["recording"]["recording_id"]),
        (&json!(true), &started["recording_id"]),
        "{status}"
    );
    let before = ffmpeg::probe(service.recording(started["filename"].as_str().unwrap())).await;
    assert!(before.frames >= 20, "{before:?}");

    // It goes on by itself in a file of its own.
    let camera = UvcCamera::plug(0, config()).await;
    let here = hears(&mut rpc, "camera_status_update", "camera.connected").await;
    assert_eq!(here["device"], device["device"], "{here}");
    let segment = hears(&mut rpc, "recording_status_update", "recording.segment").await;
    assert_eq!(segment["recording_id"], started["recording_id"], "{segment}");
    assert_ne!(segment["filename"], started["filename"], "{segment}");
    connected(&mut rpc, 1).await;
    let again = Watch::start(address, id, Transport::Tcp).await.unwrap();
    again.reach(20, PATIENCE).await;
    let stopped = rpc.ok("stop_recording", device.clone()).await;
    assert_eq!(stopped["files"], json!([started["filename"], segment["filename"]]), "{stopped}");
    let after = ffmpeg::probe(service.recording(segment["filename"].as_str().unwrap())).await;
    assert!(after.frames >= 10, "{after:?}");
    drop((watch, again));
    service.ffmpegs_become(0, PATIENCE).await;

    // Pulled while nobody uses it: known, and not in use.
    drop(camera);
    hears(&mut rpc, "camera_status_update", "camera.disconnected").await;
    let status = rpc.ok("get_camera_status", device).await;
    assert_eq!((&status["status"], &status["recording"]["active"]), (&json!("DISCONNECTED"), &json!(false)));
}

pub(crate) async fn who_waits_for_a_camera_that_is_pulled_is_told_so() {
    let camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1")).await;
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let device = json!({"device": connected(&mut rpc, 1).await[0]["device"]});
    // It opens, and sends nothing.
    camera.inject(Faults { freeze: true, ..Faults::default() });
    let calls = ["start_streaming", "start_recording", "take_snapshot"].map(|method| {
        let (service, device) = (&service, device.clone());
        async move { service.rpc(Role::Operator).await.err(-32000, method, device).await }
    });
    let [streaming, recording, snapshot] = calls;
    let pulled = async {
        service.ffmpegs_become(1, PATIENCE).await;
        drop(camera);
    };
    let (streaming, recording, snapshot, ()) = tokio::join!(streaming, recording, snapshot, pulled);
    for refused in [streaming, recording, snapshot] {
        assert_eq!(refused.data["state"], "DISCONNECTED", "{refused:?}");
    }
    service.ffmpegs_become(0, PATIENCE).await;
}
