//! Paths by name.

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
use media::ParamSets;
use tokio::{
    sync::{Notify, watch},
    task::{AbortHandle, JoinSet},
};
use tracing::Span;

use crate::{
    child::Launcher,
    config::{CodecConfig, Config},
    counts::{Calls, Runs, SourceCounts},
    demand::{AllRules, Demand, Purpose, Wish},
    hub::Hub,
    lease::Lease,
    mediamtx::{self, Keys, Shared, Steered, Told},
    owner::{self, Phase},
    rate::Measured,
    readers::Readers,
    rtsp::{self, Authorize, Viewers},
    source::{Prepare, Source},
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
    /// What was counted of its runs.
    pub runs: Runs,
}

/// One path.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) name: PathName,
    /// What delivers its pictures now.
    source: Mutex<Source>,
    /// Its owner is to end.
    removed: AtomicBool,
    /// The call for which the source is started, for the log.
    cause: Mutex<Option<Span>>,
    /// Somebody knows that its source is well.
    well: AtomicBool,
    pub(crate) codec: CodecConfig,
    pub(crate) launcher: Launcher,
    pub(crate) prepare: Prepare,
    pub(crate) hub: Arc<Hub>,
    pub(crate) counts: Arc<SourceCounts>,
    /// Wakes the owner: demand changed, or the first frame of a run came.
    pub(crate) changed: Arc<Notify>,
    pub(crate) readers: Arc<watch::Sender<Readers>>,
    demand: Mutex<Demand>,
    phase: watch::Sender<Phase>,
    /// Woken when the source fails, or no longer does; shared by all paths.
    failures: watch::Sender<()>,
    pub(crate) patience: AllRules,
}

impl Path {
    pub(crate) fn demand(&self) -> MutexGuard<'_, Demand> {
        self.demand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn source(&self) -> Source {
        self.source.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A run of another source ends.
    fn set_source(&self, source: Source) {
        let mut now = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        if *now == source {
            return;
        }
        *now = source;
        drop(now);
        // Here and not when the owner's turn comes: nobody may read what was wrong with the one before as this one's.
        self.phase.send_modify(Phase::forget_trouble);
        self.failures.send_replace(());
        self.changed.notify_one();
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Relaxed)
    }

    /// The source does not run, and is needed for the call that we are in.
    pub(crate) fn caused_by(&self, call: Span) {
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = Some(call);
    }

    /// What the run that begins now was caused by; nothing, when it begins by itself.
    pub(crate) fn take_cause(&self) -> Span {
        let cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner).take();
        cause.unwrap_or_else(Span::none)
    }

    /// Has somebody said so since the last call?
    pub(crate) fn take_well(&self) -> bool {
        self.well.swap(false, Ordering::Relaxed)
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
        let now = (phase.fails(), phase.restarts());
        let before = self.phase.send_replace(phase);
        if now != (before.fails(), before.restarts()) {
            self.failures.send_replace(());
        }
    }

    pub(crate) fn phase_now(&self) -> State {
        self.phase.borrow().state
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
            error: phase.trouble.map(|trouble| trouble.error.public),
            runs: self.counts.read(),
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
    prepare: Prepare,
    paths: Mutex<BTreeMap<PathName, Arc<Path>>>,
    viewers: Arc<Viewers>,
    stop: watch::Sender<bool>,
    failures: watch::Sender<()>,
    tasks: Mutex<JoinSet<()>>,
    rtsp_port: u16,
    /// The task that serves viewers.
    rtsp: OnceLock<AbortHandle>,
    /// How it is with MediaMTX, where that serves the viewers.
    mediamtx: Option<Arc<Shared>>,
}

