//! The Controller: every call of every client ends here, and here alone a camera, its stream and its
//! files are one thing.

mod streams;
mod usable;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use base::{CameraId, units::Size};
use cameras::Cameras;
use files::Files;
use paths::{Authorize, Ffmpeg, Launcher, Paths};
use tokio::sync::{Semaphore, watch};

use crate::{
    api::{
        Camera, CameraDetail, CameraStatus, Counts, FilePage, FileQuery, Picture, Readiness, RecordingFile,
        RecordingRequest, RecordingStarted, RecordingStopped, Snapshot, SnapshotFile, SnapshotRequest,
        SystemStatus,
    },
    camera_watch,
    config::Config,
    controls::Controls,
    convert::{self, path_of},
    counts,
    data_dir::{self, Held},
    error::{Error, Kind, Result},
    events::Events,
    export,
    health::Steady,
    health_watch,
    leases::Leases,
    pictures::Pictures,
    plugged::Plugged,
    recordings::Recordings,
    retention::Retention,
    room::{self, Room},
    snapshots::Snapshots,
    state::State,
    storage::Limits,
    timelapse,
};

/// The word on which `main` calls [`crate::run_child`].
pub(crate) const CHILD_SUBCOMMAND: &str = "__child";

/// Remembers which camera had which number.
pub(crate) const KNOWN_CAMERAS: &str = "cameras.json";

/// The one door to cameras, streams and files. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Controller(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    cameras: Cameras,
    plugged: Plugged,
    controls: Controls,
    state: Arc<State>,
    paths: Paths,
    files: Files,
    recordings: Recordings,
    leases: Leases,
    snapshots: Snapshots,
    retention: Retention,
    room: Room,
    _looking: room::Looking,
    /// What is told of health.
    steady: Mutex<Steady>,
    /// Whoever keeps the audit log can write it.
    audit_writable: AtomicBool,
    events: Events,
    /// Places for clips that are being cut.
    exports: Semaphore,
    /// Ends what runs by itself when it is dropped.
    stop: watch::Sender<bool>,
    /// Empty until it is known.
    ffmpeg: Arc<OnceLock<Ffmpeg>>,
    _held: Held,
}

impl Controller {
    /// Takes the data folder, mends what a killed service left there, looks for cameras and opens the
    /// media ports. No camera is touched before somebody wants its picture. `authorize`: who may watch;
    /// `events` hears of everything that happens from here on.
    pub async fn start(config: Config, authorize: Authorize, events: Events) -> Result<Self> {
        let held = data_dir::take(&config.data_dir)?;
        let (files, adopted) = Files::open(&config.files).map_err(|e| convert::file_error(&e, ""))?;
        for file in adopted {
            tracing::warn!(?file, "a file left by a killed service was adopted");
        }
        let launcher = Launcher::own_binary(CHILD_SUBCOMMAND);
        let ffmpeg = Arc::<OnceLock<Ffmpeg>>::default();
        // Nobody waits for it: a small machine takes seconds to load ffmpeg for the first time.
        tokio::spawn(look_for_ffmpeg(launcher.clone(), ffmpeg.clone(), events.clone()));
        let cameras = Cameras::open(&config.cameras, config.data_dir.join(KNOWN_CAMERAS)).map_err(|e| {
            Error::new(Kind::Internal, "the list of known cameras cannot be read").with_private(e)
        })?;
        let paths = Paths::start(config.paths.clone(), launcher, usable::prepare(&cameras), authorize)
            .await
            .map_err(|e| Error::new(Kind::Internal, e.public).with_private(e.private))?;
        let unread =
            |e| Error::new(Kind::Internal, "what was set through the API cannot be read").with_private(e);
        let state = Arc::new(State::open(&config.data_dir).map_err(unread)?);
        let room = Room::new(config.limits, files.clone(), events.clone());
        room.look();
        let counts = Arc::<counts::Counts>::default();
        let told_of = (events.clone(), room.clone(), counts.clone());
        let retention =
            Retention::new(config.retention, files.clone(), state.clone(), &config.data_dir, told_of);
        let (stop, told) = watch::channel(false);
        tokio::spawn(retention.clone().run(told.clone()));
        let recordings = Recordings::new(
            config.recording,
            files.clone(),
            paths.clone(),
            events.clone(),
            room.clone(),
            counts,
        );
        let leases = Leases::new(config.paths.rules.viewing.close_after, paths.clone());
        let users = (leases.clone(), recordings.clone());
        let controls = Controls::new(cameras.clone(), state.clone());
        let plugged =
            Plugged::new((cameras.clone(), controls.clone()), paths.clone(), users, &config.cameras);
        plugged.begin().map_err(|e| Error::new(Kind::Internal, e.public).with_private(e.private))?;
        let snapshots = Snapshots {
            config: config.snapshot,
            cameras: cameras.clone(),
            files: files.clone(),
            paths: paths.clone(),
            pictures: Pictures::start()?,
            events: events.clone(),
        };
        let controller = Self(Arc::new(Inner {
            config,
            cameras,
            plugged,
            controls,
            state,
            paths,
            files,
            recordings,
            leases,
            snapshots,
            retention,
            _looking: room.clone().watch()?,
            room,
            steady: Mutex::default(),
            audit_writable: AtomicBool::new(true),
            events: events.clone(),
            exports: Semaphore::new(export::MAX_AT_ONCE),
            stop,
            ffmpeg,
            _held: held,
        }));
        controller.begin();
        let weak = Arc::downgrade(&controller.0);
        let list = move || weak.upgrade().map(|inner| Self(inner).cameras());
        let (failures, plugged) = (controller.0.paths.failures(), controller.0.plugged.changes());
        tokio::spawn(camera_watch::watch(list, failures, plugged, events.clone(), told.clone()));
        let weak = Arc::downgrade(&controller.0);
        let look = move || {
            let weak = weak.clone();
            async move { Self(weak.upgrade()?).health_until().await.ok() }
        };
        let health = controller.health().await?;
        if let Some(steered) = controller.0.paths.steered() {
            tokio::spawn(streams::stir(steered, events.clone(), told.clone()));
        }
        tokio::spawn(controller.0.retention.clone().watch_clock(told.clone()));
        tokio::spawn(health_watch::watch(look, health, events, told));
        Ok(controller)
    }

