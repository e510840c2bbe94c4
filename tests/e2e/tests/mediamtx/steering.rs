//! What MediaMTX has: what it should, again after it has forgotten, and nothing that was right is touched.

use std::time::{Duration, Instant};

use e2e::{
    PATIENCE, finished,
    suite::{query, steered},
};
use serde_json::{Value, json};
use testkit::{MediaMtx, Player, Transport, eventually, ffmpeg, token::Role};

use crate::{media_server, rig};

#[tokio::test]
async fn one_that_was_killed_is_told_again_and_no_recording_notices() {
    let Some((mut mediamtx, mut service)) = rig(|setup| setup).await else { return };
    let device = service.device("A").await;
    let mut rpc = service.rpc(Role::Operator).await;
    let started = rpc.ok("start_recording", json!({"device": device})).await;
    let mut player =
        Player::open(mediamtx.rtsp(), &query(&mut rpc, &device).await, Transport::Tcp).await.unwrap();
    player.frames(5).await.unwrap();
    let mut watching = service.rpc(Role::Viewer).await;
    watching.ok("subscribe_events", json!({"topics": ["system.health"]})).await;
    let mut health_becomes = async |status: &str| {
        while watching.notification("system_health_update").await["params"]["status"] != status {}
    };
    let died = Instant::now();
    mediamtx.kill9();
    health_becomes("DEGRADED").await;
    assert!(died.elapsed() < Duration::from_secs(2), "{:?}", died.elapsed());
    eventually("its death is told", PATIENCE, async || {
        (media_server(&mut rpc).await == "ERROR").then_some(())
    })
    .await;
    let refused = rpc.err(-32050, "get_stream_url", json!({"device": device})).await;
    assert_eq!(refused.data["dependency"], "mediamtx");
    let status = rpc.ok("get_status", Value::Null).await;
    assert_eq!(status["status"], "DEGRADED", "{status}");
    rpc.ok("take_snapshot", json!({"device": device})).await;
    mediamtx.start();
    mediamtx.answers().await;
    let answered = Instant::now();
    steered(&mut rpc).await;
    let query = query(&mut rpc, &device).await;
    let mut player = eventually("a viewer is served", PATIENCE, async || {
        Player::open(mediamtx.rtsp(), &query, Transport::Tcp).await.ok()
    })
    .await;
    let back = answered.elapsed();
    assert!(back < Duration::from_secs(2), "{back:?}");
    health_becomes("HEALTHY").await;
    player.frames(5).await.unwrap();
    let stopped = rpc.ok("stop_recording", json!({"device": device})).await;
    assert_eq!(stopped["segments"], 1, "{stopped}");
    let name = started["filename"].as_str().unwrap();
    let file = finished(&mut rpc, name).await;
    // No picture is missing: each is a fifteenth of a second after the one before.
    let pictures = ffmpeg::probe(service.recording(name)).await.frames as f64;
    let duration = file["duration"].as_f64().unwrap();
    assert!((pictures / 15.0 - duration).abs() < 0.15, "{pictures} pictures in {duration} s");
}

#[tokio::test]
async fn what_somebody_changed_is_put_back_and_what_is_foreign_stays() {
    let Some((mediamtx, mut service)) = rig(|setup| setup.test_camera("B", "160x90@5")).await else { return };
    let device = service.device("A").await;
    let mut rpc = service.rpc(Role::Viewer).await;
    let query = query(&mut rpc, &device).await;
    let mut player = Player::open(mediamtx.rtsp(), &query, Transport::Tcp).await.unwrap();
    player.frames(5).await.unwrap();
    // A reload of its file forgets what was told by the API; its paths are its own business.
    let config = std::fs::read_to_string(mediamtx.config()).unwrap();
    std::fs::write(mediamtx.config(), config.replace("paths: {}", "paths: {lobby: {}}")).unwrap();
    service.log().says("it is told again").await;
    steered(&mut rpc).await;
    let mut again = Player::open(mediamtx.rtsp(), &query, Transport::Tcp).await.unwrap();
    again.frames(5).await.unwrap();
}

#[tokio::test]
async fn fifty_cameras_are_told_in_two_seconds_and_then_nothing_more_is() {
    let Some(mut mediamtx) = MediaMtx::prepare() else { return };
    mediamtx.start();
    mediamtx.answers().await;
    let setup = mediamtx.setup();
    let setup = (0..50).fold(setup, |setup, number| setup.test_camera(&format!("C{number}"), "160x90@5"));
    let service = setup.start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    let took = steered(&mut rpc).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    println!("50 cameras were told within {took:?}");
    // Two more looks, by which time it would have been told again.
    service.log().says("MediaMTX was told what to serve").await;
    tokio::time::timeout(Duration::from_secs(4), async { service.log().says("told again").await })
        .await
        .expect_err("nothing differs");
    assert_eq!(service.log().with("MediaMTX was told what to serve").len(), 1);
}

#[tokio::test]
async fn our_own_restart_rewrites_nothing_and_ten_viewers_come_back() {
    let Some((mediamtx, mut service)) = rig(|setup| setup).await else { return };
    let device = service.device("A").await;
    let mut rpc = service.rpc(Role::Viewer).await;
    service.log().says("MediaMTX was told what to serve").await;
    let query = query(&mut rpc, &device).await;
    let mut viewers = Vec::new();
    for _ in 0..10 {
        let mut player = Player::open(mediamtx.rtsp(), &query, Transport::Tcp).await.unwrap();
        player.frames(5).await.unwrap();
        viewers.push(player);
    }
    service.restart().await;
    let began = Instant::now();
    let mut rpc = service.rpc(Role::Viewer).await;
    steered(&mut rpc).await;
    assert!(service.log().with("MediaMTX was told what to serve").is_empty(), "{}", service.log().tail());
    // MediaMTX ends its viewers' sessions when its source has gone. The ticket of before is good still.
    for mut viewer in viewers {
        while viewer.frame().await.is_ok() {}
        let mut again = eventually("it can watch again", PATIENCE, async || {
            Player::open(mediamtx.rtsp(), &query, Transport::Tcp).await.ok()
        })
        .await;
        again.frames(1).await.unwrap();
        println!("a viewer has pictures again {:?} after our start", began.elapsed());
    }
}
