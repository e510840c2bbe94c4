//! The other containers, and clips: what a recording promises holds in each, and a clip has just the
//! pictures that were recorded.

use std::time::Duration;

use e2e::{PATIENCE, finished, listed};
use serde_json::{Value, json};
use testkit::{
    Rpc, Setup,
    camera::{Camera, Content},
    eventually, ffmpeg, h264, time,
    token::Role,
};

#[tokio::test]
async fn three_seconds_in_every_container() {
    const FORMATS: [&str; 4] = ["mp4", "fmp4", "mkv", "avi"];
    let mut setup = Setup::new().set("recording.durability", "power");
    for format in FORMATS {
        setup = setup.test_camera(format, "320x180@15");
    }
    let mut service = setup.start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let mut started = Vec::new();
    for format in FORMATS {
        let device = service.device(format).await;
        let params = json!({"device": device, "format": format, "duration": 3});
        let begun = rpc.ok("start_recording", params).await;
        assert_eq!(begun["format"], format, "{begun}");
        let name = begun["filename"].as_str().unwrap().to_owned();
        let at_once = ffmpeg::probe(service.recording(&name)).await;
        assert!(at_once.frames >= 1, "{name} holds its first key frame when the call returns: {at_once:?}");
        started.push((format, name));
    }
    for (format, name) in &started {
        let entry = finished(&mut rpc, name).await;
        let container = if *format == "fmp4" { "mp4" } else { format };
        assert!(name.ends_with(&format!(".{container}")), "{name}");
        assert_eq!((&entry["status"], &entry["format"]), (&json!("COMPLETE"), &json!(container)), "{entry}");
        assert_eq!(entry["export"], Value::Null, "{entry}");
        let probe = ffmpeg::probe(service.recording(name)).await;
        assert_eq!((probe.frames, probe.codec.as_str()), (45, "h264"), "{name}: {probe:?}");
        assert!((probe.duration_s - 3.0).abs() < 0.1, "{name}: {probe:?}");
        let info = rpc.ok("get_recording_info", json!({"filename": name})).await;
        assert_eq!((&info["width"], &info["height"]), (&json!(320), &json!(180)), "{info}");
        assert!((info["duration"].as_f64().unwrap() - 3.0).abs() < 0.05, "{info}");
        assert!((info["fps"].as_f64().unwrap() - 15.0).abs() < 0.3, "{info}");
        assert!(info["codec"].as_str().unwrap().starts_with("avc1."), "{info}");
        let gone = rpc.ok("delete_recording", json!({"filename": name})).await;
        assert_eq!(gone["space_freed"], entry["file_size"]);
    }
    assert_eq!(rpc.ok("list_recordings", json!({})).await["total"], 0);
}

#[tokio::test]
async fn a_format_that_cannot_be_is_refused_and_leaves_nothing() {
    // Pictures that are shown in another order than they are decoded: AVI knows no times.
    let encode = "-f lavfi -i testsrc2=size=320x180:rate=15:duration=2 -c:v libx264 -preset veryfast \
                  -profile:v main -bf 2 -pix_fmt yuv420p -g 15 -f h264 pipe:1";
    let film = h264::pictures(&ffmpeg::ffmpeg(encode.split_whitespace()).await);
    let source = Camera::start(Content::Film(film), None).await;
    let mut service = Setup::new().url_camera("Gate", &source.url("u:p")).start().await;
    let device = service.device("Gate").await;
    let mut rpc = service.rpc(Role::Operator).await;
    rpc.ok("subscribe_events", json!({"topics": ["recording.*"]})).await;
    // The source is not running yet, and then it is.
    for _ in 0..2 {
        let wish = json!({"device": device, "format": "avi"});
        let refused = rpc.err(-32030, "start_recording", wish).await;
        assert_eq!(refused.data["feature"], "recording format avi", "{refused:?}");
    }
    assert_eq!(rpc.ok("list_recordings", json!({})).await["total"], 0);
    let status = rpc.ok("get_camera_status", json!({"device": device})).await;
    assert_eq!(status["recording"], json!({"active": false}), "{status}");
    // Nothing was cut short, as nothing had begun; and other formats are no trouble.
    let health = rpc.ok("get_status", json!({})).await;
    assert!(!health["reasons"].to_string().contains("cut short"), "{health}");
    rpc.ok("start_recording", json!({"device": device, "format": "mkv"})).await;
    let told = rpc.notification("recording_status_update").await;
    assert_eq!(told["params"]["topic"], "recording.start", "{told}");
    rpc.ok("stop_recording", json!({"device": device})).await;
}

