//! SIGTERM and SIGINT say stop; SIGHUP asks to look at the configuration again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    audit::{Audit, Outcome},
    config::{self, Loaded, Sources},
};

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

    /// Waits for the word to stop. Meanwhile SIGHUP compares the files with what is `running`.
    pub(super) async fn stop(&mut self, running: Option<&(Sources, Loaded)>, audit: &Audit) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => if let Some((sources, loaded)) = running {
                    look_again(sources, loaded, audit);
                },
            }
        }
    }
}

/// Nothing can be changed while running yet; so a changed key is named, and nothing else happens.
fn look_again(sources: &Sources, running: &Loaded, audit: &Audit) {
    match config::load(sources) {
        Err(problems) => {
            let keys: Vec<String> = problems.iter().map(|problem| problem.key.clone()).collect();
            audit.reloaded(&keys, Outcome::Refused);
            for problem in problems {
                tracing::error!(
                    key = problem.key,
                    what = problem.what,
                    "the configuration is wrong; nothing was changed"
                );
            }
        }
        Ok(newer) => {
            let keys = running.differing(&newer);
            if keys.is_empty() {
                tracing::info!("the configuration is unchanged");
            } else {
                audit.reloaded(&keys, Outcome::Done);
            }
            for key in keys {
                tracing::warn!(key, "changed in the configuration; it needs a restart");
            }
        }
    }
}
