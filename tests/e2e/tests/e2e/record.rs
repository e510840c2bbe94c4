//! Recordings: complete, of the right length, no picture lost; one at a time for each camera.

use std::time::{Duration, Instant};

use e2e::{PATIENCE, finished, listed, stream};
use serde_json::{Value, json};
use testkit::{
    Rpc, Setup, Transport, Watch, eventually, ffmpeg,
    h264::{self, slices},
    time,
    token::Role,
};

#[tokio::test]
async fn five_seconds_of_a_running_stream_are_five_seconds() {
    let mut service = Setup::new().test_camera("A", "640x360@15").start().await;
    let device = service.device("A").await;
    let watch = Watch::start(service.rtsp().await, &device, Transport::Tcp).await.unwrap();
    watch.reach(20, PATIENCE).await;
    let mut rpc = service.rpc(Role::Operator).await;
    let called = Instant::now();
    let started = rpc.ok("start_recording", json!({"device": device, "duration": 5})).await;
    // 50 ms is the promise of a quiet machine, and `make bench` measures it; waiting for the next key
    // frame would take up to a second, and is told apart even on a busy one.
    assert!(called.elapsed() < Duration::from_millis(500), "answered after {:?}", called.elapsed());
    assert_eq!((&started["status"], &started["format"]), (&json!("RECORDING"), &json!("mp4")), "{started}");
    assert_eq!(started["duration"], 5);
    let name = started["filename"].as_str().unwrap();
    let file = service.recording(name);
    let at_once = ffmpeg::probe(&file).await;
    assert!(at_once.frames >= 1, "the file holds its first key frame when the call returns: {at_once:?}");

    let status = rpc.ok("get_camera_status", json!({"device": device})).await;
    assert_eq!(status["recording"]["active"], true, "{status}");
    assert_eq!(status["recording"]["recording_id"], started["recording_id"]);
    assert_eq!(listed(&mut rpc, name).await["status"], "RECORDING");
    let entry = finished(&mut rpc, name).await;
    assert_eq!(entry["status"], "COMPLETE", "{entry}");
    assert_eq!(entry["recording_id"], started["recording_id"]);
    assert_eq!(entry["file_size"], std::fs::metadata(&file).unwrap().len(), "{entry}");

    let probe = ffmpeg::probe(&file).await;
    assert!((probe.duration_s - 5.0).abs() <= 0.5, "{probe:?}");
    assert!((entry["duration"].as_f64().unwrap() - probe.duration_s).abs() < 0.01, "{entry} {probe:?}");
    assert_eq!(probe.frames, 75, "15 pictures a second: {probe:?}");
    assert_eq!((probe.codec.as_str(), probe.level), ("h264", 30), "{probe:?}");
    assert_eq!((probe.profile.as_str(), probe.pixel_format.as_str()), ("Constrained Baseline", "yuv420p"));
    assert_eq!((probe.width, probe.height), (640, 360));
    let status = rpc.ok("get_camera_status", json!({"device": device})).await;
    assert_eq!(status["recording"], json!({"active": false}));

    // What was recorded is what was watched, picture by picture.
    let (player, watched, error) = watch.stop().await;
    assert!(error.is_none() && player.lost_packets() == 0 && player.problems().is_empty());
    let recorded = ffmpeg::coded(&file).await;
    let first = watched.iter().position(|frame| slices(&frame.nals) == slices(&recorded[0])).unwrap();
    assert!(watched.len() >= first + recorded.len(), "all of it was watched");
    for (theirs, ours) in recorded.iter().zip(&watched[first..]) {
        assert!(slices(theirs) == slices(&ours.nals), "a picture differs from what was sent to viewers");
    }
}

