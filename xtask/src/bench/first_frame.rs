//! From a viewer's first packet to its first complete key frame: on a running stream, on a cold camera,
//! and the same viewer at MediaMTX.

use std::{net::SocketAddr, time::Duration};

use serde_json::json;
use testkit::{Pid, Transport};

use super::{Outcome, drift};
use crate::{
    evidence::{Evidence, Source},
    mediamtx::Mediamtx,
    publisher::{self, Publisher},
    readers::{Crowd, first_key_ms},
    service::{self, START_LIMIT},
    stats::Summary,
};

const WARM: usize = 100;
const COLD: usize = 10;
/// A viewer of MediaMTX waits for the next key frame: fewer of them, or it takes all day.
const BESIDE: usize = 50;
const GOP: Duration = Duration::from_secs(1);
const GOAL_WARM_P95_MS: f64 = 5.0;
const GOAL_COLD_MAX_MS: f64 = 1_000.0;

pub(super) async fn run(source: Source) -> Outcome {
    let parameters = json!({
        "camera": service::PICTURE, "gop_s": GOP.as_secs(), "warm": WARM, "cold": COLD,
        "mediamtx": Mediamtx::version(), "mediamtx_warm": BESIDE,
    });
    let mut evidence = Evidence::new("first-frame", source, parameters);
    let setup = service::with_cameras(1).set("stream.viewing.close_after", "0s");
    let mut service = setup.start().await;
    let device = service::device(&mut service, 0).await;
    let rtsp = service.rtsp().await;

    let mut cold = Vec::new();
    for _ in 0..COLD {
        service.ffmpegs_become(0, START_LIMIT).await;
        cold.push(first_key_ms(rtsp, &device, Transport::Tcp).await?.0);
    }
    let cold = evidence.samples("cold_tcp_ms", &cold);
    evidence.goal("cold_tcp_ms max", cold.max, GOAL_COLD_MAX_MS);

    // Keeps the stream running.
    let watcher = Crowd::watch(rtsp, std::slice::from_ref(&device)).await?;
    let ffmpeg = service.ffmpegs_become(1, START_LIMIT).await[0];
    let arguments = publisher::arguments(ffmpeg);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut ours = Vec::new();
    for (name, transport) in TRANSPORTS {
        let (samples, before) = viewers(rtsp, &device, transport, WARM).await?;
        if before > 0 {
            return Err(format!("{before} pictures came before a first key frame"));
        }
        let summary = evidence.samples(&format!("warm_{name}_ms"), &samples);
        evidence.goal(&format!("warm_{name}_ms p95"), summary.p95, GOAL_WARM_P95_MS);
        ours.push(summary);
    }
    watcher.leave().await?;
    drop(service);
    beside(&mut evidence, &arguments, &ours).await?;
    Ok(evidence.write())
}

const TRANSPORTS: [(&str, Transport); 2] = [("tcp", Transport::Tcp), ("udp", Transport::Udp)];

/// The same viewers at MediaMTX, if it is there.
async fn beside(evidence: &mut Evidence, arguments: &[String], ours: &[Summary]) -> Result<(), String> {
    let Some(mediamtx) = Mediamtx::start().await else {
        evidence.fact("mediamtx", "not installed: nothing was compared");
        return Ok(());
    };
    let publisher = Publisher::start(arguments, mediamtx.rtsp(), "camera0");
    publishes(mediamtx.rtsp(), mediamtx.pid(), "camera0").await;
    for ((name, transport), ours) in TRANSPORTS.into_iter().zip(ours) {
        let (samples, _) = viewers(mediamtx.rtsp(), "camera0", transport, BESIDE).await?;
        let theirs = evidence.samples(&format!("mediamtx_{name}_ms"), &samples);
        evidence.value(&format!("{name}_p50_of_mediamtx"), ours.p50 / theirs.p50);
        evidence.value(&format!("{name}_p95_of_mediamtx"), ours.p95 / theirs.p95);
    }
    drop(publisher);
    Ok(())
}

/// Viewers one after the other, in every phase of the group of pictures.
async fn viewers(
    server: SocketAddr,
    path: &str,
    transport: Transport,
    count: usize,
) -> Result<(Vec<f64>, u64), String> {
    let (mut samples, mut before) = (Vec::with_capacity(count), 0);
    for number in 0..count {
        drift(number, GOP).await;
        let (took, others) = first_key_ms(server, path, transport).await?;
        samples.push(took);
        before += others;
    }
    Ok((samples, before))
}

/// Waits until a path of MediaMTX can be watched.
pub(super) async fn publishes(server: SocketAddr, pid: Pid, path: &str) {
    let what = format!("MediaMTX (process {}) has {path}", pid.0);
    testkit::eventually(&what, START_LIMIT, async || first_key_ms(server, path, Transport::Tcp).await.ok())
        .await;
}
