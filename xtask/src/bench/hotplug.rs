//! How soon a subscribed client hears of a camera that comes or goes: real V4L2 cameras, in the guest of `tests/vm`.

use serde_json::json;

use super::{Outcome, inside};
use crate::evidence::{Evidence, Source};

/// From the moment the node can be opened, or is gone, to the event that is read. `uvc` is a USB camera with four modes; the
/// kernel's `vivid` tells 3,500 and is asked for each of them.
const GOALS_P95_MS: [(&str, f64); 4] = [
    ("uvc connected", 30.0),
    ("uvc disconnected", 20.0),
    ("vivid connected", 100.0),
    ("vivid disconnected", 20.0),
];

pub(super) fn run(source: Source) -> Outcome {
    let parameters = json!({
        "command": "cargo bench -p vm --bench hotplug",
        "guest": "QEMU, two emulated processors (no KVM), udevd running; the service runs as root",
    });
    let mut evidence = Evidence::new("hotplug", source, parameters);
    let all = inside::run("vm", "hotplug")?;
    for (name, at_most) in GOALS_P95_MS {
        let measured = all.iter().find(|measured| measured.name == name);
        let measured = measured.ok_or_else(|| format!("`{name}` was not measured"))?;
        let millis: Vec<f64> = measured.samples_ns.iter().map(|ns| ns / 1e6).collect();
        let summary = evidence.samples(&format!("{name} (ms)"), &millis);
        evidence.goal(&format!("{name} (ms) p95"), summary.p95, at_most);
    }
    Ok(evidence.write())
}
