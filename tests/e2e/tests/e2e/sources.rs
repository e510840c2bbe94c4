//! Video programs that die, freeze, or are not there: found out, told, started again.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use e2e::PATIENCE;
use serde_json::{Value, json};
use testkit::{
    Pid, Player, Service, Setup, Transport, Watch, eventually, ffmpeg, rtsp::RtspError, token::Role,
};

#[tokio::test]
async fn one_that_dies_or_freezes_is_started_again_and_viewers_and_recordings_go_on() {
    let mut service = Setup::new().test_camera("A", "320x180@15").start().await;
    let device = service.device("A").await;
    let watch = Watch::start(service.rtsp().await, &device, Transport::Tcp).await.unwrap();
    let mut rpc = service.rpc(Role::Operator).await;
    rpc.ok("start_recording", json!({"device": device})).await;
    watch.reach(20, PATIENCE).await;
    let first = service.ffmpegs()[0];
    first.kill9();
    let second = another(&service, first).await;
    watch.reach(watch.count() + 20, PATIENCE).await;

    // Frozen, it still runs and its pipe is open: only the missing pictures tell (after 5 s).
    second.freeze();
    let third = another(&service, second).await;
    assert!(!second.is_alive() && !second.is_zombie(), "the frozen one was killed and reaped");
    watch.reach(watch.count() + 20, PATIENCE).await;
    assert_eq!(service.ffmpegs(), [third]);

    let stopped = rpc.ok("stop_recording", json!({"device": device})).await;
    let (player, frames, error) = watch.stop().await;
    assert!(error.is_none(), "the viewer was not sent away: {error:?}");
    // Time goes on over the gaps; sequence numbers have none.
    assert_eq!((player.problems(), player.lost_packets()), (&[][..], 0));
    let whole = frames.last().unwrap().timestamp.wrapping_sub(frames[0].timestamp);
    assert!(whole > 7 * 90_000, "the stream's clock stood still while it was frozen: {whole}");
    // The loss of a camera cuts a recording; every piece is whole.
    assert!(stopped["segments"].as_u64().unwrap() >= 2, "{stopped}");
    for name in stopped["files"].as_array().unwrap() {
        assert!(ffmpeg::probe(service.recording(name.as_str().unwrap())).await.frames > 0);
    }
}

/// The one video program that took the place of `old`.
async fn another(service: &Service, old: Pid) -> Pid {
    eventually("another video program runs", PATIENCE, async || match service.ffmpegs()[..] {
        [new] if new != old => Some(new),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn one_that_cannot_work_is_told_before_the_start_time_is_up() {
    let folder = tempfile::tempdir().unwrap();
    // As a broken installation: it ends at once, and says why only to the log.
    let broken = folder.path().join("ffmpeg");
    std::fs::write(&broken, "#!/bin/sh\necho 'no such codec on /dev/video9' >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(&broken, PermissionsExt::from_mode(0o755)).unwrap();
    for path in ["/nonexistent", folder.path().to_str().unwrap()] {
        let setup = Setup::new().test_camera("A", "320x180@15").environment("PATH", path);
        let mut service = setup.start().await;
        let device = service.device("A").await;
        let address = service.rtsp().await;
        // The start time-out is 10 s.
        let opening =
            tokio::time::timeout(Duration::from_secs(8), Player::open(address, &device, Transport::Tcp));
        let refused = opening.await.expect("an answer before the start time is up").unwrap_err();
        assert!(matches!(refused, RtspError::Refused { method: "DESCRIBE", status: 503 }), "{refused}");
        let mut rpc = service.rpc(Role::Operator).await;
        rpc.err(-32050, "take_snapshot", json!({"device": device})).await;
        rpc.err(-32050, "start_recording", json!({"device": device})).await;
        let status = rpc.ok("get_camera_status", json!({"device": device})).await;
        assert_eq!(status["recording"], json!({"active": false}), "{status}");
        assert_eq!(rpc.ok("list_recordings", Value::Null).await["total"], 0);
        assert!(service.ffmpegs().is_empty());
        if path != "/nonexistent" {
            service.log().says("no such codec").await; // Its last words.
        }
    }
}