    /// Starts what goes on by itself.
    fn begin(&self) {
        tokio::spawn(self.0.plugged.clone().run(self.0.stop.subscribe()));
        tokio::spawn(self.0.controls.clone().run(self.0.stop.subscribe()));
        for entry in &self.0.config.timelapse {
            // Stopped before anything else, so it does not keep the house alive.
            tokio::spawn(timelapse::run(self.clone(), *entry, self.0.stop.subscribe()));
        }
    }

    /// Finishes recordings, then ends sources and viewers. `false`: not all was complete within `grace`.
    pub async fn shutdown(&self, grace: Duration) -> bool {
        self.0.stop.send_replace(true);
        let complete = self.0.recordings.stop_all(grace).await;
        self.0.leases.end_all();
        // A child may need its grace of 3 s; the caller's own time-out is the outer bound.
        self.0.paths.shutdown().await;
        complete
    }

    /// All known cameras, by number.
    pub fn cameras(&self) -> Vec<Camera> {
        self.0.cameras.list().iter().map(|camera| self.listed(camera)).collect()
    }

    /// Everything known of one camera.
    pub fn camera(&self, id: CameraId) -> Result<CameraDetail> {
        let camera = self.known(id)?;
        let stream = self.stream(id)?;
        let listed = self.listed(&camera);
        Ok(CameraDetail {
            last_seen: match listed.status {
                CameraStatus::Connected => SystemTime::now(),
                // Unknown is only what the file of another version did not tell.
                CameraStatus::Disconnected | CameraStatus::Error => {
                    self.0.cameras.last_seen(id).unwrap_or(SystemTime::UNIX_EPOCH)
                }
            },
            error: camera.error.clone().or_else(|| stream.error.clone()),
            notice: usable::notice(&camera, stream.fps),
            identity: convert::identity(camera.identity),
            wished: camera.wished,
            chosen: convert::chosen(&camera),
            camera: listed,
            formats: camera.formats.clone(),
            sizes: camera.sizes.clone(),
            recording: self.0.recordings.active(id),
            debug: usable::host_details(&camera, &self.0.cameras.list()),
            stream,
        })
    }

