//! Pictures straight from a camera, without a stream, and cameras that somebody else has.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use testkit::{Rpc, Service, eventually, ffmpeg, token::Role};
use vm::{
    UvcCamera, Vivid, nodes,
    uvc::{Config, Faults, Format},
};

use crate::common::{PATIENCE, connected, setup};

/// What is promised of a camera that sends JPEGs, in milliseconds from the call to the file.
const LIMIT_MS: u64 = 1000;

/// The only camera that is connected, once it is.
async fn device(rpc: &mut Rpc) -> Value {
    let cameras = connected(rpc, 1).await;
    let here = cameras.iter().find(|camera| camera["status"] == "CONNECTED").unwrap();
    json!({"device": here["device"]})
}

/// `device` and more.
fn with(device: &Value, more: &Value) -> Value {
    let mut all = device.clone();
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    all
}

/// Is it a picture of the film, of this width?
async fn shows_the_film(service: &Service, taken: &Value, width: u64) {
    let what = (&taken["tier"], &taken["width"]);
    assert_eq!(what, (&json!(3), &json!(width)), "{taken}");
    let picture = ffmpeg::picture(&service.snapshot(taken["filename"].as_str().unwrap())).await;
    assert_eq!(picture.width as u64, width);
    let greys: std::collections::BTreeSet<u8> =
        (0..picture.width).map(|x| picture.gray(x, picture.height / 6)).collect();
    assert!(greys.len() > 16, "a test picture has many colours: {greys:?}");
}

/// There is no ffmpeg where the service looks for it.
fn without_ffmpeg() -> testkit::Setup {
    setup().environment("PATH", "/nonexistent").set("snapshot.tier3_timeout", "4s")
}

pub(crate) async fn an_mjpeg_camera_is_photographed_without_a_stream_within_a_second() {
    let camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1").only(&[Format::Mjpeg])).await;
    let service = without_ffmpeg().start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let device = device(&mut rpc).await;
    let mut latencies = Vec::new();
    for round in 0..3 {
        let taken = rpc.ok("take_snapshot", device.clone()).await;
        latencies.push(taken["latency_ms"].as_u64().unwrap());
        if round == 0 {
            shows_the_film(&service, &taken, 320).await;
        }
    }
    assert!(latencies.iter().all(|latency| *latency <= LIMIT_MS), "{latencies:?}");
    // Listed like every other, with the camera it is of: the mark is in the camera's own JPEG.
    let listed = rpc.ok("list_snapshots", json!({"device": device["device"]})).await;
    assert_eq!(listed["total"], 3, "{listed}");
    // What the camera did not code is coded here.
    for more in [json!({"format": "png"}), json!({"quality": 30}), json!({"width": 160})] {
        let taken = rpc.ok("take_snapshot", with(&device, &more)).await;
        shows_the_film(&service, &taken, more["width"].as_u64().unwrap_or(320)).await;
    }
    // One that is cut off is no picture: it is waited for a whole one, and not for ever.
    for faults in
        [Faults { truncate: true, ..Faults::default() }, Faults { freeze: true, ..Faults::default() }]
    {
        camera.inject(faults);
        rpc.err(-32050, "take_snapshot", device.clone()).await;
        camera.inject(Faults::default());
        assert_eq!(rpc.ok("take_snapshot", device.clone()).await["tier"], 3);
    }
}

pub(crate) async fn raw_pictures_are_coded_here_and_h264_needs_a_stream() {
    let camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1").only(&[Format::Yuyv])).await;
    let service = without_ffmpeg().start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let raw = device(&mut rpc).await;
    let taken = rpc.ok("take_snapshot", raw).await;
    shows_the_film(&service, &taken, 320).await;
    drop(camera);
    connected(&mut rpc, 0).await;
    let _camera = UvcCamera::plug(0, Config::new("Hall Cam", "B1").only(&[Format::H264])).await;
    let coded = device(&mut rpc).await;
    let refused = rpc.err(-32050, "take_snapshot", coded).await;
    assert!(refused.data["reason"].as_str().unwrap().contains("ffmpeg is not installed"), "{refused:?}");
}

pub(crate) async fn nobody_starts_a_stream_for_a_picture_while_mediamtx_is_down() {
    let _camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1").only(&[Format::Mjpeg])).await;
    let service = setup()
        .set("media.backend", "mediamtx")
        .set("mediamtx.api_url", "http://127.0.0.1:9")
        .set("mediamtx.feed", "127.0.0.1:0")
        .start()
        .await;
    let mut rpc = service.rpc(Role::Operator).await;
    let device = device(&mut rpc).await;
    eventually("MediaMTX is known to be down", PATIENCE, async || {
        let status = rpc.ok("get_status", json!({})).await;
        (status["components"]["media_server"] == "ERROR").then_some(())
    })
    .await;
    let taken = rpc.ok("take_snapshot", device.clone()).await;
    shows_the_film(&service, &taken, 320).await;
    assert!(service.ffmpegs().is_empty());
    // A stream that runs anyway is there for it.
    rpc.ok("start_recording", device.clone()).await;
    assert_eq!(rpc.ok("take_snapshot", device.clone()).await["tier"], 1);
    rpc.ok("stop_recording", device).await;
}

/// A stranger's program that takes pictures from a node. Dropped, it is ended.
struct Stranger(Child);

impl Stranger {
    async fn takes(name: &str) -> Self {
        let node =
            eventually("it has a node", PATIENCE, async || nodes::numbers(name).first().copied()).await;
        let arguments = ["--stream-mmap", "--stream-count=0", "--device", &node.to_string()];
        let child =
            Command::new("v4l2-ctl").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(child.unwrap())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

pub(crate) async fn who_holds_a_camera_is_told_and_it_works_when_they_let_go() {
    let camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1").only(&[Format::Mjpeg])).await;
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let device = device(&mut rpc).await;
    let stranger = Stranger::takes("Desk Cam").await;
    let sent = async || (camera.sent() > 2).then_some(());
    eventually("somebody else takes its pictures", PATIENCE, sent).await;
    for method in ["start_streaming", "take_snapshot", "start_recording"] {
        let refused = rpc.err(-32003, method, device.clone()).await;
        assert_eq!(refused.data["device"], device["device"]);
        let holder = format!("v4l2-ctl (process {})", stranger.0.id());
        assert_eq!(refused.data["holder"], json!(holder), "{refused:?}");
        let reason = refused.data["reason"].as_str().unwrap();
        assert!(reason.contains("busy: v4l2-ctl"), "{reason}");
    }
    let status = rpc.ok("get_camera_status", device.clone()).await;
    assert_eq!(status["status"], "ERROR", "{status}");
    assert!(status["error"].as_str().unwrap().starts_with("busy: v4l2-ctl"), "{status}");
    drop(stranger);
    rpc.ok("take_snapshot", device.clone()).await;
    let status = rpc.ok("get_camera_status", device).await;
    assert_eq!((&status["status"], status.get("error")), (&json!("CONNECTED"), None), "{status}");
    service.ffmpegs_become(0, PATIENCE).await;
}

pub(crate) async fn vivid_is_photographed_without_a_stream_too() {
    let _vivid = Vivid::load(1);
    let service = without_ffmpeg().start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let device = device(&mut rpc).await;
    let taken = rpc.ok("take_snapshot", device).await;
    let picture = ffmpeg::picture(&service.snapshot(taken["filename"].as_str().unwrap())).await;
    assert_eq!((&taken["tier"], picture.width), (&json!(3), 320), "{taken}");
}
