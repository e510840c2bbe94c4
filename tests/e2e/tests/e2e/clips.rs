//! Clips where things happen at once, or stop in the middle.

use std::{fs, path::PathBuf, time::Duration};

use e2e::{PATIENCE, finished};
use serde_json::{Value, json};
use testkit::{Rpc, Service, Setup, eventually, ffmpeg, time, token::Role};

/// Clips that a kill may miss, because they were done before.
const ATTEMPTS: usize = 30;

/// Records so many seconds of the camera `A`; gives the file's entry and what a clip of all of it takes.
async fn recorded(service: &mut Service, rpc: &mut Rpc, seconds: u64) -> (Value, Value) {
    let device = service.device("A").await;
    let started = rpc.ok("start_recording", json!({"device": device, "duration": seconds})).await;
    let entry = finished(rpc, started["filename"].as_str().expect("the contract's member")).await;
    let start = started["start_time"].as_str().expect("the contract's member");
    let end = time::text(time::parse(start) + Duration::from_secs(seconds + 60));
    (entry, json!({"device": device, "start": start, "end": end}))
}

#[tokio::test]
async fn two_clips_at_once_are_two_whole_clips() {
    let mut service = Setup::new().test_camera("A", "320x180@15").start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let (entry, all) = recorded(&mut service, &mut rpc, 3).await;
    let mut other = service.rpc(Role::Operator).await;
    let mut third = service.rpc(Role::Operator).await;
    let mut mkv = all.clone();
    mkv["format"] = json!("mkv");
    let (one, two, three) = tokio::join!(
        rpc.ok("export_recording", all.clone()),
        other.ok("export_recording", all.clone()),
        third.ok("export_recording", mkv),
    );
    assert_ne!(one["filename"], two["filename"]);
    for clip in [&one, &two, &three] {
        let probe = ffmpeg::probe(service.recording(clip["filename"].as_str().unwrap())).await;
        assert_eq!(probe.frames, 45, "{clip} {probe:?}");
        assert_eq!((&clip["start"], &clip["gaps"]), (&entry["created_time"], &json!([])), "{clip}");
    }
    assert_eq!(rpc.ok("list_recordings", json!({})).await["total"], 4);
}

#[tokio::test]
async fn killed_in_the_middle_of_a_clip_nothing_half_made_is_there() {
    // Each second of it waits for the disk: there is a middle.
    let setup = Setup::new().test_camera("A", "320x180@15").set("recording.durability", "power");
    let mut service = setup.start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let (entry, all) = recorded(&mut service, &mut rpc, 5).await;
    let source = service.recording(entry["filename"].as_str().unwrap());
    let before = fs::read(&source).unwrap();
    let mut caught = false;
    for _ in 0..ATTEMPTS {
        let clips = names(&service).len();
        rpc.start("export_recording", all.clone()).await;
        // Seen from outside as soon as it is there, and gone as soon as it has its name.
        while unfinished(&service).is_empty() && names(&service).len() == clips {}
        service.kill9();
        caught = !unfinished(&service).is_empty();
        if caught {
            break;
        }
        service.restart().await;
        rpc = service.rpc(Role::Operator).await;
    }
    assert!(caught, "no clip was cut off in the middle: the test proves nothing");
    let whole = names(&service).len();
    service.restart().await;
    let mut rpc = service.rpc(Role::Operator).await;
    assert_eq!(unfinished(&service), Vec::<PathBuf>::new());
    let list = rpc.ok("list_recordings", json!({})).await;
    assert_eq!(list["total"], whole, "{list}");
    for file in list["files"].as_array().unwrap() {
        assert_eq!(file["status"], "COMPLETE", "{file}");
        let probe = ffmpeg::probe(service.recording(file["filename"].as_str().unwrap())).await;
        assert_eq!(probe.frames, 75, "{file} {probe:?}");
    }
    assert!(fs::read(&source).unwrap() == before, "the source was touched");
    // And it works as before.
    let clip = rpc.ok("export_recording", all).await;
    eventually("the clip is listed", PATIENCE, async || {
        (rpc.ok("list_recordings", json!({})).await["total"] == whole + 1).then_some(())
    })
    .await;
    assert_eq!(clip["gaps"], json!([]));
}

/// Files in the recordings folder, by the beginning of their names.
fn files(service: &Service, begins: fn(&str) -> bool) -> Vec<PathBuf> {
    let folder = service.recording("");
    let entries = fs::read_dir(folder).expect("the service has made it").flatten();
    entries.filter(|entry| begins(&entry.file_name().to_string_lossy())).map(|entry| entry.path()).collect()
}

fn unfinished(service: &Service) -> Vec<PathBuf> {
    files(service, |name| name.starts_with(".unfinished"))
}

fn names(service: &Service) -> Vec<PathBuf> {
    files(service, |name| name.starts_with("camera"))
}
