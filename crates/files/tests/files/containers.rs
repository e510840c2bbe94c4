//! Every container keeps the promises of a recording: it plays as it lies, keeps its whole parts when it
//! is cut off, and tells all of itself.

use std::time::Duration;

use base::{CameraId, config::Settings};
use files::{Config, Container, Files, Status};
use media::Unit;
use serde_json::json;

use crate::{all, begin_as, ffprobe, grow, open, path, units, write};

fn record(files: &Files, units: &[Unit], container: Container) -> String {
    write(begin_as(files, units, 1, container), units)
}

#[test]
fn it_plays_from_its_first_picture_on_and_tells_all_of_itself() {
    for container in [Container::Mkv, Container::Avi] {
        let dir = tempfile::tempdir().unwrap();
        let (files, _) = open(dir.path());
        let units = units(35);
        let mut segment = begin_as(&files, &units, 1, container);
        let name = segment.filename().to_owned();
        assert_eq!(name, format!("camera3_2026-11-24T01-25-20.123Z.{}", container.extension()));
        grow(dir.path(), &files, &mut segment, &units);
        let ended = segment.finish().unwrap();
        assert_eq!(ended.duration, Duration::from_millis(3500));
        let (frames, seconds) = ffprobe(&path(dir.path(), &name));
        assert_eq!(frames, 35);
        assert!((seconds - 3.5).abs() < 0.11, "{container:?}: {seconds}");
        let page = files.recordings(&all()).unwrap();
        let file = &page.files[0];
        assert_eq!((file.filename.as_str(), file.status), (name.as_str(), Status::Complete));
        assert_eq!((file.container, file.device, file.segment), (container, CameraId(3), 1));
        assert_eq!((file.duration, file.file_size), (ended.duration, ended.file_size));
        let detail = files.recording(&name, None).unwrap();
        assert_eq!((detail.width, detail.height), (128, 96));
        assert!((detail.fps.unwrap() - 10.0).abs() < 0.01 && detail.codec.starts_with("avc1."), "{detail:?}");
        drop(files);
        let (files, adopted) = open(dir.path());
        assert_eq!((files.recordings(&all()).unwrap(), adopted.len()), (page, 0));
    }
}

#[test]
fn cut_off_anywhere_it_keeps_its_whole_parts() {
    for container in [Container::Mkv, Container::Avi] {
        let dir = tempfile::tempdir().unwrap();
        let (files, _) = open(dir.path());
        let units = units(30);
        let mut segment = begin_as(&files, &units, 1, container);
        let name = segment.filename().to_owned();
        for unit in &units {
            segment.push(unit).unwrap();
        }
        let bytes = std::fs::read(path(dir.path(), &name)).unwrap();
        drop((segment, files));
        let mut whole_before = 0;
        for cut in (0..100).chain((100..bytes.len()).step_by(211)).chain([bytes.len()]) {
            let dir = tempfile::tempdir().unwrap();
            drop(open(dir.path()));
            std::fs::write(path(dir.path(), &name), &bytes[..cut]).unwrap();
            let (files, adopted) = open(dir.path());
            let page = files.recordings(&all()).unwrap();
            let [adopted] = adopted.as_slice() else {
                assert_eq!((page.total, whole_before), (0, 0), "{container:?} cut at {cut}");
                continue;
            };
            assert!(adopted.frames >= whole_before, "{container:?} cut at {cut}");
            assert_eq!(page.files[0].status, Status::Recovered);
            assert_eq!(page.files[0].duration, adopted.duration);
            if adopted.frames > whole_before {
                assert_eq!(ffprobe(&path(dir.path(), &name)).0, adopted.frames as usize);
            }
            whole_before = adopted.frames;
            assert!(open(dir.path()).1.is_empty(), "mended once is mended");
        }
        assert!(whole_before >= 20, "{container:?}: {whole_before} of 30 pictures");
    }
}

#[test]
fn avi_has_the_rate_its_pictures_had() {
    let dir = tempfile::tempdir().unwrap();
    let (files, _) = open(dir.path());
    let mut units = units(20);
    // Half as many a second as the stream says of itself.
    for (unit, n) in units.iter_mut().zip(0..) {
        unit.pts_90k = n * 18_000;
    }
    let name = record(&files, &units, Container::Avi);
    let (frames, seconds) = ffprobe(&path(dir.path(), &name));
    assert_eq!(frames, 20);
    assert!((seconds - 4.0).abs() < 0.01, "{seconds}");
    // Out of order: no rate tells that.
    let mut segment = begin_as(&files, &units, 2, Container::Avi);
    segment.push(&units[0]).unwrap();
    segment.push(&units[3]).unwrap();
    assert_eq!(segment.push(&units[2]).unwrap_err().kind, base::Kind::Unsupported);
    segment.finish().unwrap();
    assert_eq!(files.recordings(&all()).unwrap().total, 2);
}

#[test]
fn a_power_cut_is_thought_of_when_told() {
    for container in Container::ALL {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.put("recording.durability", json!("power"), base::config::Origin::File);
        let config = Config::read(&mut settings, dir.path());
        settings.finish().unwrap();
        let (files, _) = Files::open(&config).unwrap();
        let name = record(&files, &units(12), container);
        assert_eq!(ffprobe(&path(dir.path(), &name)).0, 12);
    }
}
