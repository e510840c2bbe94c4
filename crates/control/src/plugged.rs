//! Cameras as they come and go: the devices are looked at again every `camera.scan_interval`, and streams
//! follow their cameras. The stream of one that is gone stays and waits for it; its source does not, because
//! its node may be another camera's by now.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use base::CameraId;
use cameras::{Camera, Cameras, Change};
use paths::{Lease, Paths, Purpose};
use tokio::sync::{Mutex, watch};

use crate::{
    convert::{self, path_of},
    leases::Leases,
    recordings::Recordings,
};

/// Looks for cameras. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Plugged(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cameras: Cameras,
    paths: Paths,
    leases: Leases,
    recordings: Recordings,
    /// One look at a time: streams follow in the order in which cameras were found.
    looking: std::sync::Mutex<()>,
    interval: watch::Sender<Duration>,
    /// Told when something about cameras is different.
    changed: watch::Sender<()>,
    /// Streams that are kept for nobody (`camera.auto_start_streams`); `None`: none are.
    kept: Option<Mutex<BTreeMap<CameraId, Lease>>>,
}

impl Plugged {
    pub(crate) fn new(
        cameras: Cameras,
        paths: Paths,
        (leases, recordings): (Leases, Recordings),
        config: &cameras::Config,
    ) -> Self {
        let kept = config.auto_start_streams.then(|| Mutex::new(BTreeMap::new()));
        Self(Arc::new(Inner {
            cameras,
            paths,
            leases,
            recordings,
            looking: std::sync::Mutex::default(),
            interval: watch::channel(config.scan_interval).0,
            changed: watch::channel(()).0,
            kept,
        }))
    }

    /// Gives every camera that was found its stream.
    pub(crate) fn begin(&self) -> base::Result<()> {
        self.0.cameras.list().iter().try_for_each(|camera| self.put(camera))
    }

    /// Looks again this often from now on.
    pub(crate) fn set_interval(&self, interval: Duration) {
        self.0.interval.send_replace(interval);
    }

    /// Takes sources, names and interval of another configuration. Blocks while drivers answer.
    pub(crate) fn reconfigure(&self, config: &cameras::Config) {
        self.0.cameras.reconfigure(config);
        self.look();
        if *self.0.interval.borrow() != config.scan_interval {
            self.set_interval(config.scan_interval);
        }
    }

    /// Told whenever something about cameras is different; which is for the listener to find out.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// Something about cameras is different.
    pub(crate) fn tell(&self) {
        self.0.changed.send_replace(());
    }

    /// Looks until `stop` says so or its sender is gone.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut interval = self.0.interval.subscribe();
        self.keep_streams().await;
        loop {
            let pause = *interval.borrow_and_update();
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // The new interval begins now.
                _ = interval.changed() => continue,
                _ = stop.wait_for(|stop| *stop) => break,
            }
            let plugged = self.clone();
            // Drivers may be slow, and a disk is written.
            if let Err(error) = tokio::task::spawn_blocking(move || plugged.look()).await {
                tracing::error!(%error, "cameras could not be looked for");
            }
            self.keep_streams().await;
        }
        if let Some(kept) = &self.0.kept {
            kept.lock().await.clear();
        }
    }

    /// Looks once. A camera that is recorded stays until that ends, even if it is configured no longer.
    fn look(&self) {
        let _one_at_a_time = self.0.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = self.0.cameras.rescan(&self.0.recordings.cameras());
        for change in &changes {
            self.follow(change);
        }
        if !changes.is_empty() {
            self.tell();
        }
    }

    fn follow(&self, change: &Change) {
        let camera = change.camera();
        let what = match change {
            Change::Connected(_) => "camera connected",
            Change::Disconnected(_) => "camera disconnected",
            Change::Changed(_) => "camera changed",
            Change::Removed(_) => "camera removed",
        };
        tracing::info!(camera = %camera.id, name = camera.name, error = camera.error, "{what}");
        if let Change::Removed(_) = change {
            self.0.paths.remove(&path_of(camera.id));
            self.0.leases.end_of(camera.id);
        } else if let Err(error) = self.put(camera) {
            tracing::error!(camera = %camera.id, error = error.public, detail = error.private, "no stream for a camera");
        }
    }

    fn put(&self, camera: &Camera) -> base::Result<()> {
        if let Some(source) = convert::source(camera) {
            return self.0.paths.put(path_of(camera.id), source);
        }
        self.0.paths.take_source(&path_of(camera.id));
        Ok(())
    }

    /// Starts the streams that are to be kept and are not; one that cannot be started is tried again
    /// after the next look.
    async fn keep_streams(&self) {
        let Some(kept) = &self.0.kept else { return };
        let mut kept = kept.lock().await;
        kept.retain(|id, _| self.0.cameras.knows(*id));
        for camera in self.0.cameras.list() {
            if camera.status != cameras::Status::Connected {
                kept.remove(&camera.id);
            } else if !kept.contains_key(&camera.id)
                && let Ok(lease) = self.0.paths.lease(&path_of(camera.id), Purpose::Viewing).await
            {
                kept.insert(camera.id, lease);
            }
        }
    }
}
