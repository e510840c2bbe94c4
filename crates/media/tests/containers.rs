//! Matroska and AVI files written from a real encoder's pictures, read back by us and by ffprobe, as they
//! lie, cut, mended and bent.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod encoder;
mod ffprobe;

use std::{io::Cursor, process::Command};

use media::{
    Container, Unit,
    container::{self, Head, Parts, Patch, Reader},
    mp4::{Sample, Timeline},
};

/// 320x240 at 25 a second, a key frame every 10.
fn units(frames: u32, b_frames: u32) -> Vec<Unit> {
    let b_frames = b_frames.to_string();
    encoder::units("320x240:rate=25", frames, &["-preset", "veryfast", "-g", "10", "-bf", &b_frames])
}

fn apply(bytes: &mut [u8], patches: Vec<Patch>) {
    for patch in patches {
        bytes[patch.at as usize..][..patch.bytes.len()].copy_from_slice(&patch.bytes);
    }
}

/// A file as it lies after its last part, and its length after each part.
fn file(container: Container, units: &[Unit]) -> (Vec<u8>, Vec<usize>, Parts) {
    let params = &units[0].params;
    let mut timeline = Timeline::new(params.info.reorder_frames);
    let first = units[0].pts_90k;
    let samples: Vec<_> = units
        .iter()
        .map(|unit| {
            let (dts, cts_90k) = timeline.next(unit.pts_90k);
            let dts_90k = dts - first;
            Sample { dts_90k, duration_90k: 3600, cts_90k, key: unit.key, data: unit.data.clone() }
        })
        .collect();
    let mut bytes = container.init(params, b"{\"mark\":1}");
    let (head_len, mut ends) = (bytes.len() as u64, vec![bytes.len()]);
    let mut parts = Parts { frames: 0, duration_90k: 0, next_sequence: 1, valid_len: head_len };
    for part in samples.chunks(5) {
        bytes.extend(container.part(parts.next_sequence, params, part));
        parts.frames += part.len() as u64;
        parts.duration_90k += 3600 * part.len() as u64;
        parts.next_sequence += 1;
        parts.valid_len = bytes.len() as u64;
        apply(&mut bytes, container.progress(head_len, &parts));
        ends.push(bytes.len());
    }
    (bytes, ends, parts)
}

fn close(container: Container, bytes: &mut Vec<u8>, head_len: u64, parts: &Parts) {
    let closing = container.close(&mut Cursor::new(&*bytes), head_len, parts, b"{\"frames\":50}").unwrap();
    bytes.extend(closing.tail);
    apply(bytes, closing.patches);
}

/// Pictures, seconds, and what ffprobe complains about.
fn ffprobe(container: Container, bytes: &[u8]) -> (usize, f64, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x").with_extension(container.extension());
    std::fs::write(&path, bytes).unwrap();
    let probed = ffprobe::probe(&path);
    (probed.frames.unwrap_or(0), probed.seconds.unwrap_or(0.0), probed.complaints)
}

fn read_all(container: Container, bytes: &[u8], head: &Head) -> Vec<container::Shot> {
    let (mut reader, mut shots, mut file) = (Reader::new(container, head), Vec::new(), Cursor::new(bytes));
    while let Some(part) = reader.next(&mut file).unwrap() {
        shots.extend(part);
    }
    shots
}

#[test]
fn what_is_written_plays_as_it_lies_and_tells_what_it_is() {
    for (container, b_frames) in
        [(Container::Mp4, 0), (Container::Mkv, 0), (Container::Mkv, 2), (Container::Avi, 0)]
    {
        let units = units(50, b_frames);
        let (mut bytes, ends, parts) = file(container, &units);
        let (frames, seconds, complaints) = ffprobe(container, &bytes);
        assert_eq!((frames, complaints.as_str()), (50, ""), "{container:?} as it lies");
        assert!((seconds - 2.0).abs() < 0.15, "{container:?}: {seconds} s");
        assert_eq!(container.read_trailer(&mut Cursor::new(&bytes)).unwrap(), None);

        close(container, &mut bytes, ends[0] as u64, &parts);
        let (frames, seconds, complaints) = ffprobe(container, &bytes);
        assert_eq!((frames, complaints.as_str()), (50, ""), "{container:?}, {b_frames} b-frames");
        assert!((seconds - 2.0).abs() < 0.15, "{container:?}: {seconds} s");
        let mut read = Cursor::new(&bytes);
        let head = container.read_head(&mut read).unwrap().unwrap();
        assert_eq!((head.params.clone(), head.end), (units[0].params.clone(), ends[0] as u64));
        assert_eq!(head.mark, b"{\"mark\":1}");
        let found = container.scan(&mut read, &head).unwrap();
        assert_eq!((found.frames, found.valid_len), (50, parts.valid_len));
        assert!(found.duration_90k.abs_diff(180_000) <= 7200, "{container:?}: {}", found.duration_90k);
        let trailer = container.read_trailer(&mut read).unwrap().unwrap();
        assert_eq!(trailer.trim_ascii_end(), b"{\"frames\":50}");

        let shots = read_all(container, &bytes, &head);
        assert_eq!(shots.len(), 50);
        let offset_90k = shots[0].pts_90k - units[0].pts_90k;
        for (shot, unit) in shots.iter().zip(&units) {
            assert!(shot.data == unit.data && shot.key == unit.key, "{container:?}: not the same picture");
            assert!((shot.pts_90k - unit.pts_90k - offset_90k).abs() <= 90, "{container:?}: {shot:?}");
        }
    }
}

