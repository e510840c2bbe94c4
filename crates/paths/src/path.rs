//! Paths by name, and the leases by which others take their frames.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use base::{Error, Kind, Result, supervisor::State};
use media::{ParamSets, Unit};
use tokio::{
    sync::{Notify, watch},
    task::{AbortHandle, JoinSet},
};

use crate::{
    child::Launcher,
    config::{CodecConfig, Config},
    demand::{Demand, Purpose, Wish},
    hub::{Hub, Tap, TapKind},
    owner::{self, Phase},
    rate::Measured,
    readers::Readers,
    rtsp::{self, Authorize, Viewers},
    source::Source,
};

/// What is told when the first picture does not come.
pub(crate) const NO_PICTURE: &str = "no picture came in time";

/// Name of a path, as it stands in a viewer's URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathName(String);

impl PathName {
    /// 1 to 64 of `a-z`, `A-Z`, `0-9`, `_`, `-`: nothing that means anything in a URL or a log.
    pub fn new(name: &str) -> Option<Self> {
        let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        ((1..=64).contains(&name.len()) && name.bytes().all(good)).then(|| Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PathName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a path is doing and what was counted of it.
#[derive(Debug, Clone)]
pub struct Status {
    /// Its name.
    pub name: PathName,
    /// What its source does.
    pub state: State,
    /// Viewers that play now.
    pub readers: u32,
    /// Media bytes sent to viewers since the start of the service.
    pub bytes_sent: u64,
    /// Pictures from the source since the start of the service.
    pub frames: u64,
    /// Age of the newest picture of the present run.
    pub last_frame_age: Option<Duration>,
    /// When the present run delivered its first picture.
    pub started_at: Option<SystemTime>,
    /// Parameter sets last seen, from this run or an earlier one.
    pub params: Option<Arc<ParamSets>>,
    /// Frames a second, as last measured.
    pub fps: Option<f64>,
    /// What comes now, while the source runs.
    pub measured: Option<Measured>,
    /// A description of the source for clients.
    pub source: String,
    /// Why the last start failed, until one succeeds; for clients.
    pub error: Option<String>,
}

/// One path.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) name: PathName,
    /// What delivers its pictures now.
    source: Mutex<Source>,
    /// Its owner is to end.
    removed: AtomicBool,
    pub(crate) codec: CodecConfig,
    pub(crate) launcher: Launcher,
    pub(crate) hub: Arc<Hub>,
    /// Wakes the owner: demand changed, or the first frame of a run came.
    pub(crate) changed: Arc<Notify>,
    pub(crate) readers: Arc<watch::Sender<Readers>>,
    demand: Mutex<Demand>,
    phase: watch::Sender<Phase>,
    /// Woken when the source fails, or no longer does; shared by all paths.
    failures: watch::Sender<()>,
    patience: crate::demand::AllRules,
}

impl Path {
    fn demand(&self) -> MutexGuard<'_, Demand> {
        self.demand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn source(&self) -> Source {
        self.source.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A run of another source ends.
    fn set_source(&self, source: Source) {
        *self.source.lock().unwrap_or_else(PoisonError::into_inner) = source;
        self.changed.notify_one();
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Relaxed)
    }

    pub(crate) fn wish(&self, now: Instant) -> (Wish, u64) {
        let demand = self.demand();
        (demand.wish(now), demand.arrivals())
    }

    /// Has somebody waited in vain since the last call?
    pub(crate) fn take_overdue(&self) -> bool {
        self.demand().take_overdue()
    }

    pub(crate) fn say(&self, phase: Phase) {
        // A source given up keeps nobody waiting: nor is it kept for those who have left.
        if phase.state == State::Failed {
            self.demand().end_linger();
        }
        let fails = phase.fails();
        let before = self.phase.send_replace(phase);
        if fails != before.fails() {
            self.failures.send_replace(());
        }
    }

    pub(crate) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    fn status(&self) -> Status {
        let phase = self.phase.borrow().clone();
        let hub = self.hub.status();
        Status {
            name: self.name.clone(),
            state: if phase.fails() { State::Failed } else { phase.state },
            readers: self.readers.borrow().count,
            bytes_sent: hub.bytes_sent,
            frames: hub.frames,
            last_frame_age: hub.last_frame_age,
            started_at: hub.started_at,
            params: hub.params,
            fps: hub.fps,
            measured: hub.measured,
            source: self.source().description().to_owned(),
            error: phase.trouble.map(|trouble| trouble.public.to_owned()),
        }
    }
}

/// All paths. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Paths(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    launcher: Launcher,
    paths: Mutex<BTreeMap<PathName, Arc<Path>>>,
    viewers: Arc<Viewers>,
    stop: watch::Sender<bool>,
    failures: watch::Sender<()>,
    tasks: Mutex<JoinSet<()>>,
    rtsp_port: u16,
    /// The task that serves viewers.
    rtsp: OnceLock<AbortHandle>,
}

impl Paths {
    /// Opens the RTSP port; nothing runs for a path until somebody needs its frames. `authorize`: who may
    /// watch.
    pub async fn start(config: Config, launcher: Launcher, authorize: Authorize) -> Result<Self> {
        let bound = rtsp::bind(config.rtsp).await?;
        let paths = Self(Arc::new(Inner {
            rtsp_port: bound.port(),
            config,
            launcher,
            paths: Mutex::default(),
            viewers: Arc::default(),
            stop: watch::channel(false).0,
            failures: watch::channel(()).0,
            tasks: Mutex::default(),
            rtsp: OnceLock::new(),
        }));
        // The server holds no strong reference to us: we own its task.
        let weak = Arc::downgrade(&paths.0);
        let find = move |name: &PathName| weak.upgrade().and_then(|inner| Paths(inner).find(name));
        let viewers = paths.0.viewers.clone();
        let serving =
            paths.spawn(rtsp::serve(bound, Arc::new(find), authorize, viewers, paths.0.stop.subscribe()));
        // Nobody else sets it.
        let _ = paths.0.rtsp.set(serving);
        Ok(paths)
    }

