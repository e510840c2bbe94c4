//! From `start_recording` on a running stream to its answer, by when the file must hold a key frame.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::json;
use testkit::ffmpeg::probe;

use super::{Outcome, drift};
use crate::{
    evidence::{Evidence, Source},
    service,
};

const RECORDINGS: usize = 30;
/// Less often than a rate limit allows.
const AT_LEAST_APART: Duration = Duration::from_millis(600);
const GOP: Duration = Duration::from_secs(1);
const GOAL_P95_MS: f64 = 50.0;

pub(super) async fn run(source: Source) -> Outcome {
    let mut evidence = Evidence::new(
        "recording-start",
        source,
        json!({"camera": service::PICTURE, "recordings": RECORDINGS}),
    );
    let mut service = service::with_cameras(1).start().await;
    let device = service::device(&mut service, 0).await;
    let mut rpc = service::admin(&service).await;
    service::warm_up(&service, &mut rpc, &device).await;
    let (mut start, mut stop, mut held) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..RECORDINGS {
        tokio::time::sleep(AT_LEAST_APART).await;
        drift(number, GOP).await;
        let began = Instant::now();
        let answer = rpc.ok("start_recording", json!({"device": device})).await;
        start.push(began.elapsed().as_secs_f64() * 1e3);
        let name = answer["filename"].as_str().ok_or_else(|| format!("no filename: {answer}"))?;
        // As it lies now: what comes later does not count.
        let copy = service.data_dir().join("copy.mp4");
        fs::copy(service.recording(name), &copy).map_err(|error| format!("{name}: {error}"))?;
        let began = Instant::now();
        rpc.ok("stop_recording", json!({"device": device})).await;
        stop.push(began.elapsed().as_secs_f64() * 1e3);
        // Panics, with ffprobe's words, if the copy cannot be read.
        let copy = probe(&copy).await;
        if copy.frames == 0 {
            return Err(format!("{name} held no picture when the answer came"));
        }
        held.push(copy.frames as f64);
    }
    let start = evidence.samples("start_ms", &start);
    evidence.samples("stop_ms", &stop);
    evidence.samples("pictures_in_the_file_when_answered", &held);
    evidence.goal("start_ms p95", start.p95, GOAL_P95_MS);
    Ok(evidence.write())
}
