//! What an operator must hear of within two seconds: a disk that fills, a clock that is set, a video program that dies.
//! And that it is over.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use testkit::{Rpc, Transport, Watch, token::Role};
use vm::{UvcCamera, uvc::Config, vivid::run};

use crate::common::{Disk, PATIENCE, connected, setup};

/// From the cause to the event.
const LIMIT: Duration = Duration::from_secs(2);

/// Waits for a change of health that is as `good` says; how long that took, and what was told.
async fn hears(rpc: &mut Rpc, good: impl Fn(&Value) -> bool) -> (Duration, Value) {
    let began = Instant::now();
    loop {
        let told = rpc.notification("system_health_update").await["params"].clone();
        if told["topic"] == "system.health" && good(&told) {
            return (began.elapsed(), told);
        }
    }
}

fn is_healthy(told: &Value) -> bool {
    told["status"] == "HEALTHY"
}

pub(crate) async fn a_disk_that_fills_is_told_and_that_it_has_room_again() {
    let disk = Disk::of_megabytes(64);
    let folder = disk.path().join("recordings");
    let service = setup()
        .set("storage.recordings_dir", folder.to_str().unwrap())
        .set("recording.min_free_space", "1MiB")
        .start()
        .await;
    let mut rpc = service.rpc(Role::Viewer).await;
    rpc.ok("subscribe_events", json!({"topics": ["system.*"]})).await;
    let big = disk.path().join("big");
    fs::write(&big, vec![0; 62 << 20]).unwrap();
    let (took, told) = hears(&mut rpc, |told| told["status"] == "UNHEALTHY").await;
    assert!(took <= LIMIT, "{took:?}");
    assert_eq!(told["components"]["storage"], "ERROR", "{told}");
    let detail = &told["details"][0];
    assert_eq!((&detail["component"], &detail["status"]), (&json!("storage"), &json!("UNHEALTHY")), "{told}");
    assert!(detail["since"].is_string() && told["reasons"][0] == detail["reason"], "{told}");
    fs::remove_file(&big).unwrap();
    let (_, told) = hears(&mut rpc, is_healthy).await;
    assert_eq!(told["components"]["storage"], "RUNNING", "{told}");
}

pub(crate) async fn a_clock_that_is_set_is_told_and_that_it_is_back() {
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    rpc.ok("subscribe_events", json!({"topics": ["system.health"]})).await;
    run("date", &["--set", "+2 hours"]);
    let (took, told) = hears(&mut rpc, |told| told["status"] == "DEGRADED").await;
    run("date", &["--set", "-2 hours"]);
    assert!(took <= LIMIT, "{took:?}");
    assert_eq!(told["details"][0]["component"], "clock", "{told}");
    hears(&mut rpc, is_healthy).await;
}

pub(crate) async fn a_video_program_that_is_killed_is_told_and_that_it_is_back() {
    let _camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1")).await;
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    let device = connected(&mut rpc, 1).await[0]["device"].clone();
    rpc.ok("subscribe_events", json!({"topics": ["system.health"]})).await;
    let watch = Watch::start(service.rtsp().await, device.as_str().unwrap(), Transport::Tcp).await.unwrap();
    watch.reach(10, PATIENCE).await;
    let [ffmpeg] = service.ffmpegs()[..] else { panic!("not one ffmpeg") };
    ffmpeg.kill9();
    let (took, told) = hears(&mut rpc, |told| told["status"] == "DEGRADED").await;
    assert!(took <= LIMIT, "{took:?}");
    assert!(told["reasons"][0].as_str().unwrap().contains("started anew"), "{told}");
    let (_, told) = hears(&mut rpc, is_healthy).await;
    assert_eq!(told["reasons"], json!([]));
    let seen = watch.count();
    watch.reach(seen + 10, PATIENCE).await;
}
