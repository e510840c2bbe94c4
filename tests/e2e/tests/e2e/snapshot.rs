//! Snapshots: the right picture of the right moment, as it was asked for.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use e2e::PATIENCE;
use serde_json::{Value, json};
use testkit::{
    Service, Setup, Transport, Watch, clock,
    ffmpeg::{self, Rgb},
    time,
    token::Role,
};

/// Side of the squares that are compared: as large as H.264's macroblocks.
const BLOCK: usize = 16;
/// Pixels around a square that must be of its colour.
const EDGE: usize = 2;
/// Greatest difference of a colour, of 255.
const MOST_DIFFERENCE: f64 = 5.0;

#[tokio::test]
async fn a_name_is_of_the_configured_format_and_no_age_is_the_next_picture() {
    let setup = Setup::new().test_camera("A", "320x180@5").set("snapshot.format", "png").without_limits();
    let mut service = setup.start().await;
    let device = service.device("A").await;
    let mut rpc = service.rpc(Role::Operator).await;
    let wrong = json!({"device": device, "filename": "a.jpg"});
    let refused = rpc.err(-32602, "take_snapshot", wrong).await;
    assert_eq!((&refused.data["param"], &refused.data["rule"]), (&json!("filename"), &json!("extension")));
    let named = json!({"device": device, "filename": "a.png"});
    assert_eq!(rpc.ok("take_snapshot", named).await["filename"], "a.png");
    let other = json!({"device": device, "filename": "a.jpg", "format": "jpg"});
    assert_eq!(rpc.ok("take_snapshot", other).await["filename"], "a.jpg");
    // The newest picture is some age already: one that comes after the call is none.
    for _ in 0..3 {
        let called = SystemTime::now() - Duration::from_millis(1);
        let taken = rpc.ok("take_snapshot", json!({"device": device, "max_age_ms": 0})).await;
        assert!(time::parse(taken["captured_at"].as_str().unwrap()) >= called, "{taken}");
    }
}

#[tokio::test]
async fn the_picture_is_that_of_the_moment_in_the_right_colours() {
    // At the usual 600 kbit/s H.264 itself is up to 4.7 of 255 off in this picture, which would hide what
    // is looked for here.
    let setup = Setup::new().test_camera("A", "640x360@15").set("codec.bitrate", "2M");
    let mut service = setup.start().await;
    let device = service.device("A").await;
    let watch = Watch::start(service.rtsp().await, &device, Transport::Tcp).await.unwrap();
    watch.reach(15, PATIENCE).await;
    let mut rpc = service.rpc(Role::Operator).await;
    for format in ["jpg", "png"] {
        // Taken in the middle of a second: the clock in the picture must show this very second, or it is
        // more than half a second off.
        let middle = SystemTime::UNIX_EPOCH
            + Duration::from_millis(500)
            + Duration::from_secs(time::seconds(SystemTime::now()) + 1);
        let asked = json!({"device": device, "format": format, "not_before": time::text(middle)});
        let taken = rpc.ok("take_snapshot", asked).await;
        let captured = check_answer(&service, &taken, &device, (640, 360));
        assert_eq!(taken["tier"], 1, "{taken}");
        assert!(captured >= middle, "{taken}");
        let picture = picture_of(&service, &taken).await;
        assert_eq!(clock::second(&picture, captured).await, time::seconds(captured), "{format}: {taken}");
        assert!(SystemTime::now().duration_since(captured).unwrap() < Duration::from_secs(10));

        let number = clock::frame_number(&picture).await;
        let source = source_frame(number, &picture).await;
        let (blocks, worst) = worst_difference(&picture, &source);
        assert!(blocks > 300, "{format}: only {blocks} blocks of frame {number} are flat enough to compare");
        assert!(worst <= MOST_DIFFERENCE, "{format}: a colour of frame {number} is {worst:.1} off");
        // A frame of another moment is told apart, or the comparison would prove nothing.
        let (_, other) = worst_difference(&picture, &source_frame(number + 40, &picture).await);
        assert!(other > MOST_DIFFERENCE, "frames {number} and {} look the same: {other:.1}", number + 40);
    }
    let (player, _, error) = watch.stop().await;
    assert!(error.is_none() && player.lost_packets() == 0, "a snapshot costs no viewer anything");
}

