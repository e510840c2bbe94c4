//! Scanning folders that are not quite `/dev`, and the test picture against real ffmpeg.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
};

use base::{CameraId, config::Settings, units::Size};
use cameras::{Cameras, Config, Kind, Source, Status};
use serde_json::json;

fn config(camera: &serde_json::Value) -> Config {
    let mut settings = Settings::default();
    settings.overlay(json!({ "camera": camera }), base::config::Origin::File);
    let config = Config::read(&mut settings);
    settings.finish().unwrap();
    config
}

#[test]
fn what_is_no_device_is_no_camera() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("video0"), "").unwrap();
    fs::create_dir(at.join("video1")).unwrap();
    symlink("nowhere", at.join("video2")).unwrap();
    // A character device, but of another driver.
    symlink("/dev/null", at.join("video3")).unwrap();
    symlink("/dev/null", at.join("video03")).unwrap();
    symlink("/dev/null", at.join("video99999")).unwrap();
    fs::write(at.join("videox"), "").unwrap();
    for dev in [at, &at.join("nonexistent"), Path::new("/dev/null")] {
        let cameras = Cameras::scan_in(&config(&json!({})), dev, &at.join("sys"));
        assert_eq!(cameras.list(), [], "{}", dev.display());
    }
}

#[test]
fn configured_sources_get_the_lowest_free_numbers_in_order() {
    let sources = json!({"defaults": {"size": "640x480", "fps": 10}, "sources": [
        {"name": "Gate", "url": "rtsp://admin:hunter2@host/live"},
        {"name": "Pattern", "test": "1920x1080@30"},
    ]});
    let empty = tempfile::tempdir().unwrap();
    let cameras = Cameras::scan_in(&config(&sources), empty.path(), empty.path());
    let list = cameras.list();
    let numbers: Vec<_> = list.iter().map(|c| (c.id.0, c.name.as_str(), c.kind)).collect();
    assert_eq!(numbers, [(0, "Gate", Kind::Rtsp), (1, "Pattern", Kind::Test)]);
    assert!(list.iter().all(|c| c.status == Status::Connected && c.device_path.is_none()));
    assert_eq!((list[0].size, list[0].fps), (Size { width: 640, height: 480 }, 10.0));
    assert_eq!((list[1].size, list[1].fps), (Size { width: 1920, height: 1080 }, 30.0));
    assert!(!format!("{list:?}").contains("hunter2"));
    assert_eq!(cameras.get(CameraId(1)).as_ref(), Some(&list[1]));
    assert_eq!(cameras.get(CameraId(2)), None);
    assert_eq!(cameras.alias("/dev/video0"), None);
}

/// The first and the sixteenth frame of a test camera as grey pixels.
fn test_frames(picture: &str, filter: &str) -> Option<Vec<u8>> {
    let mut config = config(&json!({}));
    config.add_test("Pattern", picture);
    let empty = tempfile::tempdir().unwrap();
    let camera = Cameras::scan_in(&config, empty.path(), empty.path()).get(CameraId(0)).unwrap();
    let Source::Ffmpeg { input, copy_h264: false } = camera.source else { panic!("{camera:?}") };
    let output = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(input)
        .args(["-frames:v", "16", "-vf", filter, "-f", "rawvideo", "-"])
        .stderr(Stdio::inherit())
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        eprintln!("SKIPPED: ffmpeg is not installed, nothing was tested");
        return None;
    };
    assert!(output.status.success());
    Some(output.stdout)
}

#[test]
fn the_test_picture_shows_the_time_where_it_is_documented() {
    for (picture, width, height) in [("1280x720@30", 1280, 720), ("320x180@15", 320, 180)] {
        let Some(frames) = test_frames(picture, "format=gray") else { return };
        assert_eq!(frames.len(), width * height * 16, "{picture}");
        let font: usize = (height / 18).max(10);
        let rows = |frame: usize| frames[frame * width * height..][..width * height].chunks(width);
        // Inside the box there is black ground and white text, in a place nothing else is drawn.
        let text = |frame: usize| -> Vec<u8> {
            rows(frame).skip(8).take(font * 3 / 4).flat_map(|row| row[8..8 + font * 15].to_vec()).collect()
        };
        let count = |pixels: &[u8], of: fn(u8) -> bool| {
            pixels.iter().filter(|p| of(**p)).count() * 100 / pixels.len()
        };
        let first = text(0);
        let (dark, light) = (count(&first, |p| p < 40), count(&first, |p| p > 180));
        assert!(dark > 50 && light > 4, "{picture}: {dark} % dark, {light} % light");
        assert_ne!(first, text(15), "{picture}: the number of the frame moves");
        // Below it the picture is the picture.
        assert!(rows(0).skip(height / 2).flatten().filter(|p| **p > 60).count() > width * height / 4);
    }
}
