//! What viewers may rely on whoever serves them: one suite, run on the embedded server always and on a real
//! MediaMTX where there is one. The macro of the same name makes tests of it.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use testkit::{
    MediaMtx, Player, Rpc, Service, Setup, Transport, eventually, ffmpeg,
    rtsp::RtspError,
    token::{self, Role},
};

use crate::{PATIENCE, finished, readers_become};

/// Pictures a second of each camera here.
const FPS: f64 = 15.0;
const PICTURE: &str = "320x180@15";

/// A service and whoever serves its viewers.
#[derive(Debug)]
pub struct Rig {
    /// The service.
    pub service: Service,
    /// Where its viewers go.
    pub viewers: SocketAddr,
    /// Who serves them, if it is not the service itself.
    pub mediamtx: Option<MediaMtx>,
}

/// How a suite's rig is made: with a change of the configuration. `None`: it cannot be here.
pub type Make = fn(fn(Setup) -> Setup) -> std::pin::Pin<Box<dyn Future<Output = Option<Rig>>>>;

impl Rig {
    async fn device(&mut self) -> String {
        self.service.device("A").await
    }

    async fn open(&self, query: &str) -> Player {
        Player::open(self.viewers, query, Transport::Tcp).await.unwrap_or_else(|refused| panic!("{refused}"))
    }
}

/// Who serves from the service itself, and asks everybody for a ticket.
pub fn embedded(change: fn(Setup) -> Setup) -> std::pin::Pin<Box<dyn Future<Output = Option<Rig>>>> {
    Box::pin(async move {
        let setup = Setup::new().set("security.media_auth", "always").test_camera("A", PICTURE);
        let service = change(setup).start().await;
        let viewers = service.rtsp().await;
        Some(Rig { service, viewers, mediamtx: None })
    })
}

/// A real MediaMTX that has what it should have.
pub fn mediamtx(change: fn(Setup) -> Setup) -> std::pin::Pin<Box<dyn Future<Output = Option<Rig>>>> {
    Box::pin(async move {
        let mut mediamtx = MediaMtx::prepare()?;
        mediamtx.start();
        let service = change(mediamtx.setup().test_camera("A", PICTURE)).start().await;
        steered(&mut service.rpc(Role::Viewer).await).await;
        Some(Rig { service, viewers: mediamtx.rtsp(), mediamtx: Some(mediamtx) })
    })
}

/// Waits until viewers are served; gives the time that took.
pub async fn steered(rpc: &mut Rpc) -> Duration {
    let began = std::time::Instant::now();
    eventually("viewers are served", PATIENCE, async || {
        let status = rpc.ok("get_status", Value::Null).await;
        (status["components"]["media_server"] == "RUNNING").then_some(())
    })
    .await;
    began.elapsed()
}

/// What comes after the server in a viewer's address: the camera and the ticket.
///
/// # Panics
/// If there is no address.
pub async fn query(rpc: &mut Rpc, device: &str) -> String {
    let told = rpc.ok("get_stream_url", json!({"device": device})).await;
    let url = told["stream_url"].as_str().unwrap_or_else(|| panic!("no address in {told}"));
    url.rsplit('/').next().unwrap_or_default().to_owned()
}

/// The address works as it is; nothing else does.
pub async fn a_ticket_and_nothing_else_opens_one_path(make: Make) {
    let Some(mut rig) = make(|setup| setup.test_camera("B", "160x90@5")).await else { return };
    let device = rig.device().await;
    let other = rig.service.device("B").await;
    let mut rpc = rig.service.rpc(Role::Viewer).await;
    let told = rpc.ok("get_stream_url", json!({"device": device})).await;
    let url = told["stream_url"].as_str().expect("RTSP is served");
    let ticket = told["ticket"]["token"].as_str().expect("there is a ticket");
    assert!(url.contains(ticket) && url.len() < 700, "{} {url}", url.len());
    assert_eq!(told["ticket"]["sent_by"]["rtsp"], "url");
    for transport in ["tcp", "udp"] {
        let arguments = format!("-rtsp_transport {transport} -i {url} -frames:v 10 -f null -");
        ffmpeg::ffmpeg(arguments.split(' ')).await;
    }
    let bare = format!("rtsp://{}/{device}", rig.viewers);
    ffmpeg::failing(&format!("-rtsp_transport tcp -i {bare} -frames:v 1 -f null -")).await;
    // Of no use for calls, nor for another path.
    rpc.err(-32001, "ping", json!({"auth_token": ticket})).await;
    let query = query(&mut rpc, &device).await;
    let mut wrong = vec![query.replace(&device, &other), query[..query.len() - 4].to_owned(), device.clone()];
    wrong.push(query.replace(&device, "camera99"));
    for query in wrong {
        let refused = Player::open(rig.viewers, &query, Transport::Tcp).await.expect_err(&query);
        assert!(matches!(refused, RtspError::Refused { status: 400 | 401 | 404, .. }), "{query}: {refused}");
    }
    // No listing holds one.
    let list = rpc.ok("get_camera_list", Value::Null).await.to_string();
    assert!(!list.contains("ticket=") && !list.contains("jwt="), "{list}");
}