impl Paths {
    /// Opens the RTSP port; nothing runs for a path until somebody needs its frames. `prepare`: what comes before each
    /// run; `authorize`: who may watch.
    pub async fn start(
        config: Config,
        launcher: Launcher,
        prepare: Prepare,
        authorize: Authorize,
    ) -> Result<Self> {
        let address = config.mediamtx.as_ref().map_or(config.rtsp, |mediamtx| mediamtx.feed);
        let bound = rtsp::bind(address).await?;
        let paths = Self(Arc::new(Inner {
            rtsp_port: bound.port(),
            mediamtx: config.mediamtx.as_ref().map(|_| Arc::default()),
            config,
            launcher,
            prepare,
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

    /// Begins to steer MediaMTX, where that serves the viewers: from now on it has the paths there are, and
    /// fetches them with the password in `keys`.
    pub fn steer(&self, keys: Keys) {
        let (Some(config), Some(shared)) = (self.0.config.mediamtx.clone(), self.0.mediamtx.clone()) else {
            return;
        };
        let weak = Arc::downgrade(&self.0);
        let wished = Box::new(move || Some(Self(weak.upgrade()?).all().keys().cloned().collect()));
        let terms = (self.0.config.rules.viewing, self.0.rtsp_port);
        let stop = self.0.stop.subscribe();
        self.spawn(async move { mediamtx::steer(config, terms, keys, &shared, wished, stop).await });
    }

    /// How it is with MediaMTX, and every change of that; `None`: viewers are served from here.
    pub fn steered(&self) -> Option<watch::Receiver<Steered>> {
        self.0.mediamtx.as_ref().map(|shared| shared.state())
    }

    /// Which MediaMTX that is; `None`: there is none, or it has not told yet.
    pub fn mediamtx(&self) -> Option<Told> {
        self.0.mediamtx.as_ref()?.told()
    }

    /// What was counted of calls to it; `None`: there is none.
    pub fn mediamtx_calls(&self) -> Option<Calls> {
        Some(self.0.mediamtx.as_ref()?.calls.read())
    }

    /// The keys behind [`Keys::api_token`] have changed: MediaMTX fetches them anew.
    pub fn media_keys_changed(&self) {
        if let Some(mediamtx) = &self.0.mediamtx {
            mediamtx.fetch_keys();
        }
    }

    /// Rules for who takes frames from here. MediaMTX keeps a stream for viewers to come itself, so when it lets
    /// go, that was the time already.
    fn rules(&self) -> AllRules {
        let mut rules = self.0.config.rules;
        if self.0.mediamtx.is_some() {
            rules.viewing.close_after = Duration::ZERO;
        }
        rules
    }

    fn names_changed(&self) {
        if let Some(mediamtx) = &self.0.mediamtx {
            mediamtx.changed.notify_one();
        }
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
        let (changed, rules) = (Arc::new(Notify::new()), self.rules());
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
            cause: Mutex::default(),
            well: AtomicBool::new(false),
            codec: self.0.config.codec.clone(),
            launcher: self.0.launcher.clone(),
            prepare: self.0.prepare.clone(),
            hub: Arc::new(hub),
            counts: Arc::default(),
            changed,
            readers: Arc::new(watch::channel(Readers::default()).0),
            demand: Mutex::new(Demand::new(rules)),
            phase: watch::channel(Phase {
                state: State::Idle,
                arrivals_seen: 0,
                trouble: None,
                given_up: false,
            })
            .0,
            failures: self.0.failures.clone(),
            patience: rules,
        });
        let mut all = self.all();
        if all.contains_key(&name) {
            return Err(Error::new(Kind::AlreadyExists, format!("there is a stream {name} already")));
        }
        all.insert(name, path.clone());
        drop(all);
        self.names_changed();
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
            self.names_changed();
        }
    }

    /// Changes whenever some source fails or is started anew, or no longer; [`Self::status`] tells which.
    pub fn failures(&self) -> watch::Receiver<()> {
        self.0.failures.subscribe()
    }

    /// What one path is doing.
    pub fn status(&self, name: &PathName) -> Option<Status> {
        let status = self.find(name)?.status();
        Some(match &self.0.mediamtx {
            None => status,
            // Who reads from here is MediaMTX: its viewers are ours.
            Some(mediamtx) => {
                let seen = mediamtx.seen(name.as_str());
                Status { readers: seen.readers, bytes_sent: seen.bytes_sent, ..status }
            }
        })
    }

    /// Does anybody need this path's frames, or are they kept coming for those who have left?
    pub fn is_wanted(&self, name: &PathName) -> bool {
        self.find(name).is_some_and(|path| path.wish(Instant::now()).0.wanted)
    }

    /// Does nobody need this path's frames, and does its source not run? One that failed rests until it is tried again.
    pub fn rests(&self, name: &PathName) -> bool {
        let at_rest = |path: Arc<Path>| at_rest(path.phase_now()) && !path.wish(Instant::now()).0.wanted;
        self.find(name).is_none_or(at_rest)
    }

    /// Does its source fail, as far as is known?
    pub fn fails(&self, name: &PathName) -> bool {
        self.find(name).is_some_and(|path| path.phase.borrow().fails())
    }

    /// Has its source ended by itself, and is being started anew?
    pub fn restarts(&self, name: &PathName) -> bool {
        self.find(name).is_some_and(|path| path.phase.borrow().restarts())
    }

    /// Somebody has had pictures of it another way: whatever it failed of before, the next attempt need not wait.
    pub fn is_well(&self, name: &PathName) {
        if let Some(path) = self.find(name) {
            path.well.store(true, Ordering::Relaxed);
            path.changed.notify_one();
        }
    }

    /// Waits until the source does not run.
    pub async fn rest(&self, name: &PathName) {
        let Some(mut phase) = self.find(name).map(|path| path.phase()) else { return };
        // An error: the path is gone, and its source with it.
        let _ = phase.wait_for(|phase| at_rest(phase.state)).await;
    }

    /// Asks for frames and waits until they flow. The lease keeps them coming until it is dropped.
    ///
    /// Fails with [`Kind::NotFound`], [`Kind::Timeout`] after the purpose's start time-out, or with what was wrong as
    /// soon as the source is given up: [`Kind::Dependency`], or what [`Prepare`] refused.
    pub async fn lease(&self, name: &PathName, purpose: Purpose) -> Result<Lease> {
        let path = self.find(name).ok_or_else(|| Error::new(Kind::NotFound, "there is no such stream"))?;
        Lease::take(path, purpose).await
    }

    /// Ends the sessions of all who watch in a name that is `gone`; says how many, MediaMTX's not counted: there
    /// [`Keys::is_gone`] is asked, soon. From before this call on,
    /// the function that says who may watch must refuse them.
    pub fn end_viewers(&self, gone: impl Fn(&str) -> bool) -> usize {
        if let Some(mediamtx) = &self.0.mediamtx {
            mediamtx.look_at_sessions();
        }
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

fn at_rest(state: State) -> bool {
    matches!(state, State::Idle | State::Failed)
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
