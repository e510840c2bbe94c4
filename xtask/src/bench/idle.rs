//! What the service costs when nobody wants anything of it.

use std::time::Duration;

use serde_json::json;

use super::Outcome;
use crate::{
    evidence::{Evidence, Source},
    service::{self, mb, pss_bytes},
};

/// Until start-up work is over.
const SETTLE: Duration = Duration::from_secs(5);
/// Cameras that are known and that nobody watches.
const CAMERAS: usize = 10;
/// How long it is watched, and in how many parts: processor time is counted in steps of 10 ms.
const WATCH: Duration = Duration::from_secs(60);
const PARTS: u32 = 6;
/// What a small board can spare.
const GOAL_RSS_MB: f64 = 12.0;
const GOAL_CPU_PERCENT: f64 = 0.5;
const GOAL_WAKE_UPS_PER_S: f64 = 5.0;

pub(super) async fn run(source: Source) -> Outcome {
    let parameters = json!({"cameras": CAMERAS, "connections": 0, "watched_s": WATCH.as_secs()});
    let mut evidence = Evidence::new("idle", source, parameters);
    let service = service::with_cameras(CAMERAS).start().await;
    tokio::time::sleep(SETTLE).await;
    let pid = service.pid();
    let gone = || "the service has ended".to_owned();
    let cpu = pid.cpu_time().ok_or_else(gone)?;
    let mut wake_ups = Vec::new();
    let part = WATCH / PARTS;
    for _ in 0..PARTS {
        let before = pid.sleeps().ok_or_else(gone)?;
        tokio::time::sleep(part).await;
        let more = pid.sleeps().ok_or_else(gone)?.saturating_sub(before);
        wake_ups.push(more as f64 / part.as_secs_f64());
    }
    let used = pid.cpu_time().ok_or_else(gone)?.saturating_sub(cpu);
    let cpu_percent = used.as_secs_f64() / WATCH.as_secs_f64() * 100.0;
    let most_wake_ups = evidence.samples("wake_ups_per_s", &wake_ups).max;
    let rss = mb(pid.rss_bytes().ok_or_else(gone)?);
    evidence.value("rss_mb", rss);
    evidence.value("pss_mb", mb(pss_bytes(pid).ok_or_else(gone)?));
    evidence.value("cpu_percent_of_a_core", cpu_percent);
    evidence.value("threads", f64::from(pid.threads().ok_or_else(gone)?));
    evidence.value("open_fds", pid.open_fds().ok_or_else(gone)? as f64);
    evidence.goal("rss_mb", rss, GOAL_RSS_MB);
    evidence.goal("cpu_percent_of_a_core", cpu_percent, GOAL_CPU_PERCENT);
    evidence.goal("wake_ups_per_s, most of six parts", most_wake_ups, GOAL_WAKE_UPS_PER_S);
    Ok(evidence.write())
}
