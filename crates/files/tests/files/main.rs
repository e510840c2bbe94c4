//! Recordings of a real encoder's pictures written to a real folder, cut off at every byte, mended,
//! listed, and read back by ffprobe.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod containers;
#[path = "../../../media/tests/encoder/mod.rs"]
mod encoder;
mod export;
#[path = "../../../media/tests/ffprobe/mod.rs"]
mod ffprobe;
mod full_disk;
mod removal;

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base::{CameraId, Kind, config::Settings};
use files::{Config, Container, Files, NewSegment, NewSnapshot, Query, Segment, Status};
use media::Unit;

/// 2026-11-24T01:25:19.123Z.
const MOMENT: Duration = Duration::from_millis(1_795_483_519_123);

/// 10 pictures a second, a key frame each second.
fn units(frames: u32) -> Vec<Unit> {
    let options = ["-preset", "ultrafast", "-tune", "zerolatency", "-g", "10"];
    encoder::units("128x96:rate=10", frames, &options)
}

fn open(dir: &Path) -> (Files, Vec<files::Adopted>) {
    let mut settings = Settings::default();
    let config = Config::read(&mut settings, dir);
    settings.finish().unwrap();
    Files::open(&config).unwrap()
}

fn begin(files: &Files, units: &[Unit], segment: u32) -> Segment {
    begin_as(files, units, segment, Container::Mp4)
}

fn begin_as(files: &Files, units: &[Unit], segment: u32, container: Container) -> Segment {
    files
        .begin(&NewSegment {
            container,
            device: CameraId(3),
            recording_id: "00c0ffee".into(),
            segment,
            params: units[0].params.clone(),
            start: UNIX_EPOCH + MOMENT + Duration::from_secs(segment.into()),
            first_pts_90k: units[0].pts_90k,
        })
        .unwrap()
}

fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join("recordings").join(name)
}

/// Pictures ffprobe decodes and the length it gives; panics when it complains.
fn ffprobe(path: &Path) -> (usize, f64) {
    let probed = ffprobe::probe(path);
    assert!(probed.complaints.is_empty(), "{}: {}", path.display(), probed.complaints);
    (probed.frames.unwrap(), probed.seconds.unwrap())
}

/// Writes all of a file and ends it; gives its name.
fn write(mut segment: Segment, units: &[Unit]) -> String {
    for unit in units {
        segment.push(unit).unwrap();
    }
    let name = segment.filename().to_owned();
    segment.finish().unwrap();
    name
}

/// Writes the 35 pictures of `units`, and looks at the file meanwhile: it opens from its first picture on,
/// and lacks at most its last second.
fn grow(dir: &Path, files: &Files, segment: &mut Segment, units: &[Unit]) {
    let name = segment.filename().to_owned();
    for (i, unit) in units.iter().enumerate() {
        segment.push(unit).unwrap();
        if i == 0 {
            assert_eq!(ffprobe(&path(dir, &name)).0, 1, "the key frame is there at once");
        }
        if i == 24 {
            let (frames, seconds) = ffprobe(&path(dir, &name));
            assert!(
                (16..=25).contains(&frames),
                "{name}: at most a second is not yet written: {frames} of 25"
            );
            assert!((seconds - frames as f64 / 10.0).abs() < 0.11, "{name}: {seconds} s");
            let page = files.recordings(&all()).unwrap();
            assert_eq!(page.files[0].status, Status::Recording);
            assert!(page.files[0].duration >= Duration::from_millis(1500), "{page:?}");
        }
    }
}

fn all() -> Query {
    Query { limit: 1000, ..Query::default() }
}

