//! Keeps API keys in step with their file: reads it again when the command line has changed it, and
//! writes down now and then when keys were used. Sends viewers away, and ends leases, when something was revoked;
//! sessions see to that themselves. Decides nothing about keys.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

use crate::{rpc::Service, viewing, watch::FileWatch};

/// When keys were used is written at most this often: a disk is not worn out by a busy key.
const SAVE_USED: Duration = Duration::from_secs(60);

/// Watches the file of the keys. A service that cannot still runs, and says how keys are told to it.
pub(crate) fn watched(file: PathBuf) -> Option<FileWatch> {
    FileWatch::new(&[file]).map_err(|error| tell_blind(&error)).ok()
}

fn tell_blind(error: &io::Error) {
    tracing::error!(
        %error,
        "the file of API keys cannot be watched: keys that the command line makes or revokes count after SIGHUP"
    );
}

/// Does so until told to stop, and writes down what is left.
pub(crate) async fn keep(
    service: Arc<Service>,
    mut watch: Option<FileWatch>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut save_at: Option<Instant> = None;
    let mut changes = service.access.changes();
    loop {
        tokio::select! {
            changed = changed(&mut watch) => match changed {
                Ok(_) => reload(service.clone()).await,
                Err(error) => {
                    tell_blind(&error);
                    watch = None;
                }
            },
            Ok(()) = changes.changed() => {
                viewing::end_revoked(&service);
                end_leases(&service);
                service.events.end_revoked(|principal| service.access.is_good(principal));
            }
            () = service.access.keys().used(), if save_at.is_none() => save_at = Some(Instant::now() + SAVE_USED),
            () = sleep_until(save_at.unwrap_or_else(Instant::now)), if save_at.is_some() => {
                save_at = None;
                save(service.clone()).await;
            }
            () = told(&mut stopping) => break,
        }
    }
    save(service).await;
}

/// Streams are not kept ready for those who may not ask for them any more.
fn end_leases(service: &Service) {
    let ended =
        service.controller.end_leases(|principal, since| service.access.was_turned_out(principal, since));
    if ended > 0 {
        tracing::info!(ended, "streams are no longer kept ready: what asked for them was revoked");
    }
}

/// A function of its own: the guard `wait_for` returns must not live across another await.
async fn told(stopping: &mut watch::Receiver<bool>) {
    // An error: nobody can say so any more, which is the same.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

async fn changed(watch: &mut Option<FileWatch>) -> io::Result<Vec<PathBuf>> {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

async fn reload(service: Arc<Service>) {
    let outcome = spawn_blocking(move || service.access.reload_keys()).await;
    if let Ok(Err(what)) = outcome {
        tracing::error!(what, "the file of API keys is wrong; the keys read before still count");
    }
}

async fn save(service: Arc<Service>) {
    let outcome = spawn_blocking(move || service.access.keys().save_used()).await;
    if let Ok(Err(trouble)) = outcome {
        tracing::warn!(%trouble, "when API keys were used could not be written down");
    }
}
