//! Who may watch, and streams that are kept ready for somebody.

use std::time::Duration;

use e2e::{PATIENCE, readers_become};
use serde_json::{Value, json};
use testkit::{
    Player, Rpc, Service, Setup, Transport, eventually, ffmpeg,
    rtsp::{Connection, RtspError, basic},
    token::{self, Role},
};

/// Two cameras that nobody watches without a credential, and their ids.
async fn guarded() -> (Service, String, String) {
    let setup = Setup::new().test_camera("A", "320x180@15").test_camera("B", "320x180@15");
    let mut service = setup.set("security.media_auth", "always").start().await;
    let (one, two) = (service.device("A").await, service.device("B").await);
    (service, one, two)
}

async fn plays(url: &str, transport: &str) {
    let arguments =
        format!("-rtsp_transport {transport} -i {url} -vsync passthrough -frames:v 15 -f framecrc pipe:1");
    let report = ffmpeg::ffmpeg(arguments.split(' ')).await;
    let report = String::from_utf8_lossy(&report);
    assert_eq!(report.lines().filter(|line| !line.starts_with('#')).count(), 15, "{transport}: {report}");
}

/// How DESCRIBE is answered.
async fn describe(service: &Service, path: &str, authorization: Option<&str>) -> u16 {
    let address = service.rtsp().await;
    let mut connection = Connection::open(address).await.expect("the service listens");
    let headers: Vec<_> = authorization.map(|value| ("Authorization", value)).into_iter().collect();
    connection
        .request("DESCRIBE", &format!("rtsp://{address}/{path}"), &headers)
        .await
        .expect("every request is answered")
        .status
}

#[tokio::test]
async fn the_address_of_get_stream_url_works_as_it_is_and_no_other() {
    let (service, one, two) = guarded().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    let told = rpc.ok("get_stream_url", json!({"device": one})).await;
    let url = told["stream_url"].as_str().unwrap();
    let ticket = told["ticket"]["token"].as_str().unwrap();
    assert!(url.ends_with(&format!("/{one}?ticket={ticket}")) && url.len() < 400, "{url}");
    assert_eq!(told["streams"]["rtsp"], url);
    tokio::join!(plays(url, "tcp"), plays(url, "udp"));
    // Listings hold none, and it is of no use for calls.
    let list = rpc.ok("get_camera_list", Value::Null).await;
    assert!(!list.to_string().contains("ticket"), "{list}");
    rpc.err(-32001, "ping", json!({"auth_token": ticket})).await;

    let bare = format!("rtsp://{}/{one}", service.rtsp().await);
    ffmpeg::failing(&format!("-rtsp_transport tcp -i {bare} -frames:v 1 -f null -")).await;
    for (path, status) in [
        (one.clone(), 401),
        ("camera999".into(), 401),
        (format!("{one}?ticket="), 401),
        (format!("{one}?ticket={ticket}x"), 401),
        (format!("{one}?ticket=mt1.{}", "A".repeat(60)), 401),
        (format!("{one}?token=nonsense"), 401),
        // For one camera alone: the others are as if they were not there.
        (format!("{two}?ticket={ticket}"), 404),
        (format!("camera999?ticket={ticket}"), 404),
        (format!("{one}?ticket={ticket}"), 200),
    ] {
        assert_eq!(describe(&service, &path, None).await, status, "{path}");
    }
    for secret in [ticket, "ticket=", "token="] {
        assert_eq!(service.log().with(secret), [""; 0], "the log holds a credential");
    }
}

#[tokio::test]
async fn tokens_let_in_as_a_password_or_in_the_address() {
    let (service, one, two) = guarded().await;
    let address = service.rtsp().await;
    let scoped = service.scoped_token(Role::Viewer, &[&one]).await;
    plays(&format!("rtsp://{address}/{one}?token={scoped}"), "tcp").await;
    let ended = token::ended(Role::Admin, Duration::from_secs(60));
    for (path, password, status) in [
        (one.as_str(), scoped.as_str(), 200),
        (&two, &scoped, 404),
        ("camera999", &scoped, 404),
        (&one, &ended, 401),
        (&one, "wrong", 401),
    ] {
        assert_eq!(describe(&service, path, Some(&basic(password))).await, status, "{path}");
    }
    assert_eq!(describe(&service, &one, Some("Digest username=\"me\"")).await, 401);

    // Refused, asked for a password, and let in, on one connection; then a track without any.
    let url = format!("rtsp://{address}/{one}");
    let mut connection = Connection::open(address).await.unwrap();
    let refused = connection.request("DESCRIBE", &url, &[]).await.unwrap();
    assert_eq!(refused.header("www-authenticate"), Some("Basic realm=\"camera-service\""));
    let shown = basic(&scoped);
    let answer = connection.request("DESCRIBE", &url, &[("Authorization", &shown)]).await.unwrap();
    let track = format!("{}trackID=0", answer.header("content-base").unwrap());
    let transport = [("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1")];
    assert_eq!(connection.request("SETUP", &track, &transport).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_viewers_time_ends_with_its_token() {
    let (service, one, _) = guarded().await;
    let address = service.rtsp().await;
    // Refused from now on if it were not for the 30 s that clocks may differ.
    let token = token::ended(Role::Viewer, Duration::from_secs(22));
    let mut player = Player::open(address, &format!("{one}?token={token}"), Transport::Tcp).await.unwrap();
    let end = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Err(error) = player.frame().await {
                return error;
            }
        }
    });
    let end = end.await.expect("the token has ended long ago");
    assert!(matches!(end, RtspError::Closed | RtspError::Io(_)), "{end}");
    assert!(player.count() > 0);
}

