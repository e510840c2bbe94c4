//! The service under measurement: built as it is shipped, started by `testkit`.

use std::{process::Command, time::Duration};

use serde_json::json;
use testkit::{Pid, Rpc, Service, Setup, token::Role};

use crate::evidence::{self, Source};

/// What every scenario's camera sends.
pub(crate) const PICTURE: &str = "640x360@15";

/// From nothing to a first picture, on a busy machine.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(20);

/// Builds the binary the figures are about; says from what.
pub(crate) fn build() -> Result<Source, String> {
    if cfg!(debug_assertions) {
        return Err("figures of an unoptimised build would be no figures: run xtask with --release".into());
    }
    let source = Source::now();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = ["build", "--locked", "--release", "--package", "server", "--bin", "camera-service"];
    let status = Command::new(cargo).args(build).current_dir(evidence::root()).status();
    match status {
        Ok(status) if status.success() => Ok(source),
        other => Err(format!("the service could not be built: {other:?}")),
    }
}

/// A service with `count` test cameras named `camera 0`, `camera 1`, ..; key frames come every second. What
/// is measured is the service, not its limits.
pub(crate) fn with_cameras(count: usize) -> Setup {
    (0..count).fold(Setup::new().without_limits(), |setup, number| setup.test_camera(&name(number), PICTURE))
}

/// The id of the camera with that number.
pub(crate) async fn device(service: &mut Service, number: usize) -> String {
    service.device(&name(number)).await
}

fn name(number: usize) -> String {
    format!("camera {number}")
}

/// A connection that may do everything.
pub(crate) async fn admin(service: &Service) -> Rpc {
    service.rpc(Role::Admin).await
}

/// Starts a camera by a snapshot and waits until its stream is well under way, so that what is measured
/// next is a running stream.
pub(crate) async fn warm_up(service: &Service, rpc: &mut Rpc, device: &str) -> Pid {
    rpc.ok("take_snapshot", json!({"device": device})).await;
    let running = service.ffmpegs_become(1, START_LIMIT).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    running[0]
}

/// Proportional set size: memory shared with other processes counts by its share (proc(5)).
pub(crate) fn pss_bytes(pid: Pid) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", pid.0)).ok()?;
    let kib: u64 =
        text.lines().find_map(|line| line.strip_prefix("Pss:"))?.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

/// Bytes as MB (10^6), as the contract counts.
pub(crate) fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
