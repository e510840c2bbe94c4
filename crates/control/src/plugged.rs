//! Cameras as they come and go: the devices are looked at again every `camera.scan_interval`, and streams
//! follow their cameras. The stream of one that is gone stays and waits for it; its source does not, because
//! its node may be another camera's by now.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base::CameraId;
use cameras::{Camera, Cameras, Change};
use paths::{Lease, Paths, Purpose};
use tokio::sync::{Mutex, watch};

use crate::convert::{self, path_of};

/// Looks for cameras. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Plugged(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cameras: Cameras,
    paths: Paths,
    interval: watch::Sender<Duration>,
    /// Told when something about cameras is different.
    changed: watch::Sender<()>,
    /// Streams that are kept for nobody (`camera.auto_start_streams`); `None`: none are.
    kept: Option<Mutex<BTreeMap<CameraId, Lease>>>,
}

impl Plugged {
    pub(crate) fn new(cameras: Cameras, paths: Paths, interval: Duration, keep_streams: bool) -> Self {
        let kept = keep_streams.then(|| Mutex::new(BTreeMap::new()));
        Self(Arc::new(Inner {
            cameras,
            paths,
            interval: watch::channel(interval).0,
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
            let cameras = self.0.cameras.clone();
            // Drivers may be slow, and a disk is written.
            let Ok(changes) = tokio::task::spawn_blocking(move || cameras.rescan()).await else { continue };
            for change in &changes {
                self.follow(change);
            }
            if !changes.is_empty() {
                self.tell();
            }
            self.keep_streams().await;
        }
        if let Some(kept) = &self.0.kept {
            kept.lock().await.clear();
        }
    }

    fn follow(&self, change: &Change) {
        let (camera, what) = match change {
            Change::Connected(camera) => (camera, "camera connected"),
            Change::Disconnected(camera) => (camera, "camera disconnected"),
            Change::Changed(camera) => (camera, "camera changed"),
        };
        tracing::info!(camera = %camera.id, name = camera.name, error = camera.error, "{what}");
        if let Err(error) = self.put(camera) {
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