#[tokio::test]
async fn this_machine_needs_no_credential_unless_told_so() {
    let mut service = Setup::new().test_camera("A", "320x180@15").start().await;
    let device = service.device("A").await;
    let mut rpc = service.rpc(Role::Viewer).await;
    let told = rpc.ok("get_stream_url", json!({"device": device})).await;
    assert_eq!(told["stream_url"], format!("rtsp://{}/{device}", service.rtsp().await));
    plays(told["stream_url"].as_str().unwrap(), "tcp").await;
    let ticket = told["ticket"]["token"].as_str().unwrap();
    plays(&format!("{}?ticket={ticket}", told["stream_url"].as_str().unwrap()), "udp").await;
}

#[tokio::test]
async fn a_stream_is_kept_ready_for_whoever_asked_and_nobody_else_can_end_that() {
    let mut service = Setup::new().test_camera("A", "320x180@15").start().await;
    let device = service.device("A").await;
    let of = json!({"device": device});
    let user = |name: &str| {
        let mut claims = token::claims(Role::Operator);
        claims["sub"] = json!(name);
        token::signed(&claims)
    };
    let mut alice = service.connect().await;
    alice.authenticate(&user("alice")).await;
    let started = alice.ok("start_streaming", of.clone()).await;
    assert_eq!((&started["status"], &started["auto_close_after"]), (&json!("STARTED"), &json!(300.0)));
    assert!(!started.to_string().contains("ticket"), "{started}");
    assert_eq!(service.ffmpegs().len(), 1, "frames flow");
    let status = alice.ok("get_stream_status", of.clone()).await;
    assert_eq!(
        (&status["status"], &status["ready"], &status["readers"]),
        (&json!("ACTIVE"), &json!(true), &json!(0))
    );
    let measured = eventually("the stream is measured", PATIENCE, async || {
        let metrics = alice.ok("get_stream_status", of.clone()).await["metrics"].clone();
        (metrics["bitrate"].as_u64()? > 0).then_some(metrics)
    });
    let measured = measured.await;
    assert!(
        measured["fps"].as_f64().unwrap() > 1.0 && measured["frames_sent"].as_u64().unwrap() > 0,
        "{measured}"
    );
    assert_eq!(measured["bytes_sent"], 0, "nobody watches");

    // It outlives the connection, and asking again is no second lease.
    drop(alice);
    let mut bob = service.connect().await;
    bob.authenticate(&user("bob")).await;
    let refused = bob.err(-32020, "stop_streaming", of.clone()).await;
    assert!(refused.data["state"].is_string() && refused.data["allowed_states"].is_array(), "{refused:?}");
    bob.ok("start_streaming", of.clone()).await;
    let mut alice = service.connect().await;
    alice.authenticate(&user("alice")).await;
    let again = alice.ok("start_streaming", of.clone()).await;
    assert_eq!(again["start_time"], started["start_time"]);

    let stopped = alice.ok("stop_streaming", of.clone()).await;
    assert_eq!((&stopped["status"], &stopped["stream_continues"]), (&json!("STOPPED"), &json!(true)));
    assert_eq!(stopped["start_time"], started["start_time"]);
    alice.err(-32020, "stop_streaming", of.clone()).await;
    assert_eq!(service.ffmpegs().len(), 1, "bob still needs it");
    assert_eq!(bob.ok("stop_streaming", of.clone()).await["stream_continues"], false);
    service.ffmpegs_become(0, PATIENCE).await;
    let mut viewer = service.rpc(Role::Viewer).await;
    viewer.err(-32002, "start_streaming", of.clone()).await;
    becomes_inactive(&mut viewer, &of).await;
}

#[tokio::test]
async fn a_stream_is_kept_ready_until_nobody_has_watched_for_a_while() {
    let setup = Setup::new().test_camera("A", "320x180@15").set("stream.viewing.close_after", "2s");
    let mut service = setup.start().await;
    let device = service.device("A").await;
    let of = json!({"device": device});
    let mut rpc = service.rpc(Role::Operator).await;
    rpc.ok("start_streaming", of.clone()).await;
    let mut player = Player::open(service.rtsp().await, &device, Transport::Tcp).await.unwrap();
    readers_become(&mut rpc, &device, 1).await;
    // Three seconds: without a viewer it would have ended.
    player.frames(45).await.unwrap();
    drop(player);
    readers_become(&mut rpc, &device, 0).await;
    service.ffmpegs_become(0, PATIENCE).await;
    rpc.err(-32020, "stop_streaming", of).await;
}

