//! Which recordings run: at most one a camera, each on a thread of its own.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use base::CameraId;
use files::Files;
use paths::{PathName, Paths, Purpose, TapKind};
use tokio::sync::{oneshot, watch};

use crate::{
    api::{ActiveRecording, RecordingFormat, RecordingRequest, RecordingStarted, RecordingStopped},
    config,
    convert::{self, path_of},
    counts::Counts,
    error::{Error, Kind, Result},
    events::Events,
    recorder::{Ended, Order, Progress, Recorder},
    room::Room,
};

/// A recording under way, or about to be.
#[derive(Debug, Clone)]
struct Active {
    recording_id: String,
    progress: Arc<Progress>,
    stop: watch::Sender<bool>,
    done: watch::Receiver<Option<Ended>>,
    format: RecordingFormat,
}

/// All running recordings. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Recordings {
    config: config::Recording,
    files: Files,
    paths: Paths,
    events: Events,
    room: Room,
    active: Arc<Mutex<BTreeMap<CameraId, Active>>>,
    pub(crate) counts: Arc<Counts>,
    /// When the newest recording of a camera ended before its time; as many entries as cameras at most.
    cut_short: Arc<Mutex<BTreeMap<CameraId, Instant>>>,
}

impl Recordings {
    pub(crate) fn new(
        config: config::Recording,
        files: Files,
        paths: Paths,
        events: Events,
        room: Room,
        counts: Arc<Counts>,
    ) -> Self {
        Self { config, files, paths, events, room, active: Arc::default(), counts, cut_short: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CameraId, Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_cut_short(&self) -> MutexGuard<'_, BTreeMap<CameraId, Instant>> {
        self.cut_short.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cameras whose newest recording ended before its time, and how long ago.
    pub(crate) fn cut_short(&self) -> Vec<(CameraId, Duration)> {
        self.lock_cut_short().iter().map(|(camera, at)| (*camera, at.elapsed())).collect()
    }

    /// Cameras that are being recorded, or are about to be.
    pub(crate) fn cameras(&self) -> Vec<CameraId> {
        self.lock().keys().copied().collect()
    }

    /// How long ago the files of each recording last grew; one that has no file yet is not told.
    pub(crate) fn ages(&self) -> Vec<(CameraId, Duration)> {
        let all = self.lock();
        all.iter()
            .filter_map(|(camera, active)| Some((*camera, active.progress.get().grew?.elapsed())))
            .collect()
    }

    /// What of `device` is being recorded.
    pub(crate) fn active(&self, device: CameraId) -> Option<ActiveRecording> {
        let active = self.lock().get(&device).cloned()?;
        let shown = active.progress.get();
        let elapsed = shown.start.and_then(|start| SystemTime::now().duration_since(start).ok());
        Some(ActiveRecording {
            recording_id: active.recording_id,
            filename: shown.files.last().cloned().unwrap_or_default(),
            elapsed: elapsed.unwrap_or_default(),
        })
    }

    /// The recording that writes this file.
    pub(crate) fn writing(&self, filename: &str) -> Option<(CameraId, String)> {
        let all = self.lock();
        let writes = |active: &Active| active.progress.get().files.iter().any(|name| name == filename);
        all.iter()
            .find(|(_, active)| writes(active))
            .map(|(device, active)| (*device, active.recording_id.clone()))
    }

    /// Starts a recording; answers once its first key frame lies in its file.
    pub(crate) async fn start(
        &self,
        device: CameraId,
        request: RecordingRequest,
    ) -> Result<RecordingStarted> {
        let format = request.format.unwrap_or(self.config.format);
        self.room.check()?;
        let (active, done, told) = self.reserve(device, format)?;
        // From here on the place is taken: it must be given back on every way out.
        let started = self.begin(device, &request, &active, done, told).await;
        if started.is_err() {
            self.release(device, &active.recording_id);
        }
        started.map(|shown_start| {
            let shown = active.progress.get();
            RecordingStarted {
                device,
                recording_id: active.recording_id,
                filename: shown.files.first().cloned().unwrap_or_default(),
                start_time: shown.start.unwrap_or(shown_start),
                format,
                duration: request.duration,
            }
        })
    }

    fn reserve(
        &self,
        device: CameraId,
        format: RecordingFormat,
    ) -> Result<(Active, watch::Sender<Option<Ended>>, watch::Receiver<bool>)> {
        let random = getrandom::u64()
            .map_err(|e| Error::new(Kind::Internal, "no random numbers to be had").with_private(e))?;
        let (stop, told) = watch::channel(false);
        let (done, finished) = watch::channel(None);
        let active = Active {
            recording_id: format!("{random:016x}"),
            progress: Arc::default(),
            stop,
            done: finished,
            format,
        };
        let mut all = self.lock();
        if let Some(other) = all.get(&device) {
            let kind = Kind::RecordingInProgress {
                device,
                filename: other.progress.get().files.last().cloned().unwrap_or_default(),
                recording_id: other.recording_id.clone(),
            };
            return Err(Error::new(kind, "this camera is being recorded already"));
        }
        all.insert(device, active.clone());
        Ok((active, done, told))
    }

    fn release(&self, device: CameraId, recording_id: &str) {
        let mut all = self.lock();
        if all.get(&device).is_some_and(|active| active.recording_id == recording_id) {
            all.remove(&device);
        }
    }

    async fn begin(
        &self,
        device: CameraId,
        request: &RecordingRequest,
        active: &Active,
        done: watch::Sender<Option<Ended>>,
        stop: watch::Receiver<bool>,
    ) -> Result<SystemTime> {
        let path: PathName = path_of(device);
        let lease =
            self.paths.lease(&path, Purpose::Recording).await.map_err(|e| convert::path_error(&e, device))?;
        let tap = lease.tap(TapKind::Lossless);
        let patience = lease.start_timeout();
        let (begun, answer) = oneshot::channel();
        // Before its thread can say otherwise.
        self.lock_cut_short().remove(&device);
        let recorder = Recorder {
            order: Order {
                device,
                recording_id: active.recording_id.clone(),
                duration: request.duration,
                segment_duration: self.config.segment_duration,
                container: convert::container(active.format),
            },
            files: self.files.clone(),
            lease,
            tap,
            stop,
            progress: active.progress.clone(),
            counts: self.counts.clone(),
            events: self.events.clone(),
            room: self.room.clone(),
            begun: Some(begun),
        };
        let runtime = tokio::runtime::Handle::current();
        let (all, recording_id) = (self.clone(), active.recording_id.clone());
        std::thread::Builder::new()
            .name(format!("rec-{device}"))
            .spawn(move || {
                let ended = recorder.run(&runtime);
                tracing::info!(%device, recording = recording_id, files = ?ended.files, "recording ended");
                // One that never began was refused to whoever asked: nothing was cut short.
                if ended.trouble.is_some() && !ended.files.is_empty() {
                    all.counts.recording_cut_short();
                    all.lock_cut_short().insert(device, Instant::now());
                }
                // First the place, then the news: who hears of the end may start again at once.
                all.release(device, &recording_id);
                if let Some(news) = ended.news(device, &recording_id) {
                    all.events.tell(news);
                }
                all.room.look();
                done.send_replace(Some(ended));
            })
            .map_err(|e| Error::new(Kind::Internal, "no thread for the recording").with_private(e))?;
        // The source may die between the lease and the first picture, and stay dead.
        let Ok(answer) = tokio::time::timeout(patience, answer).await else {
            active.stop.send_replace(true);
            let kind = Kind::Dependency { dependency: "camera", retryable: true };
            return Err(Error::new(kind, "no picture came in time"));
        };
        match answer {
            Ok(Ok(())) => {
                self.counts.recording_started();
                Ok(SystemTime::now())
            }
            Ok(Err(error)) => {
                let required = self.files.required();
                let mut told = convert::write_error(&error, "", self.files.space().ok(), required);
                if error.kind == base::Kind::Unsupported {
                    let feature = format!("recording format {}", convert::format_name(active.format));
                    told.kind = Kind::Unsupported { feature };
                }
                Err(told)
            }
            Err(_) => Err(Error::new(
                Kind::InvalidState { state: "STOPPED", allowed: &["RECORDING"] },
                "the recording was stopped before its first picture",
            )),
        }
    }

    /// Stops a recording; answers once its files are complete.
    pub(crate) async fn stop(&self, device: CameraId) -> Result<RecordingStopped> {
        let active = self.lock().get(&device).cloned().ok_or_else(|| {
            let kind = Kind::InvalidState { state: "IDLE", allowed: &["RECORDING"] };
            Error::new(kind, "this camera is not being recorded")
        })?;
        active.stop.send_replace(true);
        let mut done = active.done.clone();
        let ended = done.wait_for(Option::is_some).await.ok().and_then(|ended| ended.clone());
        let ended = ended.ok_or_else(|| Error::new(Kind::Internal, "the recording ended without a word"))?;
        Ok(RecordingStopped {
            device,
            recording_id: active.recording_id,
            files: ended.files,
            start_time: ended.start,
            end_time: ended.end,
            duration: ended.duration,
            file_size: ended.file_size,
            format: active.format,
        })
    }

    /// Stops all recordings at once; `false` when some were not complete in time.
    pub(crate) async fn stop_all(&self, grace: Duration) -> bool {
        let all: Vec<Active> = self.lock().values().cloned().collect();
        for active in &all {
            active.stop.send_replace(true);
        }
        let complete = async {
            for mut active in all {
                // An error: its thread is gone, and nothing is left to wait for.
                let _ = active.done.wait_for(Option::is_some).await;
            }
        };
        tokio::time::timeout(grace, complete).await.is_ok()
    }
}
