//! All known cameras and their numbers, and what changes when the devices are looked at again.

mod controls;
mod listed;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use base::CameraId;
use tokio::sync::Notify;

use crate::{
    camera::{Camera, Status},
    config::{Config, Configured},
    control::Unapplied,
    kept::Kept,
    known::Known,
    look::Lookout,
    turns::Turns,
    watch::{Hint, Watch},
};
pub use controls::{ControlsReset, ControlsSet, Was};
use listed::{Given, listed};

/// Longest wait of a service that starts for its cameras: an ordinary one answers within 10 ms. Those who take
/// longer are told when they answer.
const LONGEST_START: Duration = Duration::from_secs(1);

/// All cameras. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cameras(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    /// Taken before `state`, and never while a driver answers.
    lookout: Mutex<Lookout>,
    state: Mutex<State>,
    /// Taken before `state`, while the numbers are written down: a slow disk holds up nobody else.
    keeping: Mutex<()>,
    /// Whose driver is asked something.
    turns: Turns,
    /// A device has answered, or is being asked.
    news: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    by_id: BTreeMap<CameraId, Camera>,
    known: Known,
    sources: Sources,
    names: BTreeMap<CameraId, String>,
    /// What its controls are to be set to whenever it comes.
    controls: Kept,
    /// Which of them could not be set the last time.
    unapplied: BTreeMap<CameraId, Vec<Unapplied>>,
    /// When each camera was last there.
    seen: BTreeMap<CameraId, SystemTime>,
}

/// Cameras that are not found, but configured.
#[derive(Debug, Default)]
struct Sources {
    configured: Vec<Configured>,
    /// Configured no longer, but somebody could not let go of them yet.
    retired: Vec<Configured>,
}

impl Sources {
    /// Takes other ones; what is missing among them retires.
    fn replace(&mut self, newer: &[Configured]) {
        self.retired.append(&mut self.configured);
        self.retired.retain(|old| newer.iter().all(|new| new.name != old.name));
        self.configured = newer.to_vec();
    }

    fn all(&self) -> impl Iterator<Item = &Configured> {
        self.configured.iter().chain(&self.retired)
    }
}

/// What a look at the devices found to be different.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A camera is there that was not, or can be used that could not.
    Connected(Camera),
    /// A camera is gone.
    Disconnected(Camera),
    /// It is there, but something about it is different.
    Changed(Camera),
    /// It is configured no longer: there is no such camera any more.
    Removed(Camera),
}

impl Change {
    /// The camera as it is now, or was.
    pub fn camera(&self) -> &Camera {
        let (Self::Connected(camera)
        | Self::Disconnected(camera)
        | Self::Changed(camera)
        | Self::Removed(camera)) = self;
        camera
    }
}

impl Cameras {
    /// Looks at this machine's devices and adds the configured sources. Waits a moment for drivers to answer; who
    /// does not is listed when it does. `known`: the file that remembers their numbers.
    pub fn open(config: &Config, known: PathBuf) -> io::Result<Self> {
        let wait = config.detection_timeout.min(LONGEST_START);
        Ok(Self::begin(config, Known::open(known)?, Path::new("/dev"), Path::new("/sys"), wait))
    }

    /// The same beside a running service: the file is read and never written, and all drivers are waited for.
    pub fn peek(config: &Config, known: PathBuf) -> io::Result<Self> {
        let (known, wait) = (Known::open(known)?.read_only(), config.detection_timeout);
        Ok(Self::begin(config, known, Path::new("/dev"), Path::new("/sys"), wait))
    }

    /// The same, without a memory.
    pub fn scan(config: &Config) -> Self {
        Self::scan_in(config, Path::new("/dev"), Path::new("/sys"))
    }

    /// The same with other places for `/dev` and `/sys`.
    pub fn scan_in(config: &Config, dev_root: &Path, sys_root: &Path) -> Self {
        Self::begin(config, Known::default(), dev_root, sys_root, config.detection_timeout)
    }

