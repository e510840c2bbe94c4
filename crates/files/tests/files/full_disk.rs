//! A disk that fills while a recording is written. A real one: a file system in memory, mounted for the
//! test. Only root may mount; elsewhere the test says so and is skipped.

use std::{path::Path, process::Command};

use base::Kind;
use files::Status;

use crate::{all, begin, ffprobe, open, path, units};

/// A small file system on `dir`; gone when dropped.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(dir: &'a Path, options: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(dir);
        let mounted = mount.output().is_ok_and(|out| out.status.success());
        mounted.then_some(Self(dir))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        // Lazily: a test that failed may still hold a file there.
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
fn what_was_written_before_the_disk_was_full_plays_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_mounted) = Mounted::new(dir.path(), "size=256k") else {
        eprintln!("!!! SKIPPED: a full disk was NOT tried, because only root may mount a small one");
        return;
    };
    let (files, _) = open(dir.path());
    let units = units(30);
    let mut segment = begin(&files, &units, 1);
    let name = segment.filename().to_owned();
    segment.push(&units[0]).unwrap();
    // Somebody else fills the disk up to the last 40 KiB.
    let free = files.space().unwrap().available as usize;
    std::fs::write(dir.path().join("other"), vec![1; free - (40 << 10)]).unwrap();

    // A stream's pictures for ever: the same ones again, later.
    let mut written = 1;
    let error = 'full: loop {
        for unit in &units {
            let mut unit = unit.clone();
            unit.pts_90k = units[0].pts_90k + i64::from(written) * 9000;
            if let Err(error) = segment.push(&unit) {
                break 'full error;
            }
            written += 1;
            assert!(written < 3000, "the disk is never full");
        }
    };
    assert_eq!(error.kind, Kind::StorageFull);
    assert!(!error.to_string().contains(dir.path().to_str().unwrap()), "{error}");
    let ended = segment.finish();
    let listed = files.recordings(&all()).unwrap().files.remove(0);
    assert!(listed.duration.as_secs() >= 1);
    let (frames, _) = ffprobe(&path(dir.path(), &name));
    // At most the second that was being written is lost.
    assert!(frames as u32 + 11 >= written, "{frames} of {written}");
    // Whether there was room for the last note or not, nothing is lost at the next start either.
    drop(files);
    std::fs::remove_file(dir.path().join("other")).unwrap();
    let (files, adopted) = open(dir.path());
    assert_eq!(adopted.len(), usize::from(ended.is_err() && listed.status == Status::Recovered));
    assert_eq!(files.recordings(&all()).unwrap().files[0].duration, listed.duration);
    assert_eq!(ffprobe(&path(dir.path(), &name)).0, frames);
}

#[test]
fn a_recording_that_cannot_begin_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_mounted) = Mounted::new(dir.path(), "size=64k") else {
        eprintln!("!!! SKIPPED: a full disk was NOT tried, because only root may mount a small one");
        return;
    };
    let (files, _) = open(dir.path());
    let units = units(1);
    let free = files.space().unwrap().available as usize;
    std::fs::write(dir.path().join("other"), vec![1; free]).unwrap();
    let new = files::NewSegment {
        container: files::Container::Mp4,
        device: base::CameraId(0),
        recording_id: "1".into(),
        segment: 1,
        params: units[0].params.clone(),
        start: std::time::SystemTime::now(),
        first_pts_90k: 0,
    };
    assert_eq!(files.begin(&new).unwrap_err().kind, Kind::StorageFull);
    assert_eq!(std::fs::read_dir(dir.path().join("recordings")).unwrap().count(), 0);
    let snapshot = files::NewSnapshot {
        device: base::CameraId(0),
        taken: std::time::SystemTime::now(),
        name: None,
        extension: "jpg",
        bytes: vec![1; 5000],
    };
    assert_eq!(files.save_snapshot(&snapshot).unwrap_err().kind, Kind::StorageFull);
    assert_eq!(std::fs::read_dir(dir.path().join("snapshots")).unwrap().count(), 0);
}