    /// The camera at a device path, for clients that still name one.
    pub fn alias(&self, device_path: &str) -> Option<CameraId> {
        self.0.cameras.alias(device_path)
    }

    /// A picture of now, as a file.
    pub async fn take_snapshot(&self, id: CameraId, request: SnapshotRequest) -> Result<Snapshot> {
        // What was asked for first, then what can be done.
        self.0.snapshots.check(&request)?;
        self.usable(id)?;
        let taken = self.0.snapshots.take(id, request).await;
        self.0.recordings.counts.snapshot(taken.is_ok());
        self.explained(id, taken).await
    }

    /// A picture of now that nobody keeps.
    pub async fn picture(&self, id: CameraId, request: &SnapshotRequest) -> Result<Picture> {
        self.usable(id)?;
        self.explained(id, self.0.snapshots.picture(id, request).await).await
    }

    /// Starts a recording; its file holds its first key frame when this returns.
    pub async fn start_recording(&self, id: CameraId, request: RecordingRequest) -> Result<RecordingStarted> {
        self.usable(id)?;
        self.explained(id, self.0.recordings.start(id, request).await).await
    }

    /// Stops a recording; its files are complete when this returns.
    pub async fn stop_recording(&self, id: CameraId) -> Result<RecordingStopped> {
        self.known(id)?;
        self.0.recordings.stop(id).await
    }

    /// Files of recordings, newest first.
    pub async fn list_recordings(&self, query: FileQuery) -> Result<FilePage<RecordingFile>> {
        let page = self.on_disk(query, Files::recordings).await?;
        Ok(convert::page(page, convert::recording_file))
    }

    /// Snapshots, newest first.
    pub async fn list_snapshots(&self, query: FileQuery) -> Result<FilePage<SnapshotFile>> {
        let page = self.on_disk(query, Files::snapshots).await?;
        Ok(convert::page(page, convert::snapshot_file))
    }

    /// Is there such a camera, plugged in or not?
    pub fn knows(&self, id: CameraId) -> bool {
        self.0.cameras.knows(id)
    }

    /// Is the service as a whole there, as far as cameras that are `visible` show?
    pub fn system_status(&self, visible: impl Fn(CameraId) -> bool) -> SystemStatus {
        let mut cameras = self.cameras();
        cameras.retain(|camera| visible(camera.id));
        let available: Vec<CameraId> = cameras
            .iter()
            .filter(|camera| camera.status == CameraStatus::Connected)
            .map(|camera| camera.id)
            .collect();
        let (readiness, message) = if self.0.ffmpeg.get() == Some(&Ffmpeg::Missing) {
            (Readiness::Partial, "ffmpeg is not installed".to_owned())
        } else {
            let all = available.len() == cameras.len();
            let readiness = if all { Readiness::Ready } else { Readiness::Partial };
            (readiness, format!("{} of {} cameras can be used", available.len(), cameras.len()))
        };
        // Until the end: the devices are looked at again and again.
        let discovery_active = !*self.0.stop.borrow();
        SystemStatus { readiness, message, available, discovery_active }
    }

    /// Takes from `config` what may change while cameras are watched and recorded: what is kept, which
    /// sources are configured, how cameras are called and how often they are looked for. Blocks while drivers
    /// answer, on a thread of the runtime.
    pub fn reconfigure(&self, config: &Config) {
        self.0.retention.reconfigure(config.retention);
        self.0.plugged.reconfigure(&config.cameras);
    }

    /// The folder for everything the service keeps.
    pub fn data_dir(&self) -> &Path {
        self.0.config.data_dir()
    }

    pub(crate) fn all_cameras(&self) -> &Cameras {
        &self.0.cameras
    }

    pub(crate) fn plugged(&self) -> &Plugged {
        &self.0.plugged
    }

    pub(crate) fn controls(&self) -> &Controls {
        &self.0.controls
    }

    pub(crate) fn state(&self) -> Arc<State> {
        self.0.state.clone()
    }

    /// What has happened since the start.
    pub fn counts(&self) -> Counts {
        self.0.recordings.counts.read()
    }

    /// Which cameras are being recorded.
    pub fn recorded(&self) -> Vec<CameraId> {
        self.0.recordings.cameras()
    }

    /// How long ago the files of each recording under way last grew.
    pub fn recording_ages(&self) -> Vec<(CameraId, Duration)> {
        self.0.recordings.ages()
    }

