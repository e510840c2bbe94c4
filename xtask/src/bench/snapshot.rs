//! Snapshots of a running stream, one at a time, each of a picture nobody has asked for before.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Outcome, drift};
use crate::{
    evidence::{Evidence, Source},
    service,
};

const SNAPSHOTS: usize = 100;
/// More than the service shares one picture among callers, and more than a rate limit allows.
const AT_LEAST_APART: Duration = Duration::from_millis(250);
/// One group of pictures: a snapshot decodes from its beginning, so its cost depends on the phase.
const GOP: Duration = Duration::from_secs(1);
const GOAL_P95_MS: f64 = 30.0;

pub(super) async fn run(source: Source) -> Outcome {
    let parameters = json!({
        "camera": service::PICTURE, "snapshots": SNAPSHOTS, "format": "jpg", "quality": 85,
        "at_least_apart_ms": AT_LEAST_APART.as_millis() as u64,
    });
    let mut evidence = Evidence::new("snapshot", source, parameters);
    let mut service = service::with_cameras(1).start().await;
    let device = service::device(&mut service, 0).await;
    let mut rpc = service::admin(&service).await;
    service::warm_up(&service, &mut rpc, &device).await;
    let (mut inside, mut round_trip, mut age) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..SNAPSHOTS {
        tokio::time::sleep(AT_LEAST_APART).await;
        drift(number, GOP).await;
        let began = Instant::now();
        let answer = rpc.ok("take_snapshot", json!({"device": device})).await;
        round_trip.push(began.elapsed().as_secs_f64() * 1e3);
        let number = |name: &str| answer[name].as_f64().ok_or_else(|| format!("no {name}: {answer}"));
        if answer["tier"] != 1 || answer["width"] != 640 {
            return Err(format!("not a snapshot of the running stream: {answer}"));
        }
        inside.push(number("latency_ms")?);
        age.push(number("age_ms")?);
    }
    let inside = evidence.samples("latency_ms", &inside);
    evidence.samples("round_trip_ms", &round_trip);
    evidence.samples("age_ms", &age);
    evidence.goal("latency_ms p95", inside.p95, GOAL_P95_MS);
    Ok(evidence.write())
}
