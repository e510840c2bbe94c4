//! Ends: killed without warning, stopped politely, started twice.

use std::time::Duration;

use e2e::{PATIENCE, listed};
use serde_json::json;
use testkit::{
    Pid, Setup, Transport, Watch, eventually, ffmpeg,
    h264::{Picture, slices},
    rtsp::Frame,
    service::{command, command_output},
    token::Role,
};

/// One second and a picture at 15 a second, in units of 1/90,000 s.
const MOST_LOST_90K: u32 = 90_000 + 6_000;

#[tokio::test]
async fn kill_9_in_the_middle_of_three_recordings_loses_a_second_at_most() {
    const NAMES: [&str; 3] = ["A", "B", "C"];
    let mut setup = Setup::new();
    for name in NAMES {
        setup = setup.test_camera(name, "320x180@15");
    }
    let mut service = setup.start().await;
    let address = service.rtsp().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let mut recordings = Vec::new();
    for name in NAMES {
        let device = service.device(name).await;
        let watch = Watch::start(address, &device, Transport::Tcp).await.unwrap();
        let started = rpc.ok("start_recording", json!({"device": device})).await;
        recordings.push((device, watch, started["filename"].as_str().unwrap().to_owned()));
    }
    // Not at a boundary of anything: 2.4 seconds after the last one has begun.
    let last = &recordings[2].1;
    last.reach(last.count() + 36, PATIENCE).await;
    let programs = service.ffmpegs();
    assert_eq!(programs.len(), 3);
    service.kill9();
    none_is_left(&programs).await;

    let mut lengths = Vec::new();
    for (_, watch, name) in recordings {
        let (_, watched, _) = watch.stop().await;
        let file = service.recording(&name);
        let probe = ffmpeg::probe(&file).await;
        assert!(probe.frames >= 15, "as it lies there: {probe:?}");
        let lost_90k = lost_90k(&watched, &ffmpeg::coded(&file).await);
        assert!(lost_90k <= MOST_LOST_90K, "{name}: {:.3} s lost", f64::from(lost_90k) / 90_000.0);
        lengths.push((name, probe.frames));
    }

    service.restart().await;
    let mut rpc = service.rpc(Role::Operator).await;
    assert_eq!(rpc.ok("list_recordings", json!({})).await["total"], 3);
    for (name, frames) in &lengths {
        let entry = listed(&mut rpc, name).await;
        assert_eq!(entry["status"], "RECOVERED", "{entry}");
        assert_eq!(entry["file_size"], std::fs::metadata(service.recording(name)).unwrap().len());
        let probe = ffmpeg::probe(service.recording(name)).await;
        assert_eq!(probe.frames, *frames, "adopting a file keeps its pictures");
        assert!((entry["duration"].as_f64().unwrap() - probe.duration_s).abs() < 0.1, "{entry} {probe:?}");
    }
    // And it works as before.
    let device = service.device("A").await;
    rpc.ok("start_recording", json!({"device": device})).await;
    rpc.ok("stop_recording", json!({"device": device})).await;
    assert_eq!(rpc.ok("list_recordings", json!({})).await["total"], 4);
}

/// How much of what viewers got is missing at the end of the file.
fn lost_90k(watched: &[Frame], recorded: &[Picture]) -> u32 {
    let last = slices(recorded.last().expect("the file holds pictures"));
    let newest = watched.last().expect("the first picture came before the watch began");
    let end = watched.iter().rev().find(|frame| slices(&frame.nals) == last);
    let end = end.expect("the file ends with a picture that was sent to viewers");
    newest.timestamp.wrapping_sub(end.timestamp)
}

#[tokio::test]
async fn sigterm_finishes_recordings_and_leaves_nothing_behind() {
    let setup = Setup::new().test_camera("A", "320x180@15").test_camera("B", "320x180@15");
    let mut service = setup.start().await;
    let address = service.rtsp().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let mut names = Vec::new();
    for name in ["A", "B"] {
        let device = service.device(name).await;
        let started = rpc.ok("start_recording", json!({"device": device})).await;
        names.push(started["filename"].as_str().unwrap().to_owned());
    }
    let device = service.device("B").await;
    let watch = Watch::start(address, &device, Transport::Tcp).await.unwrap();
    watch.reach(watch.count() + 20, PATIENCE).await;
    let programs = service.ffmpegs();
    assert_eq!(programs.len(), 2);

    let (status, closed) = tokio::join!(service.terminate(Duration::from_secs(10)), rpc.closed());
    assert_eq!(status.code(), Some(0), "{status}");
    assert_eq!(closed, 1001, "going away (RFC 6455 section 7.4.1)");
    none_is_left(&programs).await;
    let (_, watched, _) = watch.stop().await;
    for name in &names {
        let probe = ffmpeg::probe(service.recording(name)).await;
        assert!(probe.frames >= 20, "{probe:?}");
    }
    // The last pictures before the end are in the file, too.
    let lost = lost_90k(&watched, &ffmpeg::coded(&service.recording(&names[1])).await);
    assert!(lost <= 6_000, "{:.3} s lost", f64::from(lost) / 90_000.0);

    service.restart().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    for name in &names {
        let entry = listed(&mut rpc, name).await;
        assert_eq!(entry["status"], "COMPLETE", "{entry}");
    }
}

#[tokio::test]
async fn a_second_service_on_the_same_folder_is_refused() {
    let mut service = Setup::new().test_camera("A", "320x180@15").start().await;
    let mut second = command();
    second.arg("serve").arg("--config").arg(service.config());
    let output = command_output(second).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("another camera-service") && !said.contains("listening on"), "{said}");
    // The first one has not noticed.
    let device = service.device("A").await;
    service.rpc(Role::Operator).await.ok("take_snapshot", json!({"device": device})).await;
}

/// Every one of these has ended.
async fn none_is_left(programs: &[Pid]) {
    let alive = async || programs.iter().all(|pid| !pid.is_alive()).then_some(());
    eventually("no video program survives the service", PATIENCE, alive).await;
}
