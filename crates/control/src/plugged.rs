//! Cameras as they come and go: devices are looked at when the kernel tells of them, and all of them every
//! `camera.scan_interval` in case it does not; and streams follow their cameras. The stream of one that is gone stays
//! and waits for it; its source does not, because its node may be another camera's by now.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use base::CameraId;
use cameras::{Camera, Cameras, Change, Hint};
use paths::{Lease, Paths, Purpose};
use tokio::{sync::watch, task::JoinSet, time::Instant};

use crate::{
    controls::Controls,
    convert::{self, path_of},
    leases::Leases,
    recordings::Recordings,
};

/// Why cameras may be different.
#[derive(Debug)]
enum Cause {
    /// Somebody says so, or it is time.
    Hint(Hint),
    /// A device has answered, or has not.
    Answer,
}

/// Looks for cameras. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Plugged(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cameras: Cameras,
    controls: Controls,
    paths: Paths,
    leases: Leases,
    recordings: Recordings,
    /// One look at a time: streams follow in the order in which cameras were found.
    looking: std::sync::Mutex<()>,
    interval: watch::Sender<Duration>,
    /// Told when something about cameras is different.
    changed: watch::Sender<()>,
    /// Streams are kept for nobody (`camera.auto_start_streams`).
    keeps_streams: bool,
}

impl Plugged {
    pub(crate) fn new(
        (cameras, controls): (Cameras, Controls),
        paths: Paths,
        (leases, recordings): (Leases, Recordings),
        config: &cameras::Config,
    ) -> Self {
        Self(Arc::new(Inner {
            cameras,
            controls,
            paths,
            leases,
            recordings,
            looking: std::sync::Mutex::default(),
            interval: watch::channel(config.scan_interval).0,
            changed: watch::channel(()).0,
            keeps_streams: config.auto_start_streams,
        }))
    }

    /// Gives every camera that was found its stream, and what is kept of its controls.
    pub(crate) fn begin(&self) -> base::Result<()> {
        self.apply_controls();
        self.0.cameras.list().iter().try_for_each(|camera| self.put(camera))
    }

    /// Has what is kept of controls put on all cameras that are there.
    fn apply_controls(&self) {
        let cameras = self.0.cameras.list();
        let there = cameras.iter().filter(|camera| camera.status == cameras::Status::Connected);
        there.for_each(|camera| self.0.controls.come(camera.id));
    }

    /// Looks again this often from now on.
    pub(crate) fn set_interval(&self, interval: Duration) {
        self.0.interval.send_replace(interval);
    }

    /// Takes sources, names, controls and interval of another configuration.
    pub(crate) fn reconfigure(&self, config: &cameras::Config) {
        self.0.cameras.reconfigure(config);
        self.apply_controls();
        self.look(&Cause::Hint(Hint::everything()));
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

    /// Looks, keeps streams and writes numbers down until `stop` says so or its sender is gone. Three things that
    /// do not wait for each other: a stream may take long to start, and a disk to write.
    pub(crate) async fn run(self, stop: watch::Receiver<bool>) {
        tokio::join!(self.watch(stop.clone()), self.keep(stop.clone()), self.write_down(stop));
    }

    async fn watch(&self, mut stop: watch::Receiver<bool>) {
        let mut interval = self.0.interval.subscribe();
        let mut kernel = self.0.cameras.watch();
        // Now: what came after the first look and before the watch was told to nobody.
        let mut due = Instant::now();
        loop {
            let cause = tokio::select! {
                hint = kernel.next() => Cause::Hint(hint),
                () = self.0.cameras.answered() => Cause::Answer,
                () = tokio::time::sleep_until(due) => {
                    due = Instant::now() + *interval.borrow();
                    Cause::Hint(Hint::everything())
                }
                // The new interval begins now.
                _ = interval.changed() => {
                    due = Instant::now() + *interval.borrow_and_update();
                    continue;
                }
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let plugged = self.clone();
            // Folders are read.
            if let Err(error) = tokio::task::spawn_blocking(move || plugged.look(&cause)).await {
                tracing::error!(%error, "cameras could not be looked for");
            }
        }
    }

    /// Looks once. A camera that is recorded stays until that ends, even if it is configured no longer.
    fn look(&self, cause: &Cause) {
        let _one_at_a_time = self.0.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let held = self.0.recordings.cameras();
        let changes = match cause {
            Cause::Hint(hint) => self.0.cameras.look(hint, &held),
            Cause::Answer => self.0.cameras.settle(&held),
        };
        for change in &changes {
            self.follow(change);
        }
        if !changes.is_empty() {
            self.tell();
        }
    }

    /// What did not go to the disk is tried again after `camera.scan_interval`.
    async fn write_down(&self, mut stop: watch::Receiver<bool>) {
        let mut changed = self.changes();
        loop {
            let cameras = self.0.cameras.clone();
            let written = tokio::task::spawn_blocking(move || cameras.keep()).await.unwrap_or_else(|error| {
                tracing::error!(%error, "the numbers of cameras could not be written down");
                false
            });
            if *stop.borrow() {
                return;
            }
            let interval = *self.0.interval.borrow();
            tokio::select! {
                _ = changed.changed() => {}
                () = tokio::time::sleep(interval), if !written => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
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
        // One that was replugged faster than it was looked for has only changed.
        if camera.status == cameras::Status::Connected {
            self.0.controls.come(camera.id);
        }
        if let Change::Removed(_) = change {
            self.0.paths.remove(&path_of(camera.id));
            self.0.leases.end_of(camera.id);
        } else if let Err(error) = self.put(camera) {
            tracing::error!(camera = %camera.id, error = error.public, detail = error.private, "no stream for a camera");
        }
    }

    /// Waits for the look that is under way, if it has found this camera and not made its stream yet.
    pub(crate) fn follow_up(&self, camera: &Camera) {
        if self.0.paths.status(&path_of(camera.id)).is_none() {
            drop(self.0.looking.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn put(&self, camera: &Camera) -> base::Result<()> {
        if let Some(source) = convert::source(camera) {
            return self.0.paths.put(path_of(camera.id), source);
        }
        self.0.paths.take_source(&path_of(camera.id));
        Ok(())
    }

    /// Keeps a stream of every camera, where that is configured. One that cannot be started is tried again after
    /// `camera.scan_interval`.
    async fn keep(&self, mut stop: watch::Receiver<bool>) {
        if !self.0.keeps_streams {
            return;
        }
        let mut kept = BTreeMap::new();
        let mut changed = self.changes();
        loop {
            changed.mark_unchanged();
            let interval = *self.0.interval.borrow();
            tokio::select! {
                () = self.keep_streams(&mut kept) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            tokio::select! {
                _ = changed.changed() => {}
                () = tokio::time::sleep(interval) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Starts the streams that are to be kept and are not, all at once.
    async fn keep_streams(&self, kept: &mut BTreeMap<CameraId, Lease>) {
        let cameras = self.0.cameras.list();
        let usable = |camera: &&Camera| camera.status == cameras::Status::Connected;
        kept.retain(|id, _| cameras.iter().filter(usable).any(|camera| camera.id == *id));
        let mut starting = JoinSet::new();
        for id in cameras.iter().filter(usable).map(|camera| camera.id).filter(|id| !kept.contains_key(id)) {
            let paths = self.0.paths.clone();
            starting.spawn(async move { (id, paths.lease(&path_of(id), Purpose::Viewing).await) });
        }
        while let Some(started) = starting.join_next().await {
            if let Ok((id, Ok(lease))) = started {
                kept.insert(id, lease);
            }
        }
    }
}