#[tokio::test]
async fn a_snapshot_is_as_it_was_asked_for() {
    let mut service = Setup::new().without_limits().test_camera("A", "640x360@15").start().await;
    let device = service.device("A").await;
    let watch = Watch::start(service.rtsp().await, &device, Transport::Tcp).await.unwrap();
    let mut rpc = service.rpc(Role::Operator).await;

    let named = rpc.ok("take_snapshot", json!({"device": device, "filename": "My-picture_1.jpg"})).await;
    check_answer(&service, &named, &device, (640, 360));
    assert_eq!(named["filename"], "My-picture_1.jpg");
    let again = json!({"device": device, "filename": "My-picture_1.jpg"});
    let refused = rpc.err(-32602, "take_snapshot", again).await;
    assert_eq!((&refused.data["param"], &refused.data["rule"]), (&json!("filename"), &json!("unique")));
    for name in ["../x.jpg", ".x.jpg", "a/b.jpg", "x.png", "x", "", &"x".repeat(101)] {
        let refused = rpc.err(-32602, "take_snapshot", json!({"device": device, "filename": name})).await;
        assert_eq!(refused.data["param"], "filename", "{name}");
    }

    let small = json!({"device": device, "width": 320, "quality": 10, "filename": "small.jpg"});
    let small = rpc.ok("take_snapshot", small).await;
    check_answer(&service, &small, &device, (320, 180));
    let fine = json!({"device": device, "width": 320, "quality": 95, "filename": "fine.jpg"});
    let fine = rpc.ok("take_snapshot", fine).await;
    let size = |taken: &Value| taken["file_size"].as_u64().unwrap();
    assert!(size(&fine) > 2 * size(&small), "quality 95: {fine}; 10: {small}");
    let picture = rpc.ok("take_snapshot", json!({"device": device, "format": "png"})).await;
    assert!(std::fs::read(service.snapshot(name_of(&picture))).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));
    assert!(std::fs::read(service.snapshot("fine.jpg")).unwrap().starts_with(b"\xff\xd8\xff"));
    assert!(picture_of(&service, &fine).await.width == 320);

    let list = rpc.ok("list_snapshots", json!({"device": device})).await;
    assert_eq!(list["total"], 4, "{list}");
    let files = list["files"].as_array().unwrap();
    let mut names: Vec<&str> = files.iter().map(name_of).collect();
    names.sort_unstable();
    assert_eq!(names, ["My-picture_1.jpg", name_of(&picture), "fine.jpg", "small.jpg"]);
    // Some are of the same moment: then any order is right.
    let times: Vec<&str> = files.iter().filter_map(|file| file["created_time"].as_str()).collect();
    assert!(times.len() == 4 && times.is_sorted_by(|newer, older| newer >= older), "newest first: {list}");
    for (key, value) in [("quality", json!(0)), ("format", json!("gif")), ("quality", json!("85"))] {
        let refused = rpc.err(-32602, "take_snapshot", json!({"device": device, key: value})).await;
        assert_eq!(refused.data["param"], key);
    }
    let refused = rpc.err(-32000, "take_snapshot", json!({"device": "camera999"})).await;
    assert!(refused.data["available_devices"].as_array().unwrap().contains(&json!(device)));
    // What was refused left nothing behind.
    assert_eq!(std::fs::read_dir(service.snapshot("")).unwrap().count(), 4);
    watch.stop().await;
}

#[tokio::test]
async fn a_cold_camera_is_started_for_it_and_one_that_is_not_there_is_told() {
    let setup = Setup::new()
        .test_camera("A", "320x180@15")
        .url_camera("Gone", "rtsp://user:hunter2@127.0.0.1:1/x")
        .set("stream.snapshot.close_after", "1s");
    let mut service = setup.start().await;
    let (device, gone) = (service.device("A").await, service.device("Gone").await);
    let mut rpc = service.rpc(Role::Operator).await;
    rpc.forbid("hunter2");
    let taken = rpc.ok("take_snapshot", json!({"device": device})).await;
    let captured = check_answer(&service, &taken, &device, (320, 180));
    assert_eq!(taken["tier"], 2);
    let picture = picture_of(&service, &taken).await;
    let shown = clock::second(&picture, captured).await;
    assert!(time::seconds(captured).abs_diff(shown) <= 1, "{shown}: {taken}");
    service.ffmpegs_become(0, PATIENCE).await;

    let failed = rpc.err(-32050, "take_snapshot", json!({"device": gone})).await;
    assert!(failed.data["dependency"].is_string() && failed.data["retryable"].is_boolean(), "{failed:?}");
    assert_eq!(rpc.ok("list_snapshots", json!({"device": gone})).await["total"], 0);
}

