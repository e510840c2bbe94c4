//! The service with MediaMTX beside it, against the same service alone, in one run: what a caller waits for must
//! not depend on who serves the viewers. And how soon MediaMTX has what it should have.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{MediaMtx, Player, Rpc, Service, Setup, Transport, eventually};
use tokio::net::TcpStream;

use super::{Outcome, drift};
use crate::{
    evidence::{Evidence, Source},
    service,
};

const SNAPSHOTS: usize = 60;
const RECORDINGS: usize = 30;
const COLD: usize = 12;
const CAMERAS: usize = 50;
const RESTARTS: usize = 10;
/// More than the service shares one picture among callers.
const AT_LEAST_APART: Duration = Duration::from_millis(250);
const GOP: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(20);
/// The same, give or take what a machine does by itself.
const GOAL_RATIO: f64 = 1.25;
const GOAL_MS: f64 = 2000.0;

/// One service, and what it measures.
struct Side {
    name: &'static str,
    service: Service,
    rpc: Rpc,
    device: String,
}

pub(super) async fn run(source: Source) -> Outcome {
    let Some(mut mediamtx) = MediaMtx::prepare() else {
        println!("SKIPPED: there is no MediaMTX on PATH");
        return Ok(Vec::new());
    };
    let version = crate::mediamtx::Mediamtx::version();
    let parameters = json!({
        "mediamtx": version, "camera": service::PICTURE, "snapshots": SNAPSHOTS, "recordings": RECORDINGS,
        "cold_starts": COLD, "cameras_told": CAMERAS, "restarts": RESTARTS,
    });
    let mut evidence = Evidence::new("mediamtx", source, parameters);
    // Cold: a stream ends as soon as nobody needs it.
    let short = json!({"close_after": "100ms"});
    let mut sides = pair(&mut mediamtx, |setup| {
        setup.set("stream", json!({"snapshot": short.clone(), "viewing": short.clone()}))
    })
    .await;
    cold(&mut evidence, &mut sides, &mediamtx).await?;
    drop(sides);
    let mut sides = pair(&mut mediamtx, |setup| setup).await;
    warm(&mut evidence, &mut sides).await;
    restarts(&mut evidence, &mut sides[1].rpc, &mut mediamtx).await;
    drop(sides);
    anew(&mut mediamtx).await;
    let many = mediamtx.setup().without_limits();
    let many = (0..CAMERAS).fold(many, |setup, n| setup.test_camera(&format!("C{n}"), "160x90@5"));
    let service = many.start().await;
    let began = Instant::now();
    steered(&mut service::admin(&service).await).await;
    let told = began.elapsed().as_secs_f64() * 1e3;
    evidence.value("fifty_cameras_told_ms", told);
    evidence.goal("fifty_cameras_told_ms", told, GOAL_MS);
    Ok(evidence.write())
}

/// The service alone, and one beside MediaMTX, both up.
async fn pair(mediamtx: &mut MediaMtx, change: impl Fn(Setup) -> Setup) -> [Side; 2] {
    anew(mediamtx).await;
    let one = |setup: Setup| change(setup.without_limits().test_camera("camera 0", service::PICTURE));
    let mut sides =
        [Side::new("embedded", one(Setup::new())).await, Side::new("mediamtx", one(mediamtx.setup())).await];
    steered(&mut sides[1].rpc).await;
    sides
}

/// One that keeps no other service's keys: it does for an hour.
async fn anew(mediamtx: &mut MediaMtx) {
    if mediamtx.is_running() {
        mediamtx.kill9();
    }
    mediamtx.start();
    mediamtx.answers().await;
}

impl Side {
    async fn new(name: &'static str, setup: Setup) -> Self {
        let mut service = setup.start().await;
        let device = service::device(&mut service, 0).await;
        let rpc = service::admin(&service).await;
        Self { name, service, rpc, device }
    }

    async fn timed(&mut self, method: &str) -> f64 {
        let began = Instant::now();
        self.rpc.ok(method, json!({"device": self.device})).await;
        began.elapsed().as_secs_f64() * 1e3
    }

