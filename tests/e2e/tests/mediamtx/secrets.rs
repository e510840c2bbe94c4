//! What the service and MediaMTX share: what it opens and what not, and how it is exchanged (docs/security.md).

use std::time::Duration;

use e2e::{PATIENCE, suite::query};
use serde_json::{Value, json};
use testkit::{Player, Service, Transport, eventually, ffmpeg, rtsp::RtspError, token::Role};

use crate::rig;

/// Waits until `get_status` gives this reason; an empty one: none.
async fn reason(service: &Service, want: &str) {
    let mut rpc = service.rpc(Role::Viewer).await;
    eventually(&format!("the reason is {want:?}"), PATIENCE, async || {
        let status = rpc.ok("get_status", Value::Null).await;
        let reasons = status["reasons"].as_array()?;
        let told = reasons.iter().any(|reason| reason.as_str().is_some_and(|reason| reason.contains(want)));
        let running = status["components"]["media_server"] == "RUNNING";
        if want.is_empty() { running && reasons.is_empty() } else { told }.then_some(())
    })
    .await;
}

fn is_refused(opened: &Result<Player, RtspError>) -> bool {
    matches!(opened, Err(RtspError::Refused { status: 400 | 401, .. }))
}

#[tokio::test]
async fn a_ticket_opens_one_camera_for_reading_and_a_revoked_one_nothing() {
    let Some((mediamtx, mut service)) = rig(|setup| setup.test_camera("B", "160x90@5")).await else { return };
    let (device, other) = (service.device("A").await, service.device("B").await);
    let mut admin = service.rpc(Role::Admin).await;
    let mut rpc = service.connect().await;
    rpc.authenticate(&service.token_for(Role::Viewer, "mallory").await).await;
    let good = query(&mut rpc, &device).await;
    let ticket = good.split_once("?jwt=").expect("RTSP's address holds it").1;
    let mut player = Player::open(mediamtx.rtsp(), &good, Transport::Tcp).await.unwrap();
    player.frames(5).await.unwrap();
    for (place, path) in [
        (mediamtx.rtsp(), device.clone()),
        (mediamtx.rtsp(), format!("{other}?jwt={ticket}")),
        // Nobody fetches from us but MediaMTX.
        (mediamtx.feed(), device.clone()),
        (mediamtx.feed(), format!("{device}?ticket={ticket}")),
        (mediamtx.feed(), format!("{device}?token={}", service.token(Role::Admin).await)),
    ] {
        let opened = Player::open(place, &path, Transport::Tcp).await;
        assert!(is_refused(&opened), "{place} {path}");
    }
    rpc.err(-32001, "ping", json!({"auth_token": ticket})).await;
    let publish = format!(
        "-f lavfi -i testsrc=size=160x90:rate=5 -t 1 -c:v libx264 -rtsp_transport tcp -f rtsp rtsp://{}/{good}",
        mediamtx.rtsp()
    );
    ffmpeg::failing(&publish).await;

    admin.ok("revoke_token", json!({"user": "mallory"})).await;
    let ended = async { while player.frame().await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(5), ended).await.expect("who was revoked sees no more");
}

#[tokio::test]
async fn keys_and_the_feeds_password_are_made_anew_when_they_are_removed() {
    let Some((mut mediamtx, mut service)) = rig(|setup| setup).await else { return };
    let device = service.device("A").await;
    let old = query(&mut service.rpc(Role::Viewer).await, &device).await;
    Player::open(mediamtx.rtsp(), &old, Transport::Tcp).await.unwrap().frames(5).await.unwrap();

    service.terminate(PATIENCE).await;
    for name in ["media_keys", "media_feed"] {
        std::fs::remove_file(service.data_dir().join(name)).unwrap();
    }
    service.restart().await;
    // It has the old keys still, and keeps them for an hour.
    reason(&service, "does not believe the service's token").await;
    mediamtx.kill9();
    mediamtx.start();
    reason(&service, "").await;
    let new = query(&mut service.rpc(Role::Viewer).await, &device).await;
    Player::open(mediamtx.rtsp(), &new, Transport::Tcp).await.unwrap().frames(5).await.unwrap();
    assert!(is_refused(&Player::open(mediamtx.rtsp(), &old, Transport::Tcp).await));
}