/// Waits until a camera's stream has ended. (Its ffmpeg is gone a moment before that is told.)
async fn becomes_inactive(rpc: &mut Rpc, of: &Value) {
    eventually("the stream is inactive", PATIENCE, async || {
        let told = rpc.call("get_stream_status", of.clone()).await.ok()?;
        (told["status"] == "INACTIVE").then_some(())
    })
    .await;
}

#[tokio::test]
async fn nothing_is_kept_ready_for_a_caller_who_was_turned_out() {
    let setup = Setup::new().test_camera("A", "320x180@15").test_camera("B", "320x180@15");
    let mut service = setup.start().await;
    let (a, b) = (service.device("A").await, service.device("B").await);
    let (a, b) = (json!({"device": a}), json!({"device": b}));
    let mut admin = service.rpc(Role::Admin).await;
    let made = admin.ok("create_api_key", json!({"name": "wall", "role": "operator"})).await;
    let mut wall = service.connect().await;
    wall.authenticate(made["key"].as_str().unwrap()).await;
    wall.ok("start_streaming", a.clone()).await;
    let mut claims = token::claims(Role::Operator);
    claims["sub"] = json!("alice");
    let mut alice = service.connect().await;
    alice.authenticate(&token::signed(&claims)).await;
    alice.ok("start_streaming", b.clone()).await;
    assert_eq!(service.ffmpegs().len(), 2);

    admin.ok("revoke_api_key", json!({"id": made["id"]})).await;
    becomes_inactive(&mut admin, &a).await;
    assert_eq!(alice.ok("get_stream_status", b.clone()).await["status"], "ACTIVE", "hers is");
    admin.ok("revoke_token", json!({"user": "alice"})).await;
    becomes_inactive(&mut admin, &b).await;
    service.ffmpegs_become(0, PATIENCE).await;
}

#[tokio::test]
async fn why_a_stream_failed_is_told_until_it_starts() {
    let mut service = Setup::new().url_camera("Gone", "rtsp://127.0.0.1:1/x").start().await;
    let device = service.device("Gone").await;
    let of = json!({"device": device});
    let mut rpc = service.rpc(Role::Operator).await;
    rpc.err(-32050, "start_streaming", of.clone()).await;
    let told = eventually("its source has been given up", PATIENCE, async || {
        let told = rpc.ok("get_camera_status", of.clone()).await;
        (told["status"] == "ERROR").then_some(told)
    });
    assert!(told.await["error"].is_string());
    rpc.err(-32020, "stop_streaming", of.clone()).await;
    let status = eventually("nothing runs any more", PATIENCE, async || {
        let status = rpc.ok("get_stream_status", of.clone()).await;
        (status["status"] == "ERROR").then_some(status)
    });
    assert_eq!(status.await["metrics"]["bitrate"], 0);
}

#[tokio::test]
async fn a_viewer_is_sent_away_when_its_key_or_token_is_revoked() {
    let (service, one, _) = guarded().await;
    let address = service.rtsp().await;
    let mut admin = service.rpc(Role::Admin).await;
    let made = admin.ok("create_api_key", json!({"name": "wall", "role": "viewer"})).await;
    let key = made["key"].as_str().unwrap();
    let mut wall = Rpc::connect(&service, &[("x-api-key", key)]).await.unwrap();
    let told = wall.ok("get_stream_url", json!({"device": one})).await;
    let by_ticket = format!("{one}?ticket={}", told["ticket"]["token"].as_str().unwrap());
    let by_key = format!("{one}?token={key}");
    let mut claims = token::claims(Role::Viewer);
    claims["sub"] = json!("ann");
    let by_token = format!("{one}?token={}", token::signed(&claims));
    let mut players = Vec::new();
    for path in [&by_ticket, &by_key, &by_token] {
        let mut player = Player::open(address, path, Transport::Tcp).await.unwrap();
        player.first_key().await.unwrap();
        players.push(player);
    }
    let mut ann = players.pop().unwrap();
    admin.ok("revoke_api_key", json!({"id": made["id"]})).await;
    for player in &mut players {
        is_closed(player).await;
    }
    ann.frames(5).await.unwrap();
    admin.ok("revoke_token", json!({"user": "ann"})).await;
    is_closed(&mut ann).await;
    for path in [&by_ticket, &by_key, &by_token] {
        assert_eq!(describe(&service, path, None).await, 401);
    }
}

async fn is_closed(player: &mut Player) {
    let end = async { while player.frame().await.is_ok() {} };
    tokio::time::timeout(PATIENCE, end).await.expect("the viewer is sent away");
}