/// Viewers are counted, and one program feeds them until the last has left.
pub async fn viewers_are_counted_and_share_one_program(make: Make) {
    let Some(mut rig) = make(|setup| setup.set("stream.viewing.close_after", "1s")).await else { return };
    let device = rig.device().await;
    let mut rpc = rig.service.rpc(Role::Viewer).await;
    let query = query(&mut rpc, &device).await;
    let (mut one, mut two) = (rig.open(&query).await, rig.open(&query).await);
    one.frames(5).await.expect("pictures come");
    two.frames(5).await.expect("pictures come");
    readers_become(&mut rpc, &device, 2).await;
    assert_eq!(rig.service.ffmpegs().len(), 1);
    eventually("what viewers got is counted", PATIENCE, async || {
        let status = rpc.ok("get_stream_status", json!({"device": device})).await;
        let counted = status["metrics"]["bytes_sent"].as_u64() > Some(0);
        (counted && status["ready"] == true && status["status"] == "ACTIVE").then_some(())
    })
    .await;
    drop((one, two));
    readers_become(&mut rpc, &device, 0).await;
    rig.service.ffmpegs_become(0, Duration::from_secs(10)).await;
    // Its end is seen by us before it is seen by the service.
    eventually("the stream is told as ended", PATIENCE, async || {
        let status = rpc.ok("get_stream_status", json!({"device": device})).await;
        (status["status"] == "INACTIVE" && status["ready"] == false).then_some(())
    })
    .await;
}

/// A revoked viewer is sent away, and nobody else.
pub async fn who_is_revoked_sees_no_more(make: Make) {
    let Some(mut rig) = make(|setup| setup).await else { return };
    let device = rig.device().await;
    let mut admin = rig.service.rpc(Role::Admin).await;
    let mut players = Vec::new();
    for user in ["mallory", "alice"] {
        let mut rpc = rig.service.connect().await;
        rpc.authenticate(&rig.service.token_for(Role::Viewer, user).await).await;
        let mut player = rig.open(&query(&mut rpc, &device).await).await;
        player.frames(2).await.expect("pictures come");
        players.push(player);
    }
    readers_become(&mut admin, &device, 2).await;
    admin.ok("revoke_token", json!({"user": "mallory"})).await;
    let ends = async { while players[0].frame().await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(5), ends).await.expect("who was revoked sees no more");
    players[1].frames(15).await.expect("nobody else is harmed");
    readers_become(&mut admin, &device, 1).await;
}

/// A viewer's time ends with the token behind its ticket.
pub async fn a_viewers_time_ends_with_its_token(make: Make) {
    let Some(mut rig) = make(|setup| setup.set("mediamtx.health_interval", "1s")).await else { return };
    let device = rig.device().await;
    // Past its end, and shortly before the end of the leeway of 30 s.
    let mut rpc = rig.service.connect().await;
    rpc.authenticate(&token::ended(Role::Viewer, Duration::from_secs(24))).await;
    let mut player = rig.open(&query(&mut rpc, &device).await).await;
    player.frames(2).await.expect("pictures come");
    let ends = async { while player.frame().await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(15), ends).await.expect("its time is over");
}

/// Viewers come and go, and a recording misses nothing.
pub async fn a_recording_does_not_notice_viewers(make: Make) {
    let Some(mut rig) = make(|setup| setup.set("stream.viewing.close_after", "1s")).await else { return };
    let device = rig.device().await;
    let mut rpc = rig.service.rpc(Role::Operator).await;
    let started = rpc.ok("start_recording", json!({"device": device})).await;
    let query = query(&mut rpc, &device).await;
    for _ in 0..2 {
        let mut player = rig.open(&query).await;
        player.frames(10).await.expect("pictures come");
    }
    assert_eq!(rig.service.ffmpegs().len(), 1);
    let stopped = rpc.ok("stop_recording", json!({"device": device})).await;
    assert_eq!(stopped["segments"], 1, "{stopped}");
    let name = started["filename"].as_str().expect("it has a file").to_owned();
    let file = finished(&mut rpc, &name).await;
    let pictures = ffmpeg::probe(rig.service.recording(&name)).await.frames as f64;
    let duration = file["duration"].as_f64().expect("it has a duration");
    assert!((pictures / FPS - duration).abs() < 0.15, "{pictures} pictures in {duration} s");
}

/// A stream that was asked to be ready is, without a viewer, until it is given up.
pub async fn a_stream_is_kept_ready(make: Make) {
    let Some(mut rig) = make(|setup| setup).await else { return };
    let device = rig.device().await;
    let mut rpc = rig.service.rpc(Role::Operator).await;
    let started = rpc.ok("start_streaming", json!({"device": device})).await;
    assert_eq!(started["status"], "STARTED", "{started}");
    assert_eq!(rig.service.ffmpegs().len(), 1);
    let mut player = rig.open(&query(&mut rpc, &device).await).await;
    player.frames(5).await.expect("pictures come");
    rpc.ok("take_snapshot", json!({"device": device})).await;
    drop(player);
    rpc.ok("stop_streaming", json!({"device": device})).await;
}

/// One `#[tokio::test]` for each function of the suite, run with this maker of rigs.
#[macro_export]
macro_rules! suite {
    ($make:path: $($name:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                $crate::suite::$name($make).await;
            }
        )+
    };
    ($make:path) => {
        $crate::suite!($make:
            a_ticket_and_nothing_else_opens_one_path,
            viewers_are_counted_and_share_one_program,
            who_is_revoked_sees_no_more,
            a_viewers_time_ends_with_its_token,
            a_recording_does_not_notice_viewers,
            a_stream_is_kept_ready,
        );
    };
}
