//! How long the service takes to answer when there is nothing to do.

use std::time::Instant;

use serde_json::json;

use super::Outcome;
use crate::{
    evidence::{Evidence, Source},
    service,
};

const PINGS: usize = 2_000;

pub(super) async fn run(source: Source) -> Outcome {
    let mut evidence =
        Evidence::new("api", source, json!({"pings": PINGS, "connections": 1, "one_after_the_other": true}));
    let service = service::with_cameras(1).start().await;
    let mut rpc = service::admin(&service).await;
    for (name, method) in [("ping_ms", "ping"), ("get_camera_list_ms", "get_camera_list")] {
        let mut samples = Vec::with_capacity(PINGS);
        for _ in 0..PINGS {
            let began = Instant::now();
            rpc.ok(method, json!({})).await;
            samples.push(began.elapsed().as_secs_f64() * 1e3);
        }
        evidence.samples(name, &samples);
    }
    Ok(evidence.write())
}