    /// `None`: not known yet.
    pub(crate) fn ffmpeg(&self) -> Option<Ffmpeg> {
        self.0.ffmpeg.get().cloned()
    }

    /// Cameras whose newest recording ended before its time, and how long ago.
    pub(crate) fn cut_short(&self) -> Vec<(CameraId, Duration)> {
        self.0.recordings.cut_short()
    }

    pub(crate) fn files(&self) -> &Files {
        &self.0.files
    }

    pub(crate) fn limits(&self) -> Limits {
        self.0.config.limits
    }

    pub(crate) fn room(&self) -> &Room {
        &self.0.room
    }

    pub(crate) fn steady(&self) -> MutexGuard<'_, Steady> {
        // It is whole after each of its calls.
        self.0.steady.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn audit_writable(&self) -> bool {
        self.0.audit_writable.load(Ordering::Relaxed)
    }

    /// Whoever keeps the audit log can write it, or cannot.
    pub fn audit_is(&self, writable: bool) {
        if self.0.audit_writable.swap(writable, Ordering::Relaxed) != writable {
            self.0.events.stir();
        }
    }

    /// Cameras whose stream has ended by itself and is not back yet.
    pub(crate) fn restarting(&self) -> Vec<CameraId> {
        let restarts = |id: &CameraId| self.0.paths.restarts(&path_of(*id));
        self.0.cameras.list().into_iter().map(|camera| camera.id).filter(restarts).collect()
    }

    pub(crate) fn retention(&self) -> &Retention {
        &self.0.retention
    }

    /// What is answered when a file cannot go because it is being written.
    pub(crate) fn being_recorded(&self, filename: &str) -> Error {
        let filename = filename.to_owned();
        match self.0.recordings.writing(&filename) {
            Some((device, recording_id)) => {
                let kind = Kind::RecordingInProgress { device, filename, recording_id };
                Error::new(kind, "this file is being written")
            }
            // It has ended meanwhile: trying again will do.
            None => Error::new(
                Kind::InvalidState { state: "RECORDING", allowed: &["COMPLETE", "RECOVERED"] },
                "this file was being written until just now",
            ),
        }
    }

    pub(crate) fn exports(&self) -> &Semaphore {
        &self.0.exports
    }

    /// Turns true when the service stops.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.0.stop.subscribe()
    }

    pub(crate) fn listed(&self, camera: &cameras::Camera) -> Camera {
        let stream = self.0.paths.status(&path_of(camera.id));
        let failed = stream.as_ref().is_some_and(|stream| stream.state == base::supervisor::State::Failed);
        let params = stream.as_ref().and_then(|stream| stream.params.as_ref());
        let size = params.map_or(camera.size, |p| Size { width: p.info.width, height: p.info.height });
        Camera {
            id: camera.id,
            status: match camera.status {
                cameras::Status::Connected if failed => CameraStatus::Error,
                status => convert::camera_status(status),
            },
            name: camera.name.clone(),
            kind: convert::camera_kind(camera.kind),
            size,
            fps: stream.and_then(|stream| stream.fps).unwrap_or(camera.fps),
        }
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        query: FileQuery,
        work: fn(&Files, &files::Query) -> base::Result<T>,
    ) -> Result<T> {
        let query = files::Query {
            limit: query.limit,
            offset: query.offset,
            cursor: query.cursor,
            devices: query.devices,
            since: query.since,
            until: query.until,
        };
        let listed = self.blocking(move |files| work(files, &query)).await?;
        listed.map_err(|e| convert::file_error(&e, ""))
    }
}

async fn look_for_ffmpeg(launcher: Launcher, told: Arc<OnceLock<Ffmpeg>>, events: Events) {
    let ffmpeg = paths::probe_ffmpeg(&launcher).await;
    match &ffmpeg {
        Ffmpeg::Version(version) => tracing::info!(version, "ffmpeg found"),
        Ffmpeg::Missing => tracing::error!(
            "ffmpeg is not installed: only network cameras will work; install ffmpeg 5.1 or later"
        ),
        Ffmpeg::Unclear => tracing::warn!("ffmpeg does not tell its version"),
    }
    // Nobody else sets it.
    let _ = told.set(ffmpeg);
    events.stir();
}