#[test]
fn an_index_leads_a_player_to_any_second() {
    for container in [Container::Mkv, Container::Avi] {
        let (mut bytes, ends, parts) = file(container, &units(50, 0));
        close(container, &mut bytes, ends[0] as u64, &parts);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x").with_extension(container.extension());
        std::fs::write(&path, &bytes).unwrap();
        let out = Command::new("ffprobe")
            .args([
                "-v",
                "error",
                "-select_streams",
                "v:0",
                "-of",
                "csv=p=0",
                "-show_entries",
                "packet=dts_time,flags",
            ])
            .args(["-read_intervals", "1.5%+#1"])
            .arg(&path)
            .output()
            .unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(text.starts_with("1.2") && text.contains('K'), "{container:?}: {text}");
    }
}

#[test]
fn cut_anywhere_it_is_whole_up_to_a_picture_and_plays_once_mended() {
    for container in [Container::Mkv, Container::Avi] {
        let (bytes, ends, _) = file(container, &units(30, 0));
        let mut before = 0;
        for cut in (0..bytes.len()).step_by(97).chain(ends.iter().copied()) {
            let mut left = bytes[..cut].to_vec();
            let mut read = Cursor::new(&left);
            let Some(head) = container.read_head(&mut read).unwrap() else {
                assert!(cut < ends[0], "a whole head was not read");
                continue;
            };
            let parts = container.scan(&mut read, &head).unwrap();
            let whole = ends.iter().rposition(|end| *end <= cut).unwrap();
            assert!(parts.valid_len >= ends[whole] as u64 && parts.frames >= whole as u64 * 5);
            assert_eq!(container.read_trailer(&mut read).unwrap(), None);
            // Without a picture a file goes, as there is nothing to keep.
            if parts.frames > 0 && parts.frames != before {
                before = parts.frames;
                left.truncate(parts.valid_len as usize);
                close(container, &mut left, head.end, &parts);
                let (frames, _, complaints) = ffprobe(container, &left);
                assert_eq!(
                    (frames as u64, complaints.as_str()),
                    (parts.frames, ""),
                    "{container:?} cut at {cut}"
                );
            }
        }
        assert!(before >= 25);
    }
}

#[test]
fn strangers_files_are_not_ours_and_nothing_in_a_file_is_feared() {
    for container in [Container::Mkv, Container::Avi] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("theirs").with_extension(container.extension());
        let status = Command::new("ffmpeg")
            .args([
                "-v",
                "error",
                "-f",
                "lavfi",
                "-i",
                "testsrc2=size=64x64:rate=5",
                "-t",
                "1",
                "-c:v",
                "libx264",
            ])
            .arg(&path)
            .status()
            .unwrap();
        assert!(status.success());
        let theirs = std::fs::read(&path).unwrap();
        assert_eq!(container.read_head(&mut Cursor::new(&theirs)).unwrap(), None);
        assert_eq!(container.read_trailer(&mut Cursor::new(&theirs)).unwrap(), None);

        let (mut bytes, ends, parts) = file(container, &units(10, 0));
        close(container, &mut bytes, ends[0] as u64, &parts);
        // Lengths matter more than pictures: bend every byte of the head, of the first picture's
        // header and of the end.
        let end = bytes.len();
        for at in (0..ends[0] + 40).chain(end - 120..end) {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bent = bytes.clone();
                bent[at] = value;
                container::fuzz(container, &bent);
            }
        }
        for cut in 0..ends[0] + 40 {
            container::fuzz(container, &bytes[..cut]);
        }
    }
}
