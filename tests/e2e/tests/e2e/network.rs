//! Network cameras: passed on as they are, their passwords seen by nobody, and bad ones survived.

use std::time::Duration;

use e2e::{PATIENCE, readers_become, stream};
use serde_json::{Value, json};
use testkit::{
    Player, Service, Setup, Transport, Watch,
    camera::{Camera, Content, film},
    eventually, ffmpeg,
    h264::slices,
    proc,
    rtsp::RtspError,
    service::{command, command_output},
    token::Role,
};

/// With signs that mean something in an address; there they stand as `PASSWORD_IN_URL`.
const PASSWORD: &str = "hunter2@e2e:04/51%";
const PASSWORD_IN_URL: &str = "hunter2%40e2e%3A04%2F51%25";
/// A part of it that looks the same in every spelling but one, which is base64 of `admin:PASSWORD`.
const SECRET_PART: &str = "hunter2";
const BASE64: &str = "YWRtaW46aHVudGVyMkBlMmU6MDQvNTEl";

#[tokio::test]
async fn another_service_s_stream_plays_through_and_its_password_is_seen_by_nobody() {
    let mut origin = Setup::new().test_camera("A", "320x180@15").start().await;
    let (device, address) = (origin.device("A").await, origin.rtsp().await);
    let url = format!("rtsp://admin:{PASSWORD_IN_URL}@{address}/{device}");
    let setup = Setup::new().url_camera("Relay", &url);
    let setup = setup.set("stream.viewing.close_after", "1s").set("stream.snapshot.close_after", "1s");
    let mut relay = setup.start().await;
    let relayed = relay.device("Relay").await;
    let source = Watch::start(address, &device, Transport::Tcp).await.unwrap();
    let through = Watch::start(relay.rtsp().await, &relayed, Transport::Tcp).await.unwrap();
    let mut rpc = relay.rpc(Role::Admin).await;
    rpc.forbid(SECRET_PART);

    // Everything that shows or uses the camera, while it runs.
    rpc.ok("start_recording", json!({"device": relayed})).await;
    let taken = rpc.ok("take_snapshot", json!({"device": relayed})).await;
    assert_eq!(
        (&taken["tier"], &taken["width"], &taken["height"]),
        (&json!(1), &json!(320), &json!(180)),
        "{taken}"
    );
    for (method, params) in [
        ("get_camera_list", Value::Null),
        ("get_camera_status", json!({"device": relayed, "debug": true})),
        ("get_stream_url", json!({"device": relayed})),
        ("get_streams", Value::Null),
        ("get_server_info", Value::Null),
        ("get_system_status", Value::Null),
    ] {
        rpc.ok(method, params).await;
    }
    through.reach(40, PATIENCE).await;
    // A network camera needs no video program; the one that tells its version may still be there.
    relay.ffmpegs_become(0, PATIENCE).await;
    let shows = |text: &String| text.contains(SECRET_PART);
    for pid in proc::all() {
        assert!(!pid.arguments().iter().any(shows), "{:?} has the password in its arguments", pid.name());
    }
    assert!(!relay.pid().environment().iter().any(shows));
    let stopped = rpc.ok("stop_recording", json!({"device": relayed})).await;
    let recorded = ffmpeg::coded(&relay.recording(stopped["filename"].as_str().unwrap())).await;

    // Not re-encoded: bit by bit what the other service sent.
    let (player, through, error) = through.stop().await;
    assert!(error.is_none() && player.lost_packets() == 0 && player.problems().is_empty(), "{error:?}");
    let last = through.last().unwrap();
    let what = "the source's own viewer has seen as much";
    eventually(what, PATIENCE, async || {
        source.frames().iter().any(|frame| slices(&frame.nals) == slices(&last.nals)).then_some(())
    })
    .await;
    let (_, source, _) = source.stop().await;
    let place = |picture| source.iter().position(|frame| slices(&frame.nals) == picture);
    let begin = place(slices(&through[0].nals)).expect("the relay's first picture was sent by the source");
    for (ours, theirs) in through.iter().zip(&source[begin..]) {
        assert!(slices(&ours.nals) == slices(&theirs.nals), "a picture was altered, lost or doubled");
    }
    let begin = place(slices(&recorded[0])).expect("the recording's first picture was sent by the source");
    for (ours, theirs) in recorded.iter().zip(&source[begin..]) {
        assert!(slices(ours) == slices(&theirs.nals), "a recorded picture was altered, lost or doubled");
    }
    assert!(recorded.len() > 15);

    // It is pulled only while somebody wants it.
    drop(player);
    readers_become(&mut origin.rpc(Role::Viewer).await, &device, 0).await;
    assert_eq!(stream(&mut rpc, &relayed).await["ready"], false);

    // Nor is the password told when the camera is lost, nor by the command that shows the configuration.
    let mut last = Player::open(relay.rtsp().await, &relayed, Transport::Tcp).await.unwrap();
    last.first_key().await.unwrap();
    origin.kill9();
    while last.frame().await.is_ok() {}
    let lost = rpc.ok("get_camera_status", json!({"device": relayed, "debug": true})).await;
    assert!(lost["status"] == "ERROR" && lost["error"].is_string(), "{lost}");
    rpc.err(-32050, "take_snapshot", json!({"device": relayed})).await;
    assert_eq!(relay.log().with(SECRET_PART), [""; 0]);
    let mut show = command();
    show.args(["config", "show", "--config"]).arg(relay.config());
    let shown = command_output(show).await;
    assert!(shown.status.success());
    for text in [shown.stdout, shown.stderr] {
        assert!(!String::from_utf8_lossy(&text).contains(SECRET_PART));
    }
}

