//! What is wrong on this machine and how to mend it, for a person who stands before it: unlike anything
//! a client is told, it names devices, folders and programs. Looking changes nothing.

mod findings;
mod mediamtx;
mod probes;

pub use findings::{Finding, Level};
use mediamtx::Wanted;
pub use probes::{Node, SeenCamera, cameras, port_finding};

use crate::Config;

/// Looks at MediaMTX, where it serves the viewers; else there is nothing to find. `token` opens its API, if there is
/// one yet; at `keys_url` it finds the keys that prove it.
pub async fn examine_mediamtx(config: &Config, token: Option<String>, keys_url: &str) -> Vec<Finding> {
    let Some(mediamtx) = &config.paths.mediamtx else { return Vec::new() };
    let probed = paths::probe_mediamtx(mediamtx, token).await;
    let wanted = Wanted { mediamtx, keys_url, service_runs: probes::service_runs(config) };
    mediamtx::judge(&probed, &wanted)
}

/// Looks at everything that cameras, streams and files need here.
pub async fn examine(config: &Config) -> Vec<Finding> {
    findings::judge(&probes::look(config).await)
}