#[tokio::test]
async fn killed_in_the_middle_the_other_containers_play_as_they_lie() {
    const FORMATS: [&str; 2] = ["mkv", "avi"];
    let mut setup = Setup::new().set("recording.format", "mkv");
    for format in FORMATS {
        setup = setup.test_camera(format, "320x180@15");
    }
    let mut service = setup.start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let mut names = Vec::new();
    for format in FORMATS {
        let device = service.device(format).await;
        // The first one takes what is configured.
        let wish = if format == "mkv" { Value::Null } else { json!(format) };
        let begun = rpc.ok("start_recording", json!({"device": device, "format": wish})).await;
        names.push((device, begun["filename"].as_str().unwrap().to_owned()));
    }
    elapsed(&mut rpc, &names[1].0, 2.4).await;
    service.kill9();
    let mut frames = Vec::new();
    for (_, name) in &names {
        let probe = ffmpeg::probe(service.recording(name)).await;
        // Of 2.4 s a second at most is missing.
        assert!(probe.frames >= 15, "{name} as it lies: {probe:?}");
        assert!((probe.duration_s - probe.frames as f64 / 15.0).abs() < 0.2, "{name}: {probe:?}");
        frames.push(probe.frames);
    }
    service.restart().await;
    let mut rpc = service.rpc(Role::Operator).await;
    for ((_, name), frames) in names.iter().zip(frames) {
        let entry = listed(&mut rpc, name).await;
        assert_eq!(entry["status"], "RECOVERED", "{entry}");
        let probe = ffmpeg::probe(service.recording(name)).await;
        assert_eq!(probe.frames, frames, "adopting {name} keeps its pictures");
        assert!((entry["duration"].as_f64().unwrap() - probe.duration_s).abs() < 0.1, "{entry} {probe:?}");
    }
}

