//! What is wrong on this machine and how to mend it, for a person who stands before it: unlike anything
//! a client is told, it names devices, folders and programs. Looking changes nothing.

mod findings;
mod probes;

pub use findings::{Finding, Level};
pub use probes::{Node, SeenCamera, cameras, port_finding};

use crate::Config;

/// Looks at everything that cameras, streams and files need here.
pub async fn examine(config: &Config) -> Vec<Finding> {
    findings::judge(&probes::look(config).await)
}