#[tokio::test]
async fn one_at_a_time_for_each_camera_and_stopped_when_told() {
    let setup = Setup::new().without_limits().test_camera("A", "320x180@15").test_camera("B", "320x180@10");
    let mut service = setup.start().await;
    let (a, b) = (service.device("A").await, service.device("B").await);
    let mut rpc = service.rpc(Role::Operator).await;
    let idle = rpc.err(-32020, "stop_recording", json!({"device": a})).await;
    assert!(idle.data["state"].is_string() && idle.data["allowed_states"].is_array(), "{idle:?}");

    // From cold, both at once.
    let ids = [
        rpc.start("start_recording", json!({"device": a})).await,
        rpc.start("start_recording", json!({"device": b, "format": "fmp4"})).await,
    ];
    let started_a = rpc.answer(&ids[0]).await.unwrap();
    let started_b = rpc.answer(&ids[1]).await.unwrap();
    assert_ne!(started_a["recording_id"], started_b["recording_id"]);
    let twice = rpc.err(-32004, "start_recording", json!({"device": a})).await;
    assert_eq!(twice.data["device"], json!(a), "{twice:?}");
    assert_eq!(twice.data["recording_id"], started_a["recording_id"], "{twice:?}");
    assert_eq!(twice.data["filename"], started_a["filename"], "{twice:?}");
    for (params, param) in [
        (json!({"device": a, "duration": 0}), "duration"),
        (json!({"device": a, "duration": 86_401}), "duration"),
        (json!({"device": a, "format": "webm"}), "format"),
    ] {
        assert_eq!(rpc.err(-32602, "start_recording", params).await.data["param"], param);
    }
    assert_eq!(service.ffmpegs().len(), 2);

    // A recording keeps its stream although nobody watches.
    elapsed(&mut rpc, &a, 2.0).await;
    for (device, started, fps) in [(&a, &started_a, 15.0), (&b, &started_b, 10.0)] {
        let stopped = rpc.ok("stop_recording", json!({"device": device})).await;
        assert_eq!((&stopped["status"], &stopped["segments"]), (&json!("STOPPED"), &json!(1)), "{stopped}");
        assert_eq!(stopped["recording_id"], started["recording_id"]);
        assert_eq!(stopped["files"], json!([started["filename"]]));
        let name = stopped["filename"].as_str().unwrap();
        let entry = listed(&mut rpc, name).await;
        assert_eq!(entry["status"], "COMPLETE", "complete when the call returns: {entry}");
        let probe = ffmpeg::probe(service.recording(name)).await;
        let length_s = stopped["duration"].as_f64().unwrap();
        assert!(length_s >= 1.9 && (probe.duration_s - length_s).abs() < 0.01, "{stopped} {probe:?}");
        let expected = length_s * fps;
        assert!((probe.frames as f64 - expected).abs() < 1.01, "{expected} pictures expected: {probe:?}");
        let of = |key: &str| time::parse(stopped[key].as_str().unwrap());
        let between = of("end_time").duration_since(of("start_time")).unwrap().as_secs_f64();
        assert!((between - length_s).abs() < 0.5, "{stopped}");
        assert_eq!(stopped["file_size"], std::fs::metadata(service.recording(name)).unwrap().len());
    }
    // `recording.close_after` is 0: with the recording its stream ends.
    service.ffmpegs_become(0, PATIENCE).await;
    assert_eq!(stream(&mut rpc, &a).await["ready"], false);
    let gone = rpc.err(-32000, "start_recording", json!({"device": "camera999"})).await;
    assert_eq!(gone.data["device"], "camera999");
}

#[tokio::test]
async fn a_long_recording_is_cut_into_files_without_losing_a_picture() {
    let setup = Setup::new().test_camera("A", "320x180@15").set("recording.segment_duration", "1s");
    let mut service = setup.start().await;
    let device = service.device("A").await;
    let watch = Watch::start(service.rtsp().await, &device, Transport::Udp).await.unwrap();
    let mut rpc = service.rpc(Role::Operator).await;
    rpc.ok("start_recording", json!({"device": device})).await;
    elapsed(&mut rpc, &device, 3.4).await;
    let stopped = rpc.ok("stop_recording", json!({"device": device})).await;
    let files: Vec<&str> = stopped["files"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(files.len() >= 4 && stopped["segments"] == files.len(), "{stopped}");
    let mut pictures = Vec::new();
    let mut length_s = 0.0;
    for (number, name) in (1..).zip(&files) {
        let entry = listed(&mut rpc, name).await;
        assert_eq!((&entry["segment"], &entry["status"]), (&json!(number), &json!("COMPLETE")), "{entry}");
        assert_eq!(entry["recording_id"], stopped["recording_id"]);
        let probe = ffmpeg::probe(service.recording(name)).await;
        assert!(probe.frames <= 15, "longer than told: {probe:?}");
        length_s += probe.duration_s;
        let coded = ffmpeg::coded(&service.recording(name)).await;
        assert_eq!(coded.len() as u64, probe.frames);
        assert!(coded[0].iter().any(|nal| h264::kind(nal) == h264::IDR), "each file begins with a key frame");
        pictures.extend(coded);
    }
    assert!(
        (length_s - stopped["duration"].as_f64().unwrap()).abs() < 0.01 * files.len() as f64,
        "{stopped}"
    );
    let list = rpc.ok("list_recordings", json!({"device": device, "limit": 2})).await;
    assert_eq!((&list["total"], &list["limit"]), (&json!(files.len()), &json!(2)));
    let newest: Vec<&str> =
        list["files"].as_array().unwrap().iter().filter_map(|f| f["filename"].as_str()).collect();
    assert_eq!(newest, [files[files.len() - 1], files[files.len() - 2]], "newest first: {list}");
    let cursor = list["next_cursor"].as_str().expect("there are more");
    let more = rpc.ok("list_recordings", json!({"device": device, "cursor": cursor, "limit": 1000})).await;
    assert_eq!(more["files"].as_array().unwrap().len(), files.len() - 2, "{more}");

    let (player, watched, error) = watch.stop().await;
    assert!(error.is_none() && player.lost_packets() == 0, "{error:?}");
    let first = watched.iter().position(|frame| slices(&frame.nals) == slices(&pictures[0]));
    let first = first.expect("the recording begins with a picture that was sent to viewers");
    assert!(watched.len() + 5 >= first + pictures.len(), "all but the last of it was watched");
    for (recorded, sent) in pictures.iter().zip(&watched[first..]) {
        assert!(slices(recorded) == slices(&sent.nals), "a picture is missing, doubled or altered");
    }
}

/// Waits until a recording is so old.
async fn elapsed(rpc: &mut Rpc, device: &str, seconds: f64) {
    eventually(&format!("{seconds} s recorded"), PATIENCE, async || {
        let status = rpc.ok("get_camera_status", json!({"device": device})).await;
        status["recording"]["elapsed"].as_f64().filter(|elapsed| *elapsed >= seconds)
    })
    .await;
}
