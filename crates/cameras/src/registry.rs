//! All known cameras and their numbers, and what changes when the devices are looked at again.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use base::CameraId;
use tokio::sync::Notify;

use crate::{
    camera::{Camera, Kind, Mode, Source, Status},
    config::{Config, Configured, Match, Origin, Override, Wanted},
    known::{Entry, Known},
    look::Lookout,
    test_picture,
    v4l2::{self, Found},
    watch::{Hint, Watch},
};

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
    /// A device has answered, or is being asked.
    news: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    by_id: BTreeMap<CameraId, Camera>,
    known: Known,
    sources: Sources,
    names: BTreeMap<CameraId, String>,
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

    /// Takes sources and names of another configuration; the next look finds what is different.
    pub fn reconfigure(&self, config: &Config) {
        let mut state = self.state();
        state.sources.replace(&config.sources);
        state.names = config.names.clone();
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

    /// Writes down what is new about the numbers of cameras. Blocks while the disk does. A failure is told in the
    /// log and tried again the next time.
    pub fn keep(&self) {
        let _one_at_a_time = self.0.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        let unsaved = self.state().known.unsaved();
        if let Some(unsaved) = unsaved
            && let Err(error) = unsaved.write()
        {
            tracing::warn!(%error, "the numbers of cameras could not be written down");
            self.state().known.not_saved();
        }
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
            .find(|camera| camera.device_path.as_deref() == Some(path))
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
        state.seen.remove(&id);
        state.known.forget(id);
        drop(state);
        self.keep();
        true
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

/// What a look does not find out.
struct Given<'a> {
    sources: &'a Sources,
    names: &'a BTreeMap<CameraId, String>,
    /// Nodes that have not answered yet: the numbers they wish for are left to them.
    pending: BTreeSet<u16>,
}

/// Gives every device and every configured source its number.
fn listed(
    config: &Config,
    found: Vec<Found>,
    known: &mut Known,
    given: &Given<'_>,
    old: &BTreeMap<CameraId, Camera>,
) -> BTreeMap<CameraId, Camera> {
    let mut by_id: BTreeMap<CameraId, Camera> = BTreeMap::new();
    let mut keys = BTreeSet::new();
    let reserved: BTreeSet<CameraId> = known.entries().iter().map(|entry| entry.id).collect();
    let bound: BTreeSet<CameraId> = config.overrides.iter().filter_map(|over| over.id).collect();
    let lowest_free = |taken: &BTreeMap<CameraId, Camera>| {
        let free = |id: &CameraId| {
            let left = given.pending.contains(&id.0);
            !taken.contains_key(id) && !reserved.contains(id) && !bound.contains(id) && !left
        };
        (0..=u16::MAX).map(CameraId).find(free)
    };
    let named_alike = |one: &Found, other: &Found| one.name == other.name && one.serial == other.serial;
    let alone: Vec<bool> = found
        .iter()
        .map(|device| found.iter().filter(|other| named_alike(device, other)).count() == 1)
        .collect();
    for (device, alone) in found.into_iter().zip(alone) {
        let mut key = key_of(&device);
        // Twins in the same port of two hubs, say: told apart only by the order of their nodes.
        let ambiguous = !keys.insert(key.clone());
        if ambiguous {
            key = format!("{key}#{}", device.number);
            keys.insert(key.clone());
        }
        let of_device = |over: &&Override| match &over.of {
            Match::UsbPort(port) => device.bus_info.as_deref() == Some(port.as_str()),
            Match::Serial(serial) => device.serial.as_deref() == Some(serial.as_str()),
            Match::Id(_) => false,
        };
        let over = config.overrides.iter().find(of_device);
        // What could not be opened has no key of its own yet: its node's camera stays the same one.
        let same_node = old.values().find(|camera| {
            camera.device_path.as_deref() == Some(&device.path) && camera.status == Status::Error
        });
        let wish = CameraId(device.number);
        let id = over
            .and_then(|over| over.id)
            .or_else(|| known.id_of_device(&key, &device.name, device.serial.as_deref(), alone))
            .or_else(|| same_node.map(|camera| camera.id))
            .filter(|id| !by_id.contains_key(id))
            .or_else(|| {
                let free = !by_id.contains_key(&wish) && !reserved.contains(&wish) && !bound.contains(&wish);
                if free { Some(wish) } else { lowest_free(&by_id) }
            });
        let Some(id) = id else { break };
        let over = over.or_else(|| of_id(config, id));
        let serial = device.serial.clone();
        let mut camera = camera_of(id, device, over, config.defaults, ambiguous);
        known.note(Entry { id, key, serial, name: camera.name.clone(), kind: Kind::V4l2, seen: None });
        named(&mut camera, over, given.names);
        by_id.insert(id, camera);
    }
    for source in given.sources.all() {
        let key = source.key();
        let id = known.id_of(&key).filter(|id| !by_id.contains_key(id)).or_else(|| lowest_free(&by_id));
        let Some(id) = id else { break };
        let over = of_id(config, id);
        let mut camera = configured(id, source, over, config.defaults);
        known.note(Entry { id, key, serial: None, name: camera.name.clone(), kind: camera.kind, seen: None });
        named(&mut camera, over, given.names);
        by_id.insert(id, camera);
    }
    for entry in known.entries() {
        // A source that is configured no longer keeps its number, but is no camera that was unplugged.
        if entry.kind == Kind::V4l2 && !by_id.contains_key(&entry.id) {
            let mut camera = gone(entry, old.get(&entry.id), config.defaults);
            named(&mut camera, of_id(config, entry.id), given.names);
            by_id.insert(entry.id, camera);
        }
    }
    by_id
}

/// What tells a device from others without a serial number: its name and where it is plugged in.
fn key_of(device: &Found) -> String {
    match &device.bus_info {
        Some(bus) => format!("{}@{bus}", device.name),
        None => format!("node:{}", device.number),
    }
}

fn of_id(config: &Config, id: CameraId) -> Option<&Override> {
    config.overrides.iter().find(|over| over.of == Match::Id(id))
}

fn named(camera: &mut Camera, over: Option<&Override>, names: &BTreeMap<CameraId, String>) {
    let given = names.get(&camera.id).or_else(|| over.and_then(|over| over.name.as_ref()));
    if let Some(name) = given {
        name.clone_into(&mut camera.name);
    }
}

fn wanted(over: Option<&Override>, defaults: Wanted) -> Wanted {
    Wanted {
        size: over.and_then(|over| over.size).unwrap_or(defaults.size),
        fps: over.and_then(|over| over.fps).unwrap_or(defaults.fps),
    }
}

fn camera_of(
    id: CameraId,
    device: Found,
    over: Option<&Override>,
    defaults: Wanted,
    ambiguous: bool,
) -> Camera {
    let wanted = wanted(over, defaults);
    let only = over.and_then(|over| over.format.as_deref());
    let choice = device.modes.as_deref().map_err(Clone::clone).and_then(|modes| {
        v4l2::choose(modes, wanted, only).ok_or_else(|| match only {
            None => "it offers no picture format and size that can be used".to_owned(),
            Some(format) => format!("it does not offer the configured format {format}"),
        })
    });
    let (status, error) = match &choice {
        Ok(_) => (Status::Connected, None),
        Err(why) => (Status::Error, Some(why.clone())),
    };
    let choice = choice.unwrap_or_default();
    let mode = |mode: v4l2::Mode| Mode {
        format: mode.format.to_string(),
        size: mode.size,
        fps: mode.rates.iter().map(|rate| rate.per_second()).collect(),
    };
    Camera {
        id,
        name: device.name,
        kind: Kind::V4l2,
        size: choice.size.unwrap_or(wanted.size),
        fps: choice.rate.map_or(f64::from(wanted.fps), v4l2::Rate::per_second),
        source: Source::Ffmpeg { input: choice.input(&device.path), copy_h264: choice.is_h264() },
        formats: device.formats,
        sizes: device.sizes,
        modes: device.modes.unwrap_or_default().into_iter().map(mode).collect(),
        bitrate_bps: over.and_then(|over| over.bitrate_bps),
        quarter_turns: over.map_or(0, |over| over.quarter_turns),
        ambiguous,
        status,
        error,
        device_path: Some(device.path),
        driver: device.driver,
        bus_info: device.bus_info,
    }
}

fn configured(id: CameraId, source: &Configured, over: Option<&Override>, defaults: Wanted) -> Camera {
    let (kind, picture, source_of) = match &source.origin {
        Origin::Rtsp(url) => (Kind::Rtsp, wanted(over, defaults), Source::Rtsp { url: url.clone() }),
        Origin::Test(picture) => {
            let picture = wanted(over, *picture);
            let input = test_picture::input(picture.size, picture.fps);
            (Kind::Test, picture, Source::Ffmpeg { input, copy_h264: false })
        }
    };
    Camera {
        sizes: if kind == Kind::Test { vec![picture.size] } else { Vec::new() },
        fps: f64::from(picture.fps),
        size: picture.size,
        source: source_of,
        bitrate_bps: over.and_then(|over| over.bitrate_bps),
        quarter_turns: over.map_or(0, |over| over.quarter_turns),
        status: Status::Connected,
        ..nothing(id, &source.name, kind, picture)
    }
}

/// A camera that was seen, and is not there.
fn gone(entry: &Entry, before: Option<&Camera>, defaults: Wanted) -> Camera {
    match before {
        // What it offers is still known.
        Some(camera) => {
            Camera { status: Status::Disconnected, error: None, device_path: None, ..camera.clone() }
        }
        None => nothing(entry.id, &entry.name, entry.kind, defaults),
    }
}

/// A camera of which nothing is known but its name.
fn nothing(id: CameraId, name: &str, kind: Kind, picture: Wanted) -> Camera {
    Camera {
        id,
        name: name.to_owned(),
        kind,
        size: picture.size,
        fps: f64::from(picture.fps),
        source: Source::Ffmpeg { input: Vec::new(), copy_h264: false },
        formats: Vec::new(),
        sizes: Vec::new(),
        modes: Vec::new(),
        bitrate_bps: None,
        quarter_turns: 0,
        ambiguous: false,
        status: Status::Disconnected,
        error: None,
        device_path: None,
        driver: None,
        bus_info: None,
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
