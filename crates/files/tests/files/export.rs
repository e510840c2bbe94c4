//! Clips cut out of real recordings in every container, over files and gaps.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base::{CameraId, Kind};
use files::{Chosen, Container, Exported, Files, NewExport, NewSegment, Status};
use media::Unit;

use crate::{MOMENT, all, encoder, ffprobe, open, path, units, write};

/// So many milliseconds after the first picture.
fn at(ms: u64) -> SystemTime {
    UNIX_EPOCH + MOMENT + Duration::from_millis(ms)
}

/// Records `units` as one file; its first picture is taken at `start_ms`.
fn record(
    files: &Files,
    units: &[Unit],
    id: &str,
    segment: u32,
    start_ms: u64,
    container: Container,
) -> String {
    let new = NewSegment {
        device: CameraId(3),
        recording_id: id.into(),
        segment,
        container,
        params: units[0].params.clone(),
        start: at(start_ms),
        first_pts_90k: units[0].pts_90k,
    };
    write(files.begin(&new).unwrap(), units)
}

fn export(files: &Files, start_ms: u64, end_ms: u64, container: Container) -> base::Result<Exported> {
    let new = NewExport {
        device: CameraId(3),
        recording_id: "c11b".into(),
        start: at(start_ms),
        end: at(end_ms),
        container,
    };
    files.export(&new, &|| false)
}

#[test]
fn a_clip_goes_over_files_in_any_container_and_tells_its_gaps() {
    let dir = tempfile::tempdir().unwrap();
    let (files, _) = open(dir.path());
    let units = units(40);
    // Two files without a gap, one of another recording after 3 s, one long before, one of a twin camera.
    record(&files, &units[..20], "a1", 1, 0, Container::Avi);
    record(&files, &units[20..], "a1", 2, 2000, Container::Mkv);
    record(&files, &units[..20], "a2", 1, 7000, Container::Mp4);
    record(&files, &units[..20], "a0", 1, 0, Container::Mp4);
    files.delete_recordings(&Chosen::Recording("a0".into()), None).unwrap();
    for container in [Container::Mp4, Container::Mkv] {
        let clip = export(&files, 1500, 8050, container).unwrap();
        // From the key frame at 1 s: 10 + 20 pictures, a gap of 3 s, 11 pictures.
        assert_eq!(clip.start, at(1000));
        assert_eq!(clip.gaps.len(), 1, "{clip:?}");
        let close = |a: SystemTime, b: SystemTime| {
            let apart = a.duration_since(b).or_else(|_| b.duration_since(a)).unwrap();
            assert!(apart <= Duration::from_millis(3), "{clip:?}: {apart:?} apart");
        };
        close(clip.gaps[0].0, at(4000));
        close(clip.gaps[0].1, at(7000));
        close(clip.end, at(8100));
        let file = path(dir.path(), &clip.filename);
        let (frames, seconds) = ffprobe(&file);
        assert_eq!(frames, 41, "{container:?}");
        assert!((seconds - 4.1).abs() < 0.05, "{container:?}: {seconds}");
        assert!((clip.duration.as_secs_f64() - 4.1).abs() < 0.05, "{clip:?}");
        assert_eq!(clip.file_size, std::fs::metadata(&file).unwrap().len());
        let listed = files.recording(&clip.filename, None).unwrap().info;
        assert!(listed.export && listed.status == Status::Complete && listed.container == container);
        assert_eq!((listed.created, listed.duration), (clip.start, clip.duration));
    }
    // A clip is no source of another one, and shows in no twin's.
    assert_eq!(export(&files, 0, 500, Container::Mp4).unwrap().gaps, []);
    assert_eq!(ffprobe(&path(dir.path(), &export(&files, 0, 500, Container::Mp4).unwrap().filename)).0, 5);
    let left: Vec<_> =
        std::fs::read_dir(dir.path().join("recordings")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
}

#[test]
fn nothing_recorded_is_told_and_a_stopped_clip_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (files, _) = open(dir.path());
    assert_eq!(export(&files, 0, 9000, Container::Mp4).unwrap_err().kind, Kind::NotFound);
    record(&files, &units(20), "a1", 1, 0, Container::Mp4);
    assert_eq!(export(&files, 2000, 9000, Container::Mp4).unwrap_err().kind, Kind::NotFound);
    let new = NewExport {
        device: CameraId(3),
        recording_id: "c11b".into(),
        start: at(0),
        end: at(2000),
        container: Container::Mkv,
    };
    assert_eq!(files.export(&new, &|| true).unwrap_err().kind, Kind::WrongState);
    assert_eq!(std::fs::read_dir(dir.path().join("recordings")).unwrap().count(), 1);
    // Left by a killed service: it never had a name.
    std::fs::write(path(dir.path(), ".unfinished-1-0"), "half a clip").unwrap();
    drop(files);
    let (files, adopted) = open(dir.path());
    assert_eq!((files.recordings(&all()).unwrap().total, adopted.len()), (1, 0));
    assert!(!path(dir.path(), ".unfinished-1-0").exists());
}

#[test]
fn recordings_that_overlap_are_not_shown_twice_and_another_size_ends_the_clip() {
    let dir = tempfile::tempdir().unwrap();
    let (files, _) = open(dir.path());
    let units = units(40);
    record(&files, &units[..25], "a1", 1, 0, Container::Mp4);
    // It begins with what was cached: half a second of it is in the first one, too.
    record(&files, &units[20..], "a2", 1, 2000, Container::Mp4);
    let clip = export(&files, 0, 9000, Container::Mp4).unwrap();
    assert_eq!(ffprobe(&path(dir.path(), &clip.filename)).0, 40);
    assert_eq!((clip.end, clip.gaps), (at(4000), vec![]));
    let other = encoder::units("64x64:rate=10", 10, &["-preset", "ultrafast", "-tune", "zerolatency"]);
    record(&files, &other, "a2", 2, 4000, Container::Mp4);
    let clip = export(&files, 3000, 9000, Container::Mkv).unwrap();
    assert_eq!(ffprobe(&path(dir.path(), &clip.filename)).0, 10);
    assert_eq!((clip.end, clip.gaps), (at(4000), vec![(at(4000), at(5000))]));
}

#[test]
fn a_recording_that_runs_gives_what_is_written() {
    for container in Container::ALL {
        let dir = tempfile::tempdir().unwrap();
        let (files, _) = open(dir.path());
        let units = units(25);
        let mut segment = crate::begin_as(&files, &units, 1, container);
        for unit in &units {
            segment.push(unit).unwrap();
        }
        let clip = export(&files, 0, 90_000, Container::Mp4).unwrap();
        let frames = ffprobe(&path(dir.path(), &clip.filename)).0;
        assert!((16..=25).contains(&frames), "{container:?}: {frames}");
        segment.finish().unwrap();
        assert_eq!(files.recordings(&all()).unwrap().total, 2);
    }
}