#[tokio::test]
async fn a_clip_has_the_pictures_of_its_sources_and_tells_the_gap() {
    let setup = Setup::new().test_camera("A", "320x180@15").test_camera("B", "320x180@15");
    let mut service = setup.set("recording.segment_duration", "1s").start().await;
    let (device, other) = (service.device("A").await, service.device("B").await);
    let mut rpc = service.rpc(Role::Operator).await;
    rpc.ok("start_recording", json!({"device": device, "format": "avi"})).await;
    elapsed(&mut rpc, &device, 2.5).await;
    let first = rpc.ok("stop_recording", json!({"device": device})).await;
    service.ffmpegs_become(0, PATIENCE).await;
    rpc.ok("start_recording", json!({"device": device, "format": "mkv"})).await;
    elapsed(&mut rpc, &device, 2.2).await;

    // All of the first recording, the gap, and what is written of the second, which still runs.
    let of = |value: &Value, key: &str| time::parse(value[key].as_str().unwrap());
    let start = first["start_time"].as_str().unwrap();
    let end = time::text(of(&first, "end_time") + Duration::from_secs(600));
    let range = |start: &str, end: &str| json!({"device": device, "start": start, "end": end});
    let clip = rpc.ok("export_recording", range(start, &end)).await;
    let second = rpc.ok("stop_recording", json!({"device": device})).await;
    assert_eq!((&clip["start"], &clip["cut"]), (&first["start_time"], &json!("keyframe")), "{clip}");
    let gaps = clip["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 1, "{clip}");
    let apart = |a, b: std::time::SystemTime| {
        b.duration_since(a).or_else(|_| a.duration_since(b)).unwrap().as_secs_f64()
    };
    assert!(apart(of(&gaps[0], "start"), of(&first, "end_time")) < 0.5, "{clip} {first}");
    assert!(apart(of(&gaps[0], "end"), of(&second, "start_time")) < 0.01, "{clip} {second}");
    let name = clip["filename"].as_str().unwrap();
    let recorded = coded(&service, &[&first, &second]).await;
    let exported = ffmpeg::coded(&service.recording(name)).await;
    let in_first = coded(&service, &[&first]).await.len();
    assert!(exported.len() > in_first && exported.len() <= recorded.len(), "{clip}");
    for (theirs, ours) in recorded.iter().zip(&exported) {
        assert!(h264::slices(theirs) == h264::slices(ours), "a picture is missing, doubled or altered");
    }
    let probe = ffmpeg::probe(service.recording(name)).await;
    assert_eq!(probe.frames, exported.len() as u64, "{probe:?}");
    assert!((probe.duration_s - clip["duration"].as_f64().unwrap()).abs() < 0.05, "{clip} {probe:?}");
    assert!((probe.duration_s - probe.frames as f64 / 15.0).abs() < 0.3, "{probe:?}");
    let entry = listed(&mut rpc, name).await;
    assert_eq!((&entry["export"], &entry["status"]), (&json!(true), &json!("COMPLETE")), "{entry}");
    assert_eq!(entry["file_size"], clip["file_size"]);

    // From the middle: the key frame before it comes first.
    let middle = time::text(of(&first, "start_time") + Duration::from_millis(1500));
    let until = time::text(of(&first, "start_time") + Duration::from_millis(2200));
    let mut params = range(&middle, &until);
    params["format"] = json!("mkv");
    let short = rpc.ok("export_recording", params).await;
    let file = service.recording(short["filename"].as_str().unwrap());
    let pictures = ffmpeg::coded(&file).await;
    assert!(pictures[0].iter().any(|nal| h264::kind(nal) == h264::IDR), "a clip begins with a key frame");
    assert!(of(&short, "start") <= time::parse(&middle), "{short}");
    // At most a second of pictures before the middle, and 0.7 s after it.
    assert!((11..=27).contains(&pictures.len()), "{} pictures: {short}", pictures.len());
    let begins = h264::slices(&pictures[0]);
    let at = recorded.iter().position(|picture| h264::slices(picture) == begins).unwrap();
    for (theirs, ours) in recorded[at..].iter().zip(&pictures) {
        assert!(h264::slices(theirs) == h264::slices(ours), "a picture is missing, doubled or altered");
    }

    for (params, param) in [
        (range(&end, start), "end"),
        (range(start, start), "end"),
        (range(start, "2100-01-01T00:00:00Z"), "end"),
        (json!({"device": device, "start": start}), "end"),
        (json!({"device": device, "end": start}), "start"),
        (json!({"device": device, "start": start, "end": end, "format": "avi"}), "format"),
    ] {
        let refused = rpc.err(-32602, "export_recording", params).await;
        assert_eq!(refused.data["param"], param, "{refused:?}");
        assert!(refused.data["rule"].is_string(), "{refused:?}");
    }
    let nothing = json!({"device": other, "start": start, "end": end});
    assert!(rpc.err(-32005, "export_recording", nothing).await.data["filename"].is_string());
    rpc.err(-32000, "export_recording", json!({"device": "camera999", "start": start, "end": end})).await;
    let mut viewer = service.rpc(Role::Viewer).await;
    viewer.err(-32002, "export_recording", range(start, &end)).await;
}

/// The coded pictures in all files of these recordings, in order.
async fn coded(service: &testkit::Service, recordings: &[&Value]) -> Vec<h264::Picture> {
    let mut pictures = Vec::new();
    for name in recordings.iter().flat_map(|r| r["files"].as_array().into_iter().flatten()) {
        pictures.extend(ffmpeg::coded(&service.recording(name.as_str().expect("a file has a name"))).await);
    }
    pictures
}

/// Waits until a recording is so old.
async fn elapsed(rpc: &mut Rpc, device: &str, seconds: f64) {
    eventually(&format!("{seconds} s recorded"), PATIENCE, async || {
        let status = rpc.ok("get_camera_status", json!({"device": device})).await;
        status["recording"]["elapsed"].as_f64().filter(|elapsed| *elapsed >= seconds)
    })
    .await;
}