    /// Port on which RTSP is served.
    pub fn rtsp_port(&self) -> u16 {
        self.0.rtsp_port
    }

    /// Do viewers find somebody at that port?
    pub fn serves_rtsp(&self) -> bool {
        self.0.rtsp.get().is_some_and(|task| !task.is_finished())
    }

    /// Makes a path; its source starts when somebody needs it.
    pub fn add(&self, name: PathName, source: Source) -> Result<()> {
        let random = |bytes: &mut [u8]| {
            getrandom::fill(bytes)
                .map_err(|e| Error::new(Kind::Internal, "no random numbers to be had").with_private(e))
        };
        // RFC 3550 section 5.1: SSRC, first sequence number and timestamp are random.
        let mut seeds = [0_u8; 10];
        random(&mut seeds)?;
        let [s0, s1, s2, s3, t0, t1, t2, t3, q0, q1] = seeds;
        let changed = Arc::new(Notify::new());
        let hub = Hub::new(
            u32::from_be_bytes([s0, s1, s2, s3]),
            u16::from_be_bytes([q0, q1]),
            u32::from_be_bytes([t0, t1, t2, t3]),
            changed.clone(),
        );
        let path = Arc::new(Path {
            name: name.clone(),
            source: Mutex::new(source),
            removed: AtomicBool::new(false),
            codec: self.0.config.codec.clone(),
            launcher: self.0.launcher.clone(),
            hub: Arc::new(hub),
            changed,
            readers: Arc::new(watch::channel(Readers::default()).0),
            demand: Mutex::new(Demand::new(self.0.config.rules)),
            phase: watch::channel(Phase { state: State::Idle, arrivals_seen: 0, trouble: None }).0,
            failures: self.0.failures.clone(),
            patience: self.0.config.rules,
        });
        let mut all = self.all();
        if all.contains_key(&name) {
            return Err(Error::new(Kind::AlreadyExists, format!("there is a stream {name} already")));
        }
        all.insert(name, path.clone());
        drop(all);
        self.spawn(owner::own(path, self.0.stop.subscribe()));
        Ok(())
    }

