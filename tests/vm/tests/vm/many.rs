//! Ten cameras plugged in together: each is told soon after it is there, whatever else comes meanwhile, and the service stays
//! small and answers.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::json;
use testkit::{Rpc, eventually, token::Role};
use vm::{
    DevWatch, UvcCamera, nodes,
    uvc::{Config, Format},
};

use crate::common::{PATIENCE, setup};

const CAMERAS: u32 = 10;
/// From a camera's node to the client that reads of it.
const TOLD_LIMIT: Duration = Duration::from_secs(1);
/// Most resident memory of the service, without ffmpeg.
const MAX_RSS_BYTES: u64 = 40 << 20;
/// Of 20 answers 19 come sooner than the first, and all sooner than the second. They take 2 ms here, seldom 35.
const ANSWER_LIMITS: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(500)];

pub(crate) async fn ten_cameras_at_once_are_told_within_a_second() {
    let dev = DevWatch::start();
    let service = setup().start().await;
    let mut heard = service.rpc(Role::Viewer).await;
    heard.ok("subscribe_events", json!({"topics": ["camera.*"]})).await;
    let mut asking = service.rpc(Role::Viewer).await;
    let mut cameras = Vec::new();
    for port in 0..CAMERAS {
        let config = Config::new(&name(port), &format!("S{port}")).only(&[Format::Mjpeg, Format::Yuyv]);
        cameras.push(UvcCamera::plug(port, config).await);
    }
    let (told, answers) = tokio::join!(all_told(&mut heard), all_listed(&mut asking));
    let rss = service.pid().peak_rss_bytes().unwrap();
    for port in 0..CAMERAS {
        let number = nodes::numbers(&name(port))[0];
        let there = dev.made(number).await;
        let took = told[&name(port)].saturating_duration_since(there.at);
        assert!(took <= TOLD_LIMIT, "{} of video{number} was told after {took:?}", name(port));
    }
    let measured = [answers[answers.len() * 19 / 20], answers[answers.len() - 1]];
    let good = measured.iter().zip(ANSWER_LIMITS).all(|(took, limit)| *took <= limit);
    assert!(good, "95 % and the last of {} answers: {measured:?}", answers.len());
    assert!(rss < MAX_RSS_BYTES, "{rss} bytes resident");
}

fn name(port: u32) -> String {
    format!("Cam {port}")
}

/// When each camera was told, by name. None is told as anything but connected.
async fn all_told(rpc: &mut Rpc) -> BTreeMap<String, Instant> {
    let mut told = BTreeMap::new();
    while told.len() < CAMERAS as usize {
        let update = rpc.notification("camera_status_update").await["params"].clone();
        let now = Instant::now();
        assert_eq!((&update["topic"], &update["status"]), (&json!("camera.connected"), &json!("CONNECTED")));
        let again = told.insert(update["name"].as_str().unwrap().to_owned(), now);
        assert!(again.is_none(), "told twice: {update}");
    }
    told
}

/// Asks for the list until it holds all; how long each answer took, the shortest first.
async fn all_listed(rpc: &mut Rpc) -> Vec<Duration> {
    let mut took = Vec::new();
    eventually("all are listed", PATIENCE, async || {
        let began = Instant::now();
        let list = rpc.ok("get_camera_list", json!({})).await;
        took.push(began.elapsed());
        (list["connected"] == CAMERAS).then_some(())
    })
    .await;
    took.sort_unstable();
    took
}
