//! The leases by which others take a path's frames: a need, and the wait for the first picture.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base::{Error, Kind, Result, supervisor::State};
use media::Unit;
use tokio::sync::watch;
use tracing::Span;

use crate::{
    demand::Purpose,
    hub::{Tap, TapKind},
    owner::Phase,
    path::{NO_PICTURE, Path},
    readers::Readers,
};

/// Somebody's need of a path's frames; dropping it ends the need.
#[derive(Debug)]
pub struct Lease {
    path: Arc<Path>,
    purpose: Purpose,
    served: bool,
    cold: bool,
}

impl Lease {
    pub(crate) async fn take(path: Arc<Path>, purpose: Purpose) -> Result<Self> {
        let arrival = path.demand().arrive(purpose);
        let patience = path.patience.of(purpose).start_timeout;
        let mut phase = path.phase();
        let mut lease = Self { path, purpose, served: false, cold: false };
        // Most takers find the stream running; only the others wait.
        if lease.path.phase_now() != State::Live {
            lease.cold = true;
            lease.path.caused_by(Span::current());
        }
        lease.path.changed.notify_one();
        let decided = async {
            let answer = phase
                .wait_for(|phase| {
                    // Without trouble: the source that failed has just been replaced.
                    let failed = phase.state == State::Failed && phase.trouble.is_some();
                    phase.state == State::Live || phase.arrivals_seen >= arrival && failed
                })
                .await;
            answer.map(|phase| phase.clone())
        };
        match tokio::time::timeout(patience, decided).await {
            Ok(Ok(Phase { state: State::Live, .. })) => {
                lease.served = true;
                Ok(lease)
            }
            Ok(Ok(Phase { trouble, .. })) => {
                let unknown = || Error::new(Kind::Dependency, "the stream could not be started");
                Err(trouble.map_or_else(unknown, |trouble| trouble.error))
            }
            Ok(Err(_)) => Err(Error::new(Kind::WrongState, "the stream is being removed")),
            Err(_) => {
                // The owner learns of it here: its own patience ends a moment later, when the wish is gone.
                lease.path.demand().note_overdue();
                Err(Error::new(Kind::Timeout, NO_PICTURE))
            }
        }
    }

    /// The stream was not running when the lease was asked for.
    pub fn was_cold(&self) -> bool {
        self.cold
    }

    /// How long this purpose waits for a picture at most.
    pub fn start_timeout(&self) -> Duration {
        self.path.patience.of(self.purpose).start_timeout
    }

    /// Joins the stream: the pictures since the last key frame, then every one that comes.
    pub fn tap(&self, kind: TapKind) -> Tap {
        self.path.hub.tap(kind)
    }

    /// The pictures since the last key frame, oldest first. Empty while the source restarts.
    pub fn gop(&self) -> Vec<Arc<Unit>> {
        self.path.hub.gop()
    }

    /// Who watches the path, and every change of that.
    pub fn readers(&self) -> watch::Receiver<Readers> {
        self.path.readers.subscribe()
    }

    pub(crate) fn path(&self) -> &Arc<Path> {
        &self.path
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.path.demand().leave(Instant::now(), self.purpose, self.served);
        self.path.changed.notify_one();
    }
}