    fn begin(config: &Config, known: Known, dev_root: &Path, sys_root: &Path, wait: Duration) -> Self {
        let news = Arc::<Notify>::default();
        let lookout = Lookout::new(dev_root, sys_root, config, news.clone());
        Self::with(config, known, (lookout, news), wait)
    }

    fn with(config: &Config, known: Known, looking: (Lookout, Arc<Notify>), wait: Duration) -> Self {
        let (mut lookout, news) = looking;
        let state = State {
            by_id: BTreeMap::new(),
            sources: Sources { configured: config.sources.clone(), retired: Vec::new() },
            names: config.names.clone(),
            controls: config.controls.clone(),
            unapplied: BTreeMap::new(),
            seen: known.entries().iter().filter_map(|entry| Some((entry.id, entry.seen?))).collect(),
            known,
        };
        lookout.look(None, Instant::now());
        lookout.wait(wait);
        let cameras = Self(Arc::new(Inner {
            config: config.clone(),
            lookout: Mutex::new(lookout),
            state: Mutex::new(state),
            keeping: Mutex::default(),
            turns: Turns::new(config.detection_timeout),
            news,
        }));
        let found = cameras.settle(&[]);
        cameras.keep();
        for change in found {
            let camera = change.camera();
            let (id, name, kind, status) = (camera.id, &camera.name, camera.kind, camera.status);
            match camera.error.as_deref() {
                None => {
                    let (size, fps) = (camera.size, camera.fps);
                    tracing::info!(camera = %id, name, ?kind, ?status, %size, fps, "camera found");
                }
                Some(error) => tracing::warn!(camera = %id, name, ?kind, error, "camera cannot be used"),
            }
        }
        cameras
    }

    /// Takes sources, names and controls of another configuration; the next look finds what is different, and
    /// [`Cameras::apply_controls`] sets what is.
    pub fn reconfigure(&self, config: &Config) {
        let mut state = self.state();
        state.sources.replace(&config.sources);
        state.names = config.names.clone();
        state.controls = config.controls.clone();
    }

    /// Looks where the hint says, asks devices that are new or different, and tells what has changed as far as
    /// that is known already. Waits for no driver: [`Cameras::answered`] does. `held`: cameras that stay even if
    /// they are configured no longer.
    pub fn look(&self, hint: &Hint, held: &[CameraId]) -> Vec<Change> {
        let mut lookout = self.lookout();
        lookout.look(hint.nodes(), Instant::now());
        // Whoever waits for answers has to wait for other ones now.
        self.0.news.notify_one();
        self.take(lookout, held)
    }

    /// What has changed by the answers that have come since, and by those that have not. `held`: as for `look`.
    pub fn settle(&self, held: &[CameraId]) -> Vec<Change> {
        self.take(self.lookout(), held)
    }

    /// Waits until a device has answered, or has not for `camera.detection_timeout`: then it is time to
    /// [`Cameras::settle`]. May come for nothing. For one caller; needs a runtime with time.
    pub async fn answered(&self) {
        let due = self.lookout().due(Instant::now());
        tokio::select! {
            () = self.0.news.notified() => {}
            () = until(due) => {}
        }
    }

    fn take(&self, mut lookout: MutexGuard<'_, Lookout>, held: &[CameraId]) -> Vec<Change> {
        let now = Instant::now();
        lookout.hear(now);
        let (found, pending) = (lookout.found(now), lookout.pending(now));
        let mut guard = self.state();
        let state = &mut *guard;
        let known = &state.known;
        state
            .sources
            .retired
            .retain(|source| known.id_of(&source.key()).is_some_and(|id| held.contains(&id)));
        let given = Given { sources: &state.sources, names: &state.names, pending };
        let fresh = listed(&self.0.config, found, &mut state.known, &given, &state.by_id);
        let changes = differences(&state.by_id, &fresh);
        state.by_id = fresh;
        let now = SystemTime::now();
        for camera in state.by_id.values().filter(|camera| camera.status != Status::Disconnected) {
            state.seen.insert(camera.id, now);
        }
        for change in &changes {
            if let Change::Disconnected(camera) = change {
                // Worth writing down: who starts anew has not seen it.
                state.known.saw(camera.id, state.seen.get(&camera.id).copied());
            }
        }
        changes
    }