    /// Gives a path another source, or makes it: a camera may come back at another place. A run of the
    /// old one ends at once.
    pub fn put(&self, name: PathName, source: Source) -> Result<()> {
        match self.find(&name) {
            Some(path) => {
                path.set_source(source);
                Ok(())
            }
            None => self.add(name, source),
        }
    }

    /// What delivered a path's pictures is gone. The path stays, and so does who waits for it to come back;
    /// nothing that has taken its place is read in its name.
    pub fn take_source(&self, name: &PathName) {
        if let Some(path) = self.find(name) {
            path.set_source(Source::Absent);
        }
    }

    /// Takes a path away: its source ends, and so do those who take its frames. What is made under its name
    /// from here on is another path.
    pub fn remove(&self, name: &PathName) {
        let removed = self.all().remove(name);
        if let Some(path) = removed {
            path.removed.store(true, Ordering::Relaxed);
            path.changed.notify_one();
        }
    }

    /// Changes whenever some source has failed, or no longer does; [`Self::status`] tells which.
    pub fn failures(&self) -> watch::Receiver<()> {
        self.0.failures.subscribe()
    }

    /// What one path is doing.
    pub fn status(&self, name: &PathName) -> Option<Status> {
        self.find(name).map(|path| path.status())
    }

    /// Does anybody need this path's frames, or are they kept coming for those who have left?
    pub fn is_wanted(&self, name: &PathName) -> bool {
        self.find(name).is_some_and(|path| path.wish(Instant::now()).0.wanted)
    }

    /// Asks for frames and waits until they flow. The lease keeps them coming until it is dropped.
    ///
    /// Fails with [`Kind::NotFound`], [`Kind::Timeout`] after the purpose's start time-out, or
    /// [`Kind::Dependency`] as soon as the source is given up.
    pub async fn lease(&self, name: &PathName, purpose: Purpose) -> Result<Lease> {
        let path = self.find(name).ok_or_else(|| Error::new(Kind::NotFound, "there is no such stream"))?;
        Lease::take(path, purpose).await
    }

    /// Ends the sessions of all who watch in a name that is `gone`; says how many. From before this call on,
    /// the function that says who may watch must refuse them.
    pub fn end_viewers(&self, gone: impl Fn(&str) -> bool) -> usize {
        self.0.viewers.end(gone)
    }

    /// Ends every source and every viewer, and waits for them.
    pub async fn shutdown(&self) {
        self.0.stop.send_replace(true);
        let mut tasks = std::mem::take(&mut *self.tasks());
        while tasks.join_next().await.is_some() {}
    }

    fn find(&self, name: &PathName) -> Option<Arc<Path>> {
        self.all().get(name).cloned()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<PathName, Arc<Path>>> {
        self.0.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let mut tasks = self.tasks();
        // Owners of paths that were removed.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task)
    }
}

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
        lease.path.changed.notify_one();
        let decided = async {
            let answer = phase
                .wait_for(|phase| {
                    phase.state == State::Live
                        || phase.arrivals_seen >= arrival && phase.state == State::Failed
                })
                .await;
            answer.map(|phase| phase.clone())
        };
        // Most takers find the stream running; only the others wait.
        if lease.path.phase.borrow().state != State::Live {
            lease.cold = true;
        }
        match tokio::time::timeout(patience, decided).await {
            Ok(Ok(Phase { state: State::Live, .. })) => {
                lease.served = true;
                Ok(lease)
            }
            Ok(Ok(Phase { trouble, .. })) => {
                let (public, private) = trouble
                    .map_or(("the stream could not be started", String::new()), |t| (t.public, t.private));
                Err(Error::new(Kind::Dependency, public).with_private(private))
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

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
