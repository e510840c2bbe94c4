//! MP4 files written from a real encoder's pictures, read back by us and by ffprobe, cut and bent.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod encoder;
mod ffprobe;

use std::{io::Cursor, process::Command, sync::Arc};

use media::{
    Unit,
    mp4::{self, Sample, Timeline},
};

/// 320x240 at 25 a second, a key frame every 10.
fn units(frames: u32, b_frames: u32) -> Vec<Unit> {
    let b_frames = b_frames.to_string();
    encoder::units("320x240:rate=25", frames, &["-preset", "veryfast", "-g", "10", "-bf", &b_frames])
}

/// A file of parts of five pictures each; the place where each part ends beside it.
fn file(units: &[Unit]) -> (Vec<u8>, Vec<usize>) {
    let reorder = units[0].params.info.reorder_frames;
    let mut timeline = Timeline::new(reorder);
    let first = units[0].pts_90k - i64::from(reorder);
    let times: Vec<_> = units.iter().map(|unit| timeline.next(unit.pts_90k)).collect();
    // The last picture lasts until the one shown last has been shown.
    let end = units.iter().map(|unit| unit.pts_90k).max().unwrap() + 3600;
    let mut bytes = mp4::init(&units[0].params, b"{\"mark\":1}");
    let mut ends = vec![bytes.len()];
    let samples: Vec<_> = units
        .iter()
        .enumerate()
        .map(|(i, unit)| Sample {
            dts_90k: times[i].0 - first,
            duration_90k: times.get(i + 1).map_or(end - times[i].0, |next| next.0 - times[i].0) as u32,
            cts_90k: times[i].1,
            key: unit.key,
            data: unit.data.clone(),
        })
        .collect();
    for (i, part) in samples.chunks(5).enumerate() {
        bytes.extend(mp4::fragment(i as u32 + 1, part));
        ends.push(bytes.len());
    }
    (bytes, ends)
}

fn ffprobe(bytes: &[u8]) -> (usize, f64, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mp4");
    std::fs::write(&path, bytes).unwrap();
    let probed = ffprobe::probe(&path);
    (probed.frames.unwrap_or(0), probed.seconds.unwrap_or(0.0), probed.complaints)
}

#[test]
fn what_is_written_plays_and_tells_what_it_is() {
    for b_frames in [0, 2] {
        let units = units(50, b_frames);
        assert_eq!(units[0].params.info.reorder_frames > 0, b_frames > 0);
        let (mut bytes, _) = file(&units);
        bytes.extend(mp4::trailer(b"{\"frames\":50}"));
        let (frames, seconds, complaints) = ffprobe(&bytes);
        assert_eq!((frames, complaints.as_str()), (50, ""), "b-frames: {b_frames}");
        assert!((seconds - 2.0).abs() < 0.05, "{seconds} s");
        let mut read = Cursor::new(&bytes);
        let head = mp4::read_head(&mut read).unwrap().unwrap();
        assert_eq!((head.params.info.width, head.params.info.height), (320, 240));
        assert_eq!(head.mark, b"{\"mark\":1}");
        assert_eq!(head.params, units[0].params);
        let parts = mp4::scan(&mut read, &head).unwrap();
        assert_eq!((parts.frames, parts.next_sequence), (50, 11));
        assert!(parts.duration_90k.abs_diff(180_000) <= 7200, "{}", parts.duration_90k);
        assert_eq!(mp4::read_trailer(&mut read).unwrap().unwrap(), b"{\"frames\":50}");
    }
}

#[test]
fn cut_anywhere_it_is_whole_up_to_its_last_part() {
    let (bytes, ends) = file(&units(30, 0));
    for cut in (0..bytes.len()).step_by(97).chain(ends.iter().copied()) {
        let mut read = Cursor::new(&bytes[..cut]);
        let Some(head) = mp4::read_head(&mut read).unwrap() else {
            assert!(cut < ends[0], "a whole head was not read");
            continue;
        };
        let parts = mp4::scan(&mut read, &head).unwrap();
        let whole = ends.iter().rposition(|end| *end <= cut).unwrap();
        assert_eq!(parts.valid_len, ends[whole] as u64);
        assert_eq!(parts.frames, whole as u64 * 5);
        assert_eq!(mp4::read_trailer(&mut read).unwrap(), None);
    }
    // What is left of a cut file plays once it is mended.
    let mut mended = bytes[..ends[3]].to_vec();
    mended.extend(mp4::trailer(b"recovered"));
    assert_eq!(ffprobe(&mended).0, 15);
}

#[test]
fn strangers_files_are_not_ours() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.mp4");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=5", "-t", "1"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(status.success());
    let theirs = std::fs::read(&path).unwrap();
    assert!(!theirs.is_empty());
    assert_eq!(mp4::read_head(&mut Cursor::new(&theirs)).unwrap(), None);
    assert_eq!(mp4::read_trailer(&mut Cursor::new(&theirs)).unwrap(), None);
    for short in [&b""[..], b"ftyp", b"\0\0\0\x08ftyp"] {
        assert_eq!(mp4::read_head(&mut Cursor::new(short)).unwrap(), None);
    }
}

#[test]
fn nothing_in_a_file_is_feared() {
    let (mut bytes, ends) = file(&units(10, 0));
    bytes.extend(mp4::trailer(b"end"));
    mp4::fuzz(&bytes);
    // Boxes matter more than pictures: bend every byte of the head and of the first part's header.
    let boxes = ends[0] + 200;
    for at in 0..boxes {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bent = bytes.clone();
            bent[at] = value;
            mp4::fuzz(&bent);
        }
    }
    for at in bytes.len() - 40..bytes.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bent = bytes.clone();
            bent[at] = value;
            mp4::fuzz(&bent);
        }
    }
    for cut in 0..boxes {
        mp4::fuzz(&bytes[..cut]);
    }
}

#[test]
fn one_configuration_stays_one() {
    let units = units(30, 0);
    assert!(units.windows(2).all(|pair| Arc::ptr_eq(&pair[0].params, &pair[1].params)));
}