    /// Writes down what is new about the numbers of cameras. Blocks while the disk does. `false`: it could not, which is
    /// told in the log, and is tried the next time.
    pub fn keep(&self) -> bool {
        let _one_at_a_time = self.0.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        let unsaved = self.state().known.unsaved();
        if let Some(unsaved) = unsaved
            && let Err(error) = unsaved.write()
        {
            tracing::warn!(%error, "the numbers of cameras could not be written down");
            self.state().known.not_saved();
            return false;
        }
        true
    }

    /// Listens to the kernel for the devices that are looked at. Needs a runtime with I/O and time.
    pub fn watch(&self) -> Watch {
        Watch::new(self.lookout().dev_root())
    }

    /// All cameras by number.
    pub fn list(&self) -> Vec<Camera> {
        self.state().by_id.values().cloned().collect()
    }

    /// One camera.
    pub fn get(&self, id: CameraId) -> Option<Camera> {
        self.state().by_id.get(&id).cloned()
    }

    /// Is there such a camera?
    pub fn knows(&self, id: CameraId) -> bool {
        self.state().by_id.contains_key(&id)
    }

    /// The camera whose node this path names, for clients that still name nodes.
    pub fn alias(&self, device_path: &str) -> Option<CameraId> {
        let path = Path::new(device_path);
        let state = self.state();
        state
            .by_id
            .values()
            .find(|camera| camera.nodes.iter().any(|node| node == path))
            .map(|camera| camera.id)
    }

    /// When a camera was last there, as far as anybody has looked.
    pub fn last_seen(&self, id: CameraId) -> Option<SystemTime> {
        self.state().seen.get(&id).copied()
    }

    /// Gives a camera a name of its own; `false`: there is no such camera.
    pub fn rename(&self, id: CameraId, name: &str) -> bool {
        let mut state = self.state();
        let Some(camera) = state.by_id.get_mut(&id) else { return false };
        name.clone_into(&mut camera.name);
        state.names.insert(id, name.to_owned());
        true
    }

    /// Forgets a camera that is gone; `false`: it is not, or there is no such camera.
    pub fn forget(&self, id: CameraId) -> bool {
        let mut state = self.state();
        if state.by_id.get(&id).is_none_or(|camera| camera.status != Status::Disconnected) {
            return false;
        }
        state.by_id.remove(&id);
        state.names.remove(&id);
        state.controls.remove(&id);
        state.unapplied.remove(&id);
        state.seen.remove(&id);
        state.known.forget(id);
        drop(state);
        self.keep();
        true
    }

    pub(crate) fn turns(&self) -> &Turns {
        &self.0.turns
    }

    pub(crate) fn detection_timeout(&self) -> Duration {
        self.0.config.detection_timeout
    }

    fn lookout(&self) -> MutexGuard<'_, Lookout> {
        self.0.lookout.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

fn differences(old: &BTreeMap<CameraId, Camera>, new: &BTreeMap<CameraId, Camera>) -> Vec<Change> {
    let mut changes = Vec::new();
    for (id, camera) in new {
        let before = old.get(id);
        if before == Some(camera) {
            continue;
        }
        let was = before.map(|camera| camera.status);
        changes.push(match camera.status {
            Status::Connected if was != Some(Status::Connected) => Change::Connected(camera.clone()),
            Status::Disconnected if was != Some(Status::Disconnected) => Change::Disconnected(camera.clone()),
            _ => Change::Changed(camera.clone()),
        });
    }
    let removed = old.values().filter(|camera| !new.contains_key(&camera.id));
    changes.extend(removed.cloned().map(Change::Removed));
    changes
}

#[cfg(test)]
mod tests;
