//! `serve`: load and check, bind everything, run.

use std::{path::PathBuf, time::Duration};

use sd_notify::NotifyState;
use tokio::runtime::{Builder, Runtime};

use super::signals::Signals;
use crate::{
    app::{Bound, Failure},
    config::{self, Sources},
    logging::{self, Logs},
    reload::Reload,
};

/// More workers than this do not serve a few cameras better, and each has memory of its own.
const MAX_WORKERS: usize = 4;
/// For calls that wait for a disk.
const MAX_BLOCKING: usize = 16;

pub(super) fn run(file: Option<PathBuf>) -> Result<(), Failure> {
    let sources = Sources::of_process(file);
    let loaded = config::load(&sources).map_err(Failure::Config)?;
    let logs = logging::start(&loaded.config.logging).map_err(Failure::Start)?;
    let config = loaded.config.clone();
    on_runtime(async move {
        // First: a signal that comes while we start must not be lost.
        let signals = Signals::new().map_err(|cause| Failure::Start(format!("no signals: {cause}")))?;
        let bound = Bound::new(config).await?;
        if let Some(file) = &bound.made_secret {
            tracing::warn!(file = %file.display(), "no secret is configured; a random one was made");
        }
        eprintln!("listening on {}", bound.url());
        tell_systemd(&NotifyState::Ready);
        let reload = Box::new(Reload::new(bound.app.clone(), logs.clone(), sources, loaded));
        until_stopped(bound, signals, Some(reload), logs).await
    })
}

/// Runs what is bound until a signal says to stop.
pub(super) async fn until_stopped(
    bound: Bound,
    mut signals: Signals,
    reload: Option<Box<Reload>>,
    logs: Logs,
) -> Result<(), Failure> {
    let last_words = logs.clone();
    let stop = async move {
        signals.stop(reload).await;
        tracing::info!("stopping");
        tell_systemd(&NotifyState::Stopping);
        tokio::spawn(async move {
            signals.stop(None).await;
            tracing::error!("a second signal: not waiting any longer");
            last_words.flush();
            // Children die with us; recordings are playable as they lie.
            std::process::exit(1);
        });
    };
    let complete = bound.run(stop).await;
    if complete {
        tracing::info!("stopped");
    }
    logs.flush();
    complete
        .then_some(())
        .ok_or_else(|| Failure::Start("not everything could be finished within shutdown_timeout".into()))
}

fn tell_systemd(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        tracing::warn!(%error, "systemd could not be told");
    }
}

/// Runs `work` to its end on a runtime of its own.
pub(super) fn on_runtime(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = runtime().map_err(|cause| Failure::Start(format!("no runtime: {cause}")))?;
    let outcome = runtime.block_on(work);
    // A disk that hangs must not keep us.
    runtime.shutdown_timeout(Duration::from_millis(100));
    outcome
}

fn runtime() -> std::io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread()
        .worker_threads(cores.min(MAX_WORKERS))
        .max_blocking_threads(MAX_BLOCKING)
        .enable_all()
        .build()
}
