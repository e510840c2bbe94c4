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
/// How long its processor time is watched.
const WATCH: Duration = Duration::from_secs(20);
/// What a small board can spare.
const GOAL_RSS_MB: f64 = 12.0;

pub(super) async fn run(source: Source) -> Outcome {
    let parameters = json!({"cameras": 1, "connections": 0, "watched_s": WATCH.as_secs()});
    let mut evidence = Evidence::new("idle", source, parameters);
    let service = service::with_cameras(1).start().await;
    tokio::time::sleep(SETTLE).await;
    let pid = service.pid();
    let gone = || "the service has ended".to_owned();
    let cpu = pid.cpu_time().ok_or_else(gone)?;
    tokio::time::sleep(WATCH).await;
    let used = pid.cpu_time().ok_or_else(gone)?.saturating_sub(cpu);
    let rss = mb(pid.rss_bytes().ok_or_else(gone)?);
    evidence.value("rss_mb", rss);
    evidence.value("pss_mb", mb(pss_bytes(pid).ok_or_else(gone)?));
    evidence.value("cpu_percent_of_a_core", used.as_secs_f64() / WATCH.as_secs_f64() * 100.0);
    evidence.value("threads", f64::from(pid.threads().ok_or_else(gone)?));
    evidence.value("open_fds", pid.open_fds().ok_or_else(gone)? as f64);
    evidence.goal("rss_mb", rss, GOAL_RSS_MB);
    Ok(evidence.write())
}
