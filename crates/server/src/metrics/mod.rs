//! What is counted of the service, in one place: calls as they come and go, the rest read when somebody
//! asks. Two faces of one reading: `get_metrics` and Prometheus' text. Nothing is made up: what nobody
//! counted is not told.

mod families;
mod process;
mod reading;
mod rpc;
mod text;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) use reading::Reading;
pub(crate) use rpc::{Begun, Calls};
pub(crate) use text::{CONTENT_TYPE, render};

use crate::{net::Gate, rpc::Service, wire::Error};

/// The registry.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) calls: Calls,
    gate: Arc<Gate>,
    started: Instant,
    busy: process::Busy,
}

impl Metrics {
    /// `gate` counts connections.
    pub(crate) fn new(gate: Arc<Gate>) -> Self {
        let started = Instant::now();
        Self { calls: Calls::new(), gate, started, busy: process::Busy::new(started) }
    }

    /// Since the service was made.
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Service {
    /// Everything that is counted, as it is now.
    pub(crate) async fn reading(&self) -> Result<Reading, Error> {
        Reading::take(self).await
    }
}