    async fn idle(&self) {
        self.service.ffmpegs_become(0, LIMIT).await;
    }
}

/// From nothing to a snapshot's answer; and to a viewer's first key frame at MediaMTX.
async fn cold(evidence: &mut Evidence, sides: &mut [Side; 2], mediamtx: &MediaMtx) -> Result<(), String> {
    let mut taken = [Vec::new(), Vec::new()];
    let mut viewer = Vec::new();
    for _ in 0..COLD {
        for (side, taken) in sides.iter_mut().zip(&mut taken) {
            side.idle().await;
            taken.push(side.timed("take_snapshot").await);
        }
        sides[1].idle().await;
        let told = sides[1].rpc.ok("get_stream_url", json!({"device": sides[1].device})).await;
        let url = told["stream_url"].as_str().ok_or("no address")?;
        let query = url.rsplit('/').next().unwrap_or_default();
        let began = Instant::now();
        let mut player =
            Player::open(mediamtx.rtsp(), query, Transport::Tcp).await.map_err(|e| e.to_string())?;
        player.frames(1).await.map_err(|e| e.to_string())?;
        viewer.push(began.elapsed().as_secs_f64() * 1e3);
    }
    compare(evidence, "cold_snapshot_ms", sides, &taken);
    evidence.samples("mediamtx_cold_viewer_first_picture_ms", &viewer);
    Ok(())
}

/// Snapshots and recordings of a running stream.
async fn warm(evidence: &mut Evidence, sides: &mut [Side; 2]) {
    for side in sides.iter_mut() {
        side.timed("start_streaming").await;
        service::warm_up(&side.service, &mut side.rpc, &side.device).await;
    }
    for (method, count, name) in
        [("take_snapshot", SNAPSHOTS, "snapshot_ms"), ("start_recording", RECORDINGS, "recording_start_ms")]
    {
        let mut taken = [Vec::new(), Vec::new()];
        for number in 0..count {
            for (side, taken) in sides.iter_mut().zip(&mut taken) {
                tokio::time::sleep(AT_LEAST_APART).await;
                drift(number, GOP).await;
                taken.push(side.timed(method).await);
                if method == "start_recording" {
                    side.timed("stop_recording").await;
                }
            }
        }
        compare(evidence, name, sides, &taken);
    }
}

fn compare(evidence: &mut Evidence, what: &str, sides: &[Side; 2], taken: &[Vec<f64>; 2]) {
    let medians: Vec<f64> = sides
        .iter()
        .zip(taken)
        .map(|(side, taken)| evidence.samples(&format!("{}_{what}", side.name), taken).p50)
        .collect();
    let ratio = medians[1] / medians[0];
    evidence.value(&format!("{what} p50, mediamtx to embedded"), ratio);
    evidence.goal(&format!("{what} p50, mediamtx to embedded"), ratio, GOAL_RATIO);
}

/// From the moment a killed MediaMTX answers again to its having everything.
async fn restarts(evidence: &mut Evidence, rpc: &mut Rpc, mediamtx: &mut MediaMtx) {
    let mut back = Vec::new();
    for _ in 0..RESTARTS {
        mediamtx.kill9();
        eventually("its death is seen", LIMIT, async || (media_server(rpc).await == "ERROR").then_some(()))
            .await;
        mediamtx.start();
        eventually("it answers", LIMIT, async || TcpStream::connect(mediamtx.api()).await.ok()).await;
        let began = Instant::now();
        steered(rpc).await;
        back.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let summary = evidence.samples("back_after_restart_ms", &back);
    evidence.goal("back_after_restart_ms max", summary.max, GOAL_MS);
}

async fn media_server(rpc: &mut Rpc) -> Value {
    rpc.ok("get_status", Value::Null).await["components"]["media_server"].clone()
}

async fn steered(rpc: &mut Rpc) {
    eventually("MediaMTX is steered", LIMIT, async || (media_server(rpc).await == "RUNNING").then_some(()))
        .await;
}
