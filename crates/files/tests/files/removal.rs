//! Files that go: by name, by recording, by rule; and those that stay whatever the rules say.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base::{CameraId, Kind};
use files::{Chosen, Container, Files, NewSegment, Policy, Rule, Status};
use media::Unit;

use crate::{MOMENT, all, open, path, picture, units, write};

const KEEP: Policy = Policy { max_age: None, max_bytes: None, min_free_percent: None };
const DAY: Duration = Duration::from_hours(24);

fn now() -> SystemTime {
    UNIX_EPOCH + MOMENT
}

/// A recording of `segments` files that began so many days before [`now`].
fn record(files: &Files, units: &[Unit], id: &str, days_ago: u32, segments: u32) -> Vec<String> {
    let device = CameraId(u16::from(id.starts_with('b')));
    let names = (1..=segments).map(|segment| {
        let new = NewSegment {
            device,
            recording_id: id.into(),
            segment,
            container: Container::Mp4,
            params: units[0].params.clone(),
            start: now() - DAY * days_ago + Duration::from_secs(segment.into()),
            first_pts_90k: units[0].pts_90k,
        };
        write(files.begin(&new).unwrap(), units)
    });
    names.collect()
}

fn left(files: &Files) -> Vec<String> {
    let mut names: Vec<_> = files.recordings(&all()).unwrap().files.into_iter().map(|f| f.filename).collect();
    names.sort();
    names
}

#[test]
fn files_tell_what_is_in_them() {
    let dir = tempfile::tempdir().unwrap();
    let (files, _) = open(dir.path());
    let names = record(&files, &units(15), "a1", 0, 2);
    let detail = files.recording(&names[1], None).unwrap();
    assert_eq!((detail.width, detail.height, detail.segments, detail.info.segment), (128, 96, 2, 2));
    assert_eq!(detail.fps, Some(10.0));
    assert!(detail.codec.starts_with("avc1."), "{}", detail.codec);
    assert_eq!(detail.info.status, Status::Complete);
    // Out of scope and unknown are one thing.
    let told = [files.recording(&names[0], Some(&[CameraId(7)])), files.recording("no.mp4", None)];
    let [hidden, unknown] = told.map(Result::unwrap_err);
    assert_eq!((hidden.kind, &hidden), (Kind::NotFound, &unknown));

    let new = files::NewSnapshot {
        device: CameraId(1),
        taken: now(),
        name: None,
        extension: "jpg",
        bytes: picture(now()),
    };
    let name = files.save_snapshot(&new).unwrap().filename;
    let detail = files.snapshot(&name, Some(&[CameraId(1)])).unwrap();
    assert_eq!((detail.width, detail.height, detail.info.file_size), (128, 96, new.bytes.len() as u64));
    assert_eq!(files.snapshot(&name, Some(&[])).unwrap_err().kind, Kind::NotFound);
    let usage = files.usage(None).unwrap();
    assert_eq!((usage.recordings, usage.snapshots, usage.snapshots_bytes), (2, 1, new.bytes.len() as u64));
}

