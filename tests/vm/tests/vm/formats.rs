//! Each format a USB camera may have, through all a camera is for: watched, pictured, recorded, with no picture lost.

use bytes::Bytes;
use serde_json::{Value, json};
use testkit::{Service, Transport, Watch, eventually, ffmpeg, h264, h264::slices, token::Role};
use vm::{
    UvcCamera, film, nodes,
    uvc::{Config, Format},
};

use crate::common::{PATIENCE, connected, setup};

/// Pictures that are watched before and after a recording ends.
const WATCHED: usize = 20;
/// Pictures of the cached group with which a recording begins: the camera has sent them before.
const CACHED: u64 = 15;
/// Pictures between camera, kernel and ffmpeg when a recording is started or stopped.
const IN_FLIGHT: u64 = 10;

pub(crate) async fn mjpeg_streams_snapshots_and_records() {
    let taken = used(Format::Mjpeg).await;
    assert_eq!((taken.recorded.codec.as_str(), &taken.problems[..]), ("h264", &[][..]));
}

pub(crate) async fn yuyv_streams_snapshots_and_records() {
    let taken = used(Format::Yuyv).await;
    assert_eq!((taken.recorded.pixel_format.as_str(), &taken.problems[..]), ("yuv420p", &[][..]));
}

pub(crate) async fn h264_is_copied_bit_for_bit() {
    let taken = used(Format::H264).await;
    assert_eq!(taken.problems, [""; 0]);
    let film: Vec<Vec<Bytes>> = film::pictures(Format::H264, 320, 180)
        .into_iter()
        .map(|picture| slices(&h264::split(&Bytes::from(picture))))
        .collect();
    for (what, pictures) in [("recorded", &taken.pictures), ("watched", &taken.watched)] {
        let shown: Vec<usize> = pictures
            .iter()
            .map(|picture| {
                film.iter().position(|one| *one == slices(picture)).expect("a picture of the film")
            })
            .collect();
        for pair in shown.windows(2) {
            assert_eq!((pair[0] + 1) % film::PICTURES, pair[1], "{what}, one after the other: {shown:?}");
        }
    }
}

/// What came of a camera.
struct Taken {
    recorded: ffmpeg::Probe,
    /// Of the recording.
    pictures: Vec<h264::Picture>,
    watched: Vec<h264::Picture>,
    /// Offences against RTP in what was watched.
    problems: Vec<String>,
}

/// Uses a camera of this format for everything; the pictures in the recording are as many as the camera has sent meanwhile.
async fn used(format: Format) -> Taken {
    let camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1").only(&[format])).await;
    let node = async || (!nodes::numbers("Desk Cam").is_empty()).then_some(());
    eventually("the camera has a node", PATIENCE, node).await;
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let device = json!({"device": connected(&mut rpc, 1).await[0]["device"]});
    // From idle, by itself.
    picture(&service, &rpc.ok("take_snapshot", device.clone()).await).await;

    let id = device["device"].as_str().unwrap();
    let watch = Watch::start(service.rtsp().await, id, Transport::Tcp).await.unwrap();
    watch.reach(WATCHED, PATIENCE).await;
    let before = camera.sent();
    let started = rpc.ok("start_recording", device.clone()).await;
    let now = watch.count();
    let taken = rpc.ok("take_snapshot", device.clone()).await;
    assert_eq!(
        (&taken["tier"], &taken["width"], &taken["height"]),
        (&json!(1), &json!(320), &json!(180)),
        "{taken}"
    );
    watch.reach(now + 2 * WATCHED, PATIENCE).await;
    let stopped = rpc.ok("stop_recording", device.clone()).await;
    let sent = camera.sent() - before;
    assert_eq!((&stopped["segments"], &stopped["filename"]), (&json!(1), &started["filename"]), "{stopped}");
    let (player, frames, error) = watch.stop().await;
    assert!(error.is_none() && player.lost_packets() == 0, "{error:?}");
    let problems = player.problems().to_vec();
    drop(player);
    service.ffmpegs_become(0, PATIENCE).await;

    let file = service.recording(started["filename"].as_str().unwrap());
    let recorded = ffmpeg::probe(&file).await;
    assert_eq!((recorded.width, recorded.height), (320, 180), "{recorded:?}");
    let right = sent.saturating_sub(IN_FLIGHT)..=sent + CACHED + IN_FLIGHT;
    assert!(right.contains(&recorded.frames), "{sent} pictures sent while this was recorded: {recorded:?}");
    // At ten a second, without a gap: as long as its pictures take.
    let length_s = recorded.frames as f64 / 10.0;
    assert!((recorded.duration_s - length_s).abs() < 0.5, "{length_s} s of pictures: {recorded:?}");
    let pictures = ffmpeg::coded(&file).await;
    assert_eq!(pictures.len() as u64, recorded.frames);
    // What was recorded is what was watched, picture by picture.
    let watched: Vec<h264::Picture> = frames.into_iter().map(|frame| frame.nals).collect();
    let first = watched.iter().position(|picture| slices(picture) == slices(&pictures[0])).unwrap();
    for (theirs, ours) in pictures.iter().zip(&watched[first..]) {
        assert!(slices(theirs) == slices(ours), "a picture differs from what was sent to viewers");
    }
    Taken { recorded, pictures, watched, problems }
}

/// A snapshot that shows the film: it is of its size, and not of one colour.
async fn picture(service: &Service, taken: &Value) {
    assert_eq!((&taken["width"], &taken["height"]), (&json!(320), &json!(180)), "{taken}");
    let picture = ffmpeg::picture(&service.snapshot(taken["filename"].as_str().unwrap())).await;
    let greys: std::collections::BTreeSet<u8> = (0..320).map(|x| picture.gray(x, 30)).collect();
    assert!(greys.len() > 16, "a test picture has many colours: {greys:?}");
}
