//! Ten cameras, each with a viewer: memory and processor time of the one process that serves them, and
//! of MediaMTX with the same publishers and viewers. The video programs are not counted on either side.

use std::{net::SocketAddr, time::Duration};

use serde_json::json;
use testkit::Pid;

use super::{Outcome, first_frame::publishes};
use crate::{
    evidence::{Evidence, Source},
    mediamtx::Mediamtx,
    publisher::{self, Publisher},
    readers::Crowd,
    service::{self, START_LIMIT, mb, pss_bytes},
};

const CAMERAS: usize = 10;
/// Until start-up work is over and caches are full.
const SETTLE: Duration = Duration::from_secs(10);
const WATCH: Duration = Duration::from_secs(30);
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

pub(super) async fn run(source: Source) -> Outcome {
    let parameters = json!({
        "cameras": CAMERAS, "camera": service::PICTURE, "bitrate": "600k", "gop_s": 1,
        "viewers": {"tcp": CAMERAS / 2, "udp": CAMERAS / 2},
        "settled_s": SETTLE.as_secs(), "watched_s": WATCH.as_secs(), "mediamtx": Mediamtx::version(),
    });
    let mut evidence = Evidence::new("ten-cameras", source, parameters);
    let mut service = service::with_cameras(CAMERAS).start().await;
    let mut devices = Vec::new();
    for number in 0..CAMERAS {
        devices.push(service::device(&mut service, number).await);
    }
    let crowd = Crowd::watch(service.rtsp().await, &devices).await?;
    let running = service.ffmpegs_become(CAMERAS, START_LIMIT).await;
    let arguments: Vec<Vec<String>> = running.into_iter().map(publisher::arguments).collect();
    let ours = watch(&mut evidence, "", service.pid(), crowd).await?;
    drop(service);

    let Some(mediamtx) = Mediamtx::start().await else {
        evidence.fact("mediamtx", "not installed: nothing was compared");
        return Ok(evidence.write());
    };
    let (publishers, paths) = publish(mediamtx.rtsp(), mediamtx.pid(), &arguments).await;
    let crowd = Crowd::watch(mediamtx.rtsp(), &paths).await?;
    let theirs = watch(&mut evidence, "mediamtx_", mediamtx.pid(), crowd).await?;
    drop(publishers);
    evidence.value("rss_of_mediamtx", ours.rss_mb / theirs.rss_mb);
    evidence.value("cpu_of_mediamtx", ours.cpu_percent / theirs.cpu_percent);
    evidence.goal("rss_mb p50, against MediaMTX", ours.rss_mb, theirs.rss_mb);
    evidence.goal("cpu_percent_of_a_core, against MediaMTX", ours.cpu_percent, theirs.cpu_percent);
    Ok(evidence.write())
}

/// One publisher for each set of arguments, each on its own path.
async fn publish(server: SocketAddr, pid: Pid, arguments: &[Vec<String>]) -> (Vec<Publisher>, Vec<String>) {
    let paths: Vec<String> = (0..arguments.len()).map(|number| format!("camera{number}")).collect();
    let start = |(path, arguments): (&String, &Vec<String>)| Publisher::start(arguments, server, path);
    let publishers = paths.iter().zip(arguments).map(start).collect();
    for path in &paths {
        publishes(server, pid, path).await;
    }
    (publishers, paths)
}

struct Cost {
    rss_mb: f64,
    cpu_percent: f64,
}

/// Watches the process while the crowd watches it.
async fn watch(evidence: &mut Evidence, whose: &str, pid: Pid, crowd: Crowd) -> Result<Cost, String> {
    tokio::time::sleep(SETTLE).await;
    let gone = || format!("the process {} has ended", pid.0);
    let began = std::time::Instant::now();
    let cpu = pid.cpu_time().ok_or_else(gone)?;
    let (mut rss, mut pss) = (Vec::new(), Vec::new());
    while began.elapsed() < WATCH {
        tokio::time::sleep(LOOK_INTERVAL).await;
        rss.push(mb(pid.rss_bytes().ok_or_else(gone)?));
        pss.push(mb(pss_bytes(pid).ok_or_else(gone)?));
    }
    let used = pid.cpu_time().ok_or_else(gone)?.saturating_sub(cpu);
    let cpu_percent = used.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    let seen = crowd.leave().await?;
    let frames: Vec<f64> = seen.iter().map(|seen| seen.frames as f64).collect();
    let rss = evidence.samples(&format!("{whose}rss_mb"), &rss);
    evidence.samples(&format!("{whose}pss_mb"), &pss);
    evidence.value(&format!("{whose}cpu_percent_of_a_core"), cpu_percent);
    evidence.value(&format!("{whose}threads"), f64::from(pid.threads().ok_or_else(gone)?));
    evidence.samples(&format!("{whose}frames_a_viewer"), &frames);
    evidence.value(
        &format!("{whose}lost_packets"),
        seen.iter().map(|seen| seen.lost_packets).sum::<u64>() as f64,
    );
    evidence.value(
        &format!("{whose}viewers_with_problems"),
        seen.iter().filter(|seen| seen.problems > 0).count() as f64,
    );
    // 15 a second: fewer than nine tenths of them is another load than the one that was asked for.
    let wanted = (SETTLE + WATCH).as_secs_f64() * 15.0 * 0.9;
    if let Some(few) = frames.iter().find(|frames| **frames < wanted) {
        return Err(format!("{whose}: a viewer saw only {few} pictures, {wanted:.0} are the least"));
    }
    Ok(Cost { rss_mb: rss.p50, cpu_percent })
}