#[test]
fn what_is_deleted_is_gone_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (files, _) = open(dir.path());
    let units = units(11);
    let (a, b) = (record(&files, &units, "a1", 0, 3), record(&files, &units, "b1", 1, 1));
    for name in ["../secret", "", ".", "a.mp4", "/etc/passwd"] {
        let refused = files.delete_recordings(&Chosen::File(name.into()), None).unwrap_err();
        assert_eq!(refused.kind, Kind::NotFound, "{name}");
    }
    let scope = [CameraId(1)];
    let refused = files.delete_recordings(&Chosen::Recording("a1".into()), Some(&scope)).unwrap_err();
    assert_eq!(refused.kind, Kind::NotFound);
    let removed = files.delete_recordings(&Chosen::File(a[1].clone()), None).unwrap();
    assert_eq!(removed.files, [a[1].clone()]);
    assert!(removed.bytes > 500);
    let removed = files.delete_recordings(&Chosen::Recording("a1".into()), None).unwrap();
    assert_eq!(removed.files, [a[0].clone(), a[2].clone()]);
    assert_eq!(left(&files), b);

    // A recording that is being written stays whole.
    let new = NewSegment {
        device: CameraId(0),
        recording_id: "b1".into(),
        segment: 2,
        container: Container::Mp4,
        params: units[0].params.clone(),
        start: now(),
        first_pts_90k: units[0].pts_90k,
    };
    let mut segment = files.begin(&new).unwrap();
    segment.push(&units[0]).unwrap();
    let chosen = Chosen::Recording("b1".into());
    assert_eq!(files.delete_recordings(&chosen, None).unwrap_err().kind, Kind::Busy);
    assert_eq!(left(&files).len(), 2);
    segment.finish().unwrap();
    assert_eq!(files.delete_recordings(&chosen, None).unwrap().files.len(), 2);
}

#[test]
fn rules_take_the_oldest_but_nothing_protected() {
    let dir = tempfile::tempdir().unwrap();
    let (files, _) = open(dir.path());
    let units = units(11);
    let old = record(&files, &units, "a1", 50, 2);
    let older = record(&files, &units, "a2", 60, 1);
    let young = record(&files, &units, "b1", 2, 1);
    std::fs::write(path(dir.path(), "holiday.mp4"), "not ours").unwrap();
    let month = Policy { max_age: Some(DAY * 30), ..KEEP };

    assert_eq!(files.protect(&Chosen::File(old[0].clone()), true, None).unwrap(), [old[0].clone()]);
    let would = files.clean(&month, now(), true, None).unwrap();
    let expected = [(older[0].clone(), Rule::Age), (old[1].clone(), Rule::Age)];
    assert_eq!(would.files, expected);
    assert_eq!(left(&files).len(), 4, "a dry run removes nothing");
    assert_eq!(files.clean(&month, now(), false, Some(&[CameraId(1)])).unwrap().files, []);
    assert_eq!(files.clean(&month, now(), false, None).unwrap(), would);
    assert_eq!(left(&files), [old[0].clone(), young[0].clone()]);

    // Protection outlives the service and a new name, and is given back.
    drop(files);
    std::fs::rename(path(dir.path(), &old[0]), path(dir.path(), "burglar.mp4")).unwrap();
    let (files, _) = open(dir.path());
    assert!(files.recording("burglar.mp4", None).unwrap().info.protected);
    assert_eq!(
        files.clean(&Policy { max_bytes: Some(0), ..KEEP }, now(), false, None).unwrap().files.len(),
        1
    );
    assert_eq!(left(&files), ["burglar.mp4"]);
    files.protect(&Chosen::Recording("a1".into()), false, None).unwrap();
    assert_eq!(files.clean(&month, now(), false, None).unwrap().files, [("burglar.mp4".into(), Rule::Age)]);
    assert!(path(dir.path(), "holiday.mp4").exists(), "never a file that is not ours");
}

#[test]
fn while_nobody_knows_what_is_protected_nothing_goes_by_rule() {
    let dir = tempfile::tempdir().unwrap();
    let (files, _) = open(dir.path());
    let names = record(&files, &units(11), "a1", 50, 1);
    drop(files);
    std::fs::write(path(dir.path(), ".protected.json"), "{").unwrap();
    let (files, _) = open(dir.path());
    let month = Policy { max_age: Some(DAY * 30), ..KEEP };
    assert_eq!(files.clean(&month, now(), false, None).unwrap_err().kind, Kind::Io);
    assert!(files.protect(&Chosen::File(names[0].clone()), true, None).is_err());
    assert_eq!(left(&files), names);
    // A person may still remove what they name.
    files.delete_recordings(&Chosen::File(names[0].clone()), None).unwrap();
    assert_eq!(left(&files), [""; 0]);
}
