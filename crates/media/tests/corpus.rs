//! The corpora under `testdata`, replayed on stable Rust: `valid-*` is understood, `hostile-*` does no
//! harm, and both hold the invariants of the fuzz targets, as they are and bent at random.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{io::Cursor, path::Path};

use media::{Container, avi, h264, mkv, mp4, nut};
use testkit::corpus::Bend;

fn corpus(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(folder);
    testkit::corpus::files(&folder, 10)
}

/// Feeds every file, then `changes` small changes of them.
fn replay(folder: &str, changes: usize, fuzz: impl Fn(&[u8])) {
    let bend = Bend { marks: &[0x00, 0xff, 0x80], bytes_below: 256, shorter_than: usize::MAX };
    testkit::corpus::replay(&corpus(folder), changes, bend, fuzz);
}

#[test]
fn nut_streams() {
    replay("nut", 3000, nut::fuzz);
    for (name, bytes) in corpus("nut") {
        let mut demuxer = nut::Demuxer::new();
        demuxer.push(&bytes);
        let (mut packets, mut malformed) = (0, false);
        loop {
            match demuxer.poll() {
                Ok(Some(nut::Event::Packet { .. })) => packets += 1,
                Ok(Some(nut::Event::Stream { .. })) => {}
                Ok(None) => break,
                Err(_) => {
                    malformed = true;
                    break;
                }
            }
        }
        let expected = match name.as_str() {
            "valid-ffmpeg-x264-zerolatency.nut" => (4, false),
            "valid-ffmpeg-b-frames.nut" => (8, false),
            "hostile-cut-in-frame.nut" => (3, false),
            // A packet of another codec: the H.264 assembler refuses it.
            "hostile-mjpeg.nut" => (1, false),
            // No video in it, or not yet: the watchdog on frames ends it.
            "hostile-audio-only.nut"
            | "hostile-cut-in-header.nut"
            | "hostile-empty.nut"
            | "hostile-id-string-only.nut" => (0, false),
            "hostile-checksum.nut" | "hostile-not-nut.nut" | "hostile-huge-packet.nut" => (0, true),
            other => panic!("what should {other} do?"),
        };
        assert_eq!((packets, malformed), expected, "{name}");
    }
}

#[test]
fn h264_headers_and_streams() {
    replay("h264", 3000, h264::fuzz);
    for (name, bytes) in corpus("h264").into_iter().filter(|(name, _)| name.contains("-sps")) {
        let size = h264::parse_sps(&bytes).map(|info| (info.width, info.height)).ok();
        let expected = match name.as_str() {
            "valid-sps.h264" | "valid-sps-high-444-10.h264" => Some((64, 48)),
            "valid-sps-1920x1080-cropped.h264" => Some((1920, 1080)),
            "valid-sps-16x16.h264" => Some((16, 16)),
            name if name.starts_with("hostile-") => None,
            other => panic!("what should {other} do?"),
        };
        assert_eq!(size, expected, "{name}");
    }
}

#[test]
fn mp4_files() {
    replay("mp4", 1500, mp4::fuzz);
    for (name, bytes) in corpus("mp4") {
        let mut file = Cursor::new(bytes);
        let head = mp4::read_head(&mut file).unwrap();
        let frames = head.map(|head| mp4::scan(&mut file, &head).unwrap().frames);
        let ended = mp4::read_trailer(&mut file).unwrap().is_some();
        let expected = match name.as_str() {
            "valid-ended.mp4" | "hostile-two-trailers.mp4" => (Some(8), true),
            "valid-unended.mp4" => (Some(8), false),
            "hostile-cut-in-part.mp4" | "hostile-tfdt.mp4" => (Some(5), false),
            "hostile-head-only.mp4" | "hostile-moof-size.mp4" | "hostile-trun-count.mp4" => (Some(0), false),
            "hostile-trailer-only.mp4" => (None, true),
            "hostile-cut-in-moov.mp4"
            | "hostile-empty.mp4"
            | "hostile-avcc.mp4"
            | "hostile-box-of-no-use-to-us.mp4"
            | "hostile-sample-groups-without-bytes.mp4" => (None, false),
            other => panic!("what should {other} do?"),
        };
        assert_eq!((frames, ended), expected, "{name}");
    }
}

/// Pictures found by the scan, if there is a head of ours, and whether there is a trailer.
fn found(container: Container, bytes: Vec<u8>) -> (Option<u64>, bool) {
    let mut file = Cursor::new(bytes);
    let head = container.read_head(&mut file).unwrap();
    let frames = head.map(|head| container.scan(&mut file, &head).unwrap().frames);
    (frames, container.read_trailer(&mut file).unwrap().is_some())
}

#[test]
fn mkv_files() {
    replay("mkv", 1500, mkv::fuzz);
    for (name, bytes) in corpus("mkv") {
        let expected = match name.as_str() {
            "valid-ended.mkv" | "hostile-two-trailers.mkv" => (Some(8), true),
            "valid-unended.mkv" => (Some(8), false),
            "hostile-cut-in-cluster.mkv"
            | "hostile-cluster-size.mkv"
            | "hostile-cluster-unknown-size.mkv"
            | "hostile-timestamp.mkv"
            | "hostile-block-size.mkv" => (Some(5), false),
            "hostile-head-only.mkv" => (Some(0), false),
            "hostile-trailer-only.mkv" => (None, true),
            "hostile-empty.mkv" | "hostile-cut-in-tracks.mkv" | "hostile-codec-private.mkv" => (None, false),
            other => panic!("what should {other} do?"),
        };
        assert_eq!(found(Container::Mkv, bytes), expected, "{name}");
    }
}

#[test]
fn avi_files() {
    replay("avi", 1500, avi::fuzz);
    for (name, bytes) in corpus("avi") {
        let expected = match name.as_str() {
            "valid-ended.avi" | "hostile-two-trailers.avi" => (Some(8), true),
            // A rate that nobody believes harms no picture.
            "valid-unended.avi" | "hostile-rate.avi" => (Some(8), false),
            "hostile-cut-in-picture.avi" => (Some(7), false),
            "hostile-chunk-size.avi" | "hostile-chunk-empty.avi" => (Some(5), false),
            "hostile-head-only.avi" => (Some(0), false),
            "hostile-trailer-only.avi" => (None, true),
            "hostile-empty.avi"
            | "hostile-cut-in-head.avi"
            | "hostile-format-size.avi"
            | "hostile-mark-size.avi"
            | "hostile-params.avi" => (None, false),
            other => panic!("what should {other} do?"),
        };
        assert_eq!(found(Container::Avi, bytes), expected, "{name}");
    }
}
