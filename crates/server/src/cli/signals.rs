//! SIGTERM and SIGINT say stop; SIGHUP, or a configuration file that was changed, asks to look at the
//! configuration again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{reload::Reload, watch::FileWatch};

/// The signals this process heeds.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the word to stop. Meanwhile the configuration is looked at again when somebody asks, and
    /// when its file has changed.
    pub(super) async fn stop(&mut self, mut reload: Option<Box<Reload>>) {
        let mut watch = reload.as_ref().and_then(|reload| watch(reload.sources().file.as_ref()?));
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {}
                outcome = changed(watch.as_mut()) => if let Err(error) = outcome {
                    tracing::warn!(%error, "the configuration file is no longer watched; SIGHUP still reads it");
                    watch = None;
                    continue;
                },
            }
            let Some(mut asked) = reload.take() else { continue };
            // A disk may block: not here.
            let done = tokio::task::spawn_blocking(move || {
                asked.look_again();
                asked
            });
            match done.await {
                Ok(again) => reload = Some(again),
                Err(error) => tracing::error!(%error, "the configuration can no longer be read again"),
            }
        }
    }
}

fn watch(file: &std::path::PathBuf) -> Option<FileWatch> {
    FileWatch::new(std::slice::from_ref(file))
        .inspect_err(|error| tracing::warn!(%error, "the configuration file is not watched; SIGHUP reads it"))
        .ok()
}

/// For ever when nothing is watched.
async fn changed(watch: Option<&mut FileWatch>) -> io::Result<()> {
    match watch {
        Some(watch) => watch.changed().await.map(drop),
        None => std::future::pending().await,
    }
}