#[test]
fn a_file_plays_from_its_first_picture_on_and_tells_all_of_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (files, adopted) = open(dir.path());
    assert!(adopted.is_empty());
    let units = units(35);
    let mut segment = begin(&files, &units, 1);
    let name = segment.filename().to_owned();
    assert_eq!(name, "camera3_2026-11-24T01-25-20.123Z.mp4");
    grow(dir.path(), &files, &mut segment, &units);
    let ended = segment.finish().unwrap();
    assert_eq!(ended.duration, Duration::from_millis(3500));
    let (frames, seconds) = ffprobe(&path(dir.path(), &name));
    assert_eq!(frames, 35);
    assert!((seconds - 3.5).abs() < 0.01, "{seconds}");

    let page = files.recordings(&all()).unwrap();
    let file = &page.files[0];
    assert_eq!((page.total, file.filename.as_str(), file.status), (1, name.as_str(), Status::Complete));
    assert_eq!((file.device, file.segment, file.recording_id.as_str()), (CameraId(3), 1, "00c0ffee"));
    assert_eq!((file.duration, file.file_size), (ended.duration, ended.file_size));
    // Another start reads the same from the file alone.
    drop(files);
    let (files, adopted) = open(dir.path());
    assert_eq!((files.recordings(&all()).unwrap(), adopted.len()), (page, 0));
}

#[test]
fn cut_off_anywhere_a_file_keeps_its_whole_parts() {
    let dir = tempfile::tempdir().unwrap();
    let (files, _) = open(dir.path());
    let units = units(30);
    let mut segment = begin(&files, &units, 1);
    let name = segment.filename().to_owned();
    for unit in &units {
        segment.push(unit).unwrap();
    }
    // What lies there when the service is killed: no end, no trailer.
    let bytes = std::fs::read(path(dir.path(), &name)).unwrap();
    drop((segment, files));

    let mut whole_before = 0;
    // Every 61st byte, and the first and last hundred: each cut is a folder of its own.
    let cuts = (0..100).chain((100..bytes.len() - 100).step_by(61)).chain(bytes.len() - 100..=bytes.len());
    for cut in cuts {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path()));
        std::fs::write(path(dir.path(), &name), &bytes[..cut]).unwrap();
        let (files, adopted) = open(dir.path());
        let page = files.recordings(&all()).unwrap();
        match adopted.as_slice() {
            [] => {
                assert_eq!(page.total, 0, "cut at {cut}");
                assert_eq!(whole_before, 0, "cut at {cut}: pictures were whole and are not there");
            }
            [adopted] => {
                assert!(adopted.frames >= whole_before, "cut at {cut}");
                whole_before = adopted.frames;
                assert_eq!(page.files[0].status, Status::Recovered);
                assert_eq!(page.files[0].duration, adopted.duration);
                if cut % 7 == 0 {
                    assert_eq!(ffprobe(&path(dir.path(), &name)).0, adopted.frames as usize);
                }
                assert!(open(dir.path()).1.is_empty(), "mended once is mended");
            }
            more => panic!("{more:?}"),
        }
    }
    assert!(whole_before >= 20, "{whole_before} of 30 pictures");
}

#[test]
fn strangers_are_neither_listed_nor_touched() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let strangers = [
        ("holiday.mp4", b"\0\0\0\x18ftypmp42 not ours".as_slice()),
        // A name like ours does not make a file ours.
        ("camera0_2026-11-24T01-25-19.123Z.mp4", b"precious".as_slice()),
        ("notes.txt", b"x".as_slice()),
        ("empty.mp4", b"".as_slice()),
    ];
    for (name, bytes) in strangers {
        std::fs::write(path(dir.path(), name), bytes).unwrap();
    }
    let (files, adopted) = open(dir.path());
    assert!(adopted.is_empty());
    assert_eq!(files.recordings(&all()).unwrap().total, 0);
    for (name, bytes) in strangers {
        assert_eq!(std::fs::read(path(dir.path(), name)).unwrap(), bytes, "{name}");
    }
}

#[test]
fn a_file_that_another_service_writes_is_not_adopted() {
    let dir = tempfile::tempdir().unwrap();
    let (files, _) = open(dir.path());
    let units = units(25);
    let mut segment = begin(&files, &units, 1);
    for unit in &units[..20] {
        segment.push(unit).unwrap();
    }
    assert!(open(dir.path()).1.is_empty());
    for unit in &units[20..] {
        segment.push(unit).unwrap();
    }
    let name = segment.filename().to_owned();
    segment.finish().unwrap();
    assert_eq!(ffprobe(&path(dir.path(), &name)).0, 25);
}