/// Everything the answer says of the file is true; gives the moment of the picture.
fn check_answer(service: &Service, taken: &Value, device: &str, size: (u64, u64)) -> SystemTime {
    assert_eq!((&taken["status"], &taken["device"]), (&json!("SUCCESS"), &json!(device)), "{taken}");
    assert_eq!((taken["width"].as_u64(), taken["height"].as_u64()), (Some(size.0), Some(size.1)), "{taken}");
    let name = name_of(taken);
    assert_eq!(taken["file_path"], name, "a path relative to the snapshot folder: {taken}");
    let file = std::fs::metadata(service.snapshot(name)).expect("the file lies there when the call returns");
    assert_eq!(taken["file_size"], file.len(), "{taken}");
    let (captured, answered) = (&taken["captured_at"], &taken["timestamp"]);
    let (captured, answered) = (captured.as_str().unwrap_or_default(), answered.as_str().unwrap_or_default());
    assert!(time::parse(captured) <= time::parse(answered), "{taken}");
    assert!(taken["age_ms"].is_u64() && taken["latency_ms"].is_u64(), "{taken}");
    time::parse(captured)
}

fn name_of(file: &Value) -> &str {
    file["filename"].as_str().expect("a file has a name")
}

async fn picture_of(service: &Service, taken: &Value) -> Rgb {
    let file = service.snapshot(name_of(taken));
    assert_eq!(file.extension(), Path::new(name_of(taken)).extension());
    ffmpeg::picture(&file).await
}

/// Frame `number` of the test picture, as ffmpeg makes it, uncompressed; without the clock.
async fn source_frame(number: u64, like: &Rgb) -> Rgb {
    let (width, height) = (like.width, like.height);
    let end = number + 1;
    let graph = format!("testsrc2=size={width}x{height}:rate=15,trim=start_frame={number}:end_frame={end}");
    let mut frames = ffmpeg::rendered(&graph, width, height).await;
    assert_eq!(frames.len(), 1, "ffmpeg rendered {graph}");
    frames.remove(0)
}

/// Blocks that are flat in the source: how many, and the greatest difference of a mean colour there.
fn worst_difference(picture: &Rgb, source: &Rgb) -> (usize, f64) {
    // The clock stands in the first rows.
    let rows = (4 * BLOCK..source.height - BLOCK).step_by(BLOCK);
    let columns = (BLOCK..source.width - BLOCK).step_by(BLOCK);
    let places = rows.flat_map(|y| columns.clone().map(move |x| (x, y)));
    let mut worst = 0.0_f64;
    let mut count = 0;
    for (x, y) in places.filter(|&(x, y)| is_flat(source, x, y)) {
        count += 1;
        for (ours, theirs) in mean(picture, x, y).into_iter().zip(mean(source, x, y)) {
            worst = worst.max((ours - theirs).abs());
        }
    }
    (count, worst)
}

/// One colour, and a little around it, too: at an edge the halved colour planes of 4:2:0 hold both sides.
fn is_flat(picture: &Rgb, x: usize, y: usize) -> bool {
    let first = picture.at(x, y);
    let around = |at: usize| at - EDGE..at + BLOCK + EDGE;
    around(y).all(|y| around(x).all(|x| picture.at(x, y) == first))
}

fn mean(picture: &Rgb, x: usize, y: usize) -> [f64; 3] {
    let mut sum = [0.0; 3];
    for (dx, dy) in (0..BLOCK).flat_map(|dy| (0..BLOCK).map(move |dx| (dx, dy))) {
        for (sum, value) in sum.iter_mut().zip(picture.at(x + dx, y + dy)) {
            *sum += f64::from(value);
        }
    }
    sum.map(|sum| sum / (BLOCK * BLOCK) as f64)
}
