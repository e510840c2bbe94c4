//! What vivid can be told to do wrong: each time who uses it is told the truth, and all goes on when it is over.

use serde_json::{Value, json};
use testkit::{Rpc, Service, Transport, Watch, eventually, token::Role};
use vm::Vivid;

use crate::common::{PATIENCE, connected, hears, setup, told};

/// Pictures that prove that a stream goes on.
const SOME: usize = 15;

/// A service with one vivid camera, a client that hears of cameras, and the camera's id.
async fn rig() -> (Vivid, Service, Rpc, Value) {
    let vivid = Vivid::load(1);
    let service = setup().set("stream.viewing.start_timeout", "8s").start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let device = json!({"device": connected(&mut rpc, 1).await[0]["device"]});
    rpc.ok("subscribe_events", json!({"topics": ["camera.*"]})).await;
    (vivid, service, rpc, device)
}

async fn watch(service: &Service, device: &Value) -> Watch {
    let id = device["device"].as_str().unwrap();
    let watch = Watch::start(service.rtsp().await, id, Transport::Tcp).await.unwrap();
    watch.reach(SOME, PATIENCE).await;
    watch
}

/// Waits until the camera's status holds what is looked for.
async fn status(rpc: &mut Rpc, device: &Value, what: &str, good: impl Fn(&Value) -> bool) -> Value {
    eventually(what, PATIENCE, async || {
        let status = rpc.ok("get_camera_status", device.clone()).await;
        good(&status).then_some(status)
    })
    .await
}

pub(crate) async fn a_start_that_fails_once_is_tried_again_and_nobody_hears_of_it() {
    let (vivid, service, mut rpc, device) = rig().await;
    for control in ["inject_vidioc_streamon_error", "inject_vidioc_reqbufs_error", "inject_vidioc_qbuf_error"]
    {
        vivid.set(0, control, 0);
        rpc.ok("start_streaming", device.clone()).await;
        rpc.ok("stop_streaming", device.clone()).await;
        service.ffmpegs_become(0, PATIENCE).await;
    }
    let status = rpc.ok("get_camera_status", device).await;
    assert_eq!((&status["status"], status.get("error")), (&json!("CONNECTED"), None), "{status}");
}

pub(crate) async fn half_the_frames_are_told_and_none_is_an_error_while_it_lasts() {
    let (vivid, service, mut rpc, device) = rig().await;
    let watch = watch(&service, &device).await;
    let good =
        status(&mut rpc, &device, "the rate is measured", |s| s["stream"]["measured_fps"].is_number()).await;
    let stream = &good["stream"];
    assert_eq!(stream["wished"], json!({"resolution": "320x180", "fps": 10}), "{good}");
    assert_eq!(stream["chosen"], json!({"format": "NV12", "resolution": "320x180", "fps": 10}), "{good}");
    assert!(stream["last_frame_age_ms"].as_u64().unwrap() < 2000, "{good}");
    // Dim light halves the rate of many cameras; this one is told to.
    vivid.set(0, "percentage_of_dropped_buffers", 60);
    let dim = status(&mut rpc, &device, "the missing frames are told", |s| s["notice"].is_string()).await;
    assert!(dim["notice"].as_str().unwrap().contains("of 10 frames a second"), "{dim}");
    assert_eq!(dim["status"], "CONNECTED", "{dim}");
    vivid.set(0, "percentage_of_dropped_buffers", 0);
    status(&mut rpc, &device, "all frames are back", |s| s.get("notice").is_none()).await;
    vivid.set(0, "percentage_of_dropped_buffers", 100);
    assert_eq!(told(&mut rpc, "camera.status_change").await["status"], "ERROR");
    let frozen = rpc.ok("get_camera_status", device.clone()).await;
    assert!(frozen["error"].as_str().unwrap().contains("no pictures come"), "{frozen}");
    vivid.set(0, "percentage_of_dropped_buffers", 0);
    let seen = watch.count();
    watch.reach(seen + SOME, PATIENCE).await;
    assert_eq!(told(&mut rpc, "camera.status_change").await["status"], "CONNECTED");
    drop(watch);
    service.ffmpegs_become(0, PATIENCE).await;
}

pub(crate) async fn an_input_without_a_signal_is_named() {
    let (vivid, service, mut rpc, device) = rig().await;
    vivid.choose_input(0, 3);
    vivid.set(0, "dv_timings_signal_mode", 1);
    // Without a signal vivid makes up a picture, unlike hardware.
    vivid.set(0, "percentage_of_dropped_buffers", 100);
    let refused = rpc.err(-32050, "start_streaming", device.clone()).await;
    assert_eq!(refused.data["retryable"], true, "{refused:?}");
    // The next attempt looks closer.
    let refused = rpc.err(-32050, "start_streaming", device.clone()).await;
    assert_eq!(refused.data["reason"], "no signal: nothing comes from its input HDMI 0", "{refused:?}");
    let dead = rpc.ok("get_camera_status", device.clone()).await;
    assert_eq!((&dead["status"], &dead["error"]), (&json!("ERROR"), &refused.data["reason"]), "{dead}");
    vivid.set(0, "percentage_of_dropped_buffers", 0);
    vivid.set(0, "dv_timings_signal_mode", 0);
    vivid.choose_input(0, 0);
    rpc.ok("start_streaming", device.clone()).await;
    status(&mut rpc, &device, "all is well", |s| s["status"] == "CONNECTED").await;
    service.ffmpegs_become(1, PATIENCE).await;
}

pub(crate) async fn a_driver_that_lets_go_and_a_device_that_is_unbound_do_not_end_a_viewing() {
    let (vivid, service, mut rpc, device) = rig().await;
    let watch = watch(&service, &device).await;
    // Its node stays, and gives errors until whoever has it open lets go.
    let before = service.ffmpegs();
    vivid.set(0, "disconnect", 0);
    eventually("the source is ended", PATIENCE, async || (service.ffmpegs() != before).then_some(())).await;
    let seen = watch.count();
    watch.reach(seen + SOME, PATIENCE).await;
    drop(watch);
    service.ffmpegs_become(0, PATIENCE).await;
    // While it is only watched by who hears of cameras, and while it is in use.
    for used in [false, true] {
        let watching = if used { Some(self::watch(&service, &device).await) } else { None };
        vivid.unbind();
        hears(&mut rpc, "camera_status_update", "camera.disconnected").await;
        vivid.bind();
        let here = hears(&mut rpc, "camera_status_update", "camera.connected").await;
        assert_eq!((&here["device"], &here["status"]), (&device["device"], &json!("CONNECTED")), "{used}");
        drop(watching);
        rpc.ok("take_snapshot", device.clone()).await;
        service.ffmpegs_become(0, PATIENCE).await;
    }
}