#[test]
fn two_recordings_that_begin_together_have_two_files() {
    let dir = tempfile::tempdir().unwrap();
    let (files, _) = open(dir.path());
    let units = units(2);
    let (mut a, mut b) = (begin(&files, &units, 1), begin(&files, &units, 1));
    assert_ne!(a.filename(), b.filename());
    a.push(&units[0]).unwrap();
    b.push(&units[0]).unwrap();
    a.finish().unwrap();
    b.finish().unwrap();
    let page = files.recordings(&all()).unwrap();
    assert_eq!((page.total, page.files[0].status), (2, Status::Complete));
}

#[test]
fn what_a_person_does_in_the_folder_shows_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (files, _) = open(dir.path());
    let units = units(12);
    let mut segment = begin(&files, &units, 1);
    for unit in &units {
        segment.push(unit).unwrap();
    }
    let name = segment.filename().to_owned();
    segment.finish().unwrap();
    assert_eq!(files.recordings(&all()).unwrap().total, 1);
    std::fs::rename(path(dir.path(), &name), path(dir.path(), "burglar.mp4")).unwrap();
    assert_eq!(files.recordings(&all()).unwrap().files[0].filename, "burglar.mp4");
    let cut = OpenOptions::new().write(true).open(path(dir.path(), "burglar.mp4")).unwrap();
    cut.set_len(cut.metadata().unwrap().len() - 5).unwrap();
    assert_eq!(files.recordings(&all()).unwrap().files[0].status, Status::Recovered);
    std::fs::remove_file(path(dir.path(), "burglar.mp4")).unwrap();
    assert_eq!(files.recordings(&all()).unwrap().total, 0);
}

/// A picture of the real encoder, with our mark.
fn picture(taken: SystemTime) -> Vec<u8> {
    let units: Vec<_> = units(1).into_iter().map(Arc::new).collect();
    let frame = media::picture::Decoder::new().unwrap().newest(&units).unwrap();
    frame.to_jpeg(85, None, &files::snapshot_mark_text(CameraId(1), taken)).unwrap()
}

#[test]
fn snapshots_are_whole_or_not_there_and_never_overwrite() {
    let dir = tempfile::tempdir().unwrap();
    let (files, _) = open(dir.path());
    let taken = UNIX_EPOCH + MOMENT;
    let bytes = picture(taken);
    let new = |name: Option<&str>| NewSnapshot {
        device: CameraId(1),
        taken,
        name: name.map(str::to_owned),
        extension: "jpg",
        bytes: bytes.clone(),
    };
    let names = [None, None, Some("gate.jpg")].map(|name| files.save_snapshot(&new(name)).unwrap().filename);
    assert_eq!(
        names,
        ["camera1_2026-11-24T01-25-19.123Z.jpg", "camera1_2026-11-24T01-25-19.123Z-2.jpg", "gate.jpg"]
    );
    assert_eq!(files.save_snapshot(&new(Some("gate.jpg"))).unwrap_err().kind, Kind::AlreadyExists);
    assert!(files.save_snapshot(&new(Some("../gate.jpg"))).is_err());
    assert!(!dir.path().join("gate.jpg").exists());
    // A stranger's picture and one whose writing was cut off.
    let folder = dir.path().join("snapshots");
    std::fs::write(folder.join("cat.jpg"), b"\xff\xd8\xff\xe0 a cat").unwrap();
    std::fs::write(folder.join(".unfinished-1-0"), &bytes[..20]).unwrap();
    let (files, _) = open(dir.path());
    assert!(!folder.join(".unfinished-1-0").exists());
    let page = files.snapshots(&all()).unwrap();
    assert_eq!(page.total, 3);
    for file in page.files {
        assert_eq!((file.device, file.created, file.extension), (CameraId(1), taken, "jpg"));
        assert_eq!(std::fs::read(folder.join(&file.filename)).unwrap(), bytes);
    }
    assert!(folder.join("cat.jpg").exists());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 4, "nothing else is left there");
}