#[tokio::test]
async fn a_camera_that_wants_a_password_gets_it_and_a_wrong_one_is_not_tried_for_ever() {
    let film = film().await;
    let camera = Camera::start(Content::Film(film.clone()), Some(&format!("admin:{PASSWORD}"))).await;
    let setup = Setup::new()
        .url_camera("Good", &camera.url(&format!("admin:{PASSWORD_IN_URL}")))
        .url_camera("Wrong", &camera.url("admin:wrong"))
        .set("logging.level", "trace");
    let mut service = setup.start().await;
    let (good, wrong) = (service.device("Good").await, service.device("Wrong").await);
    let address = service.rtsp().await;
    // Two viewers at once cost the camera one session.
    let both = tokio::join!(
        Player::open(address, &good, Transport::Tcp),
        Player::open(address, &good, Transport::Udp)
    );
    let (mut player, mut other) = (both.0.unwrap(), both.1.unwrap());
    other.first_key().await.unwrap();
    let frames = player.frames(30).await.unwrap();
    let sessions = camera.requests().iter().filter(|request| *request == "PLAY 200").count();
    assert_eq!(sessions, 1, "{:?}", camera.requests());
    assert_eq!((player.problems(), player.lost_packets()), (&[][..], 0));
    let first = film.iter().position(|picture| slices(picture) == slices(&frames[0].nals));
    let first = first.expect("the first picture is one of the film");
    for (frame, picture) in frames.iter().zip(film.iter().cycle().skip(first)) {
        assert!(slices(&frame.nals) == slices(picture), "a picture was altered, lost or doubled");
    }
    drop((player, other));

    let before = camera.requests().len();
    let refused = Player::open(address, &wrong, Transport::Tcp).await.unwrap_err();
    assert!(matches!(refused, RtspError::Refused { method: "DESCRIBE", status: 503 }), "{refused}");
    let asked = camera.requests();
    let refusals = asked[before..].iter().filter(|request| request.ends_with("401")).count();
    assert!((1..=12).contains(&refusals), "{refusals} refusals for one viewer: {asked:?}");
    // Not even those who look for mistakes see it.
    assert!(!service.log().with("TRACE").is_empty() || !service.log().with("DEBUG").is_empty());
    for secret in [SECRET_PART, BASE64, "admin:"] {
        assert_eq!(service.log().with(secret), [""; 0]);
    }
}

#[tokio::test]
async fn cameras_that_send_what_no_camera_should_are_survived() {
    let film = film().await;
    let bad = [
        ("NoSps", Content::NoParameterSets(film.clone())),
        ("Junk", Content::Junk),
        ("Silence", Content::Silence),
        ("Html", Content::Html),
    ];
    let good = Camera::start(Content::Film(film), None).await;
    let mut setup = Setup::new().url_camera("Good", &good.url("x:y"));
    for purpose in ["viewing", "snapshot", "recording"] {
        setup = setup.set(&format!("stream.{purpose}.start_timeout"), "2s");
    }
    let mut cameras = Vec::new();
    for (name, content) in bad {
        let camera = Camera::start(content, None).await;
        setup = setup.url_camera(name, &camera.url("x:y"));
        cameras.push((name, camera));
    }
    let mut service = setup.start().await;
    let address = service.rtsp().await;
    let good = service.device("Good").await;
    let watch = Watch::start(address, &good, Transport::Tcp).await.unwrap();
    let mut rpc = service.rpc(Role::Operator).await;
    for (name, camera) in &cameras {
        let device = service.device(name).await;
        // Each is asked in its three ways at once; each gets an answer in time.
        let ids = [
            rpc.start("take_snapshot", json!({"device": device})).await,
            rpc.start("start_recording", json!({"device": device})).await,
        ];
        let opening = Player::open(address, &device, Transport::Tcp);
        let refused = tokio::time::timeout(Duration::from_secs(8), opening).await;
        let refused = refused.unwrap_or_else(|_| panic!("{name}: no answer")).unwrap_err();
        assert!(
            matches!(refused, RtspError::Refused { method: "DESCRIBE", status: 503 | 504 }),
            "{name}: {refused}"
        );
        for id in &ids {
            let failed = rpc.answer(id).await.unwrap_err();
            assert_eq!(failed.code, -32050, "{name}: {failed:?}");
        }
        assert!(!camera.requests().is_empty(), "{name} was asked");
    }
    assert_eq!(rpc.ok("list_recordings", Value::Null).await["total"], 0, "nothing was recorded");
    assert_eq!(std::fs::read_dir(service.recording("")).unwrap().count(), 0, "nothing was left");
    check_still_well(&service, watch).await;
}

async fn check_still_well(service: &Service, watch: Watch) {
    let count = watch.count();
    watch.reach(count + 15, PATIENCE).await;
    let (player, _, error) = watch.stop().await;
    assert!(error.is_none() && player.lost_packets() == 0 && player.problems().is_empty(), "{error:?}");
    service.rpc(Role::Viewer).await.ok("ping", Value::Null).await;
    let rss = service.pid().rss_bytes().expect("the service runs");
    assert!(rss < 96 << 20, "the service has grown to {} MiB", rss >> 20);
}
