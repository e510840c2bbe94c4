//! What is kept, and the task that takes the rest away by itself.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use base::{
    CameraId,
    config::{Section, Settings},
    time,
};
use files::{Cleaned, Files, Policy};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    api::{PolicyType, RetentionChange, RetentionPolicy, SIZE_GB},
    clock_guard::ClockGuard,
    clock_set::ClockSet,
    counts::Counts,
    events::Events,
    room::Room,
    state::State,
};

const SECTION: &str = "storage.retention";
const TYPES: [(&str, PolicyType); 3] =
    [("age", PolicyType::Age), ("size", PolicyType::Size), ("manual", PolicyType::Manual)];
/// Where the wall clock's last reading is kept, as text.
const LAST_TIME: &str = "last_time";

/// Section `storage.retention`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Config {
    policy: RetentionPolicy,
    min_free_percent: f64,
    interval: Duration,
}

impl Config {
    /// `block_percent`: from this on no recording begins, so files must go before.
    pub(crate) fn read(settings: &mut Settings, block_percent: f64) -> Self {
        let mut section = settings.section(SECTION);
        let policy = RetentionPolicy {
            policy_type: section.choice("policy_type", &TYPES),
            max_age_days: section.integer("max_age_days", 30, 1..=3650) as u32,
            max_size_gb: section.opt_number("max_size_gb", SIZE_GB),
            enabled: section.boolean("enabled", true),
        };
        let min_free_percent = min_free(&mut section, block_percent);
        let interval =
            section.duration_in("interval", "10m", Duration::from_secs(1)..=Duration::from_hours(24));
        Self { policy, min_free_percent, interval }
    }
}

fn min_free(section: &mut Section<'_>, block_percent: f64) -> f64 {
    let percent = section.number("min_free_percent", 10.0, 0.0..=100.0);
    let least = 100.0 - block_percent;
    if percent <= least {
        let what = format!(
            "must be above {least} (100 - storage.block_percent), or recordings stop before files go"
        );
        section.problem("min_free_percent", what);
    }
    percent
}

/// The policy in force. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Retention(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The policy in it is the one in force, whoever set it.
    config: watch::Sender<Config>,
    files: Files,
    state: Arc<State>,
    clock: Mutex<ClockGuard>,
    /// The clock, as it was last found.
    believed: AtomicBool,
    events: Events,
    room: Room,
    counts: Arc<Counts>,
    last_time: PathBuf,
}

impl Retention {
    pub(crate) fn new(
        config: Config,
        files: Files,
        state: Arc<State>,
        data_dir: &Path,
        (events, room, counts): (Events, Room, Arc<Counts>),
    ) -> Self {
        let last_time = data_dir.join(LAST_TIME);
        let stored = std::fs::read_to_string(&last_time).ok();
        let stored = stored.as_deref().map(str::trim).and_then(time::parse_rfc3339);
        let clock = Mutex::new(ClockGuard::new(Instant::now(), SystemTime::now(), stored));
        let config = watch::Sender::new(config);
        let believed = AtomicBool::new(true);
        Self(Arc::new(Inner { config, files, state, clock, believed, events, room, counts, last_time }))
    }

    pub(crate) fn policy(&self) -> RetentionPolicy {
        self.config().policy
    }

    /// May files be removed for their age, as far as the last look at the clock told?
    pub(crate) fn believes_the_clock(&self) -> bool {
        self.0.believed.load(Ordering::Relaxed)
    }

    fn config(&self) -> Config {
        *self.0.config.borrow()
    }

    /// Takes another configuration; what was set through the API is in it already.
    pub(crate) fn reconfigure(&self, config: Config) {
        // Nobody is told of what is the same, so that its interval goes on.
        self.0.config.send_if_modified(|mine| {
            let changes = *mine != config;
            *mine = config;
            changes
        });
    }

    /// Changes the policy and keeps the change. Blocks on the disk.
    pub(crate) fn change(&self, change: RetentionChange) -> io::Result<RetentionPolicy> {
        let mut policy = self.policy();
        let mut kept = Vec::new();
        if let Some(policy_type) = change.policy_type {
            policy.policy_type = policy_type;
            let name = TYPES.iter().find(|(_, known)| *known == policy_type).map(|(name, _)| *name);
            kept.push(("storage.retention.policy_type", json!(name)));
        }
        if let Some(days) = change.max_age_days {
            policy.max_age_days = days;
            kept.push(("storage.retention.max_age_days", json!(days)));
        }
        if let Some(size_gb) = change.max_size_gb {
            policy.max_size_gb = Some(size_gb);
            kept.push(("storage.retention.max_size_gb", json!(size_gb)));
        }
        if let Some(enabled) = change.enabled {
            policy.enabled = enabled;
            kept.push(("storage.retention.enabled", json!(enabled)));
        }
        self.0.state.set(kept)?;
        // The task hears of it and begins its interval anew.
        self.0.config.send_modify(|config| config.policy = policy);
        Ok(policy)
    }

    /// Applies the policy because somebody asked for it, who also vouches for the clock. Blocks on the
    /// disk.
    pub(crate) fn clean(&self, dry_run: bool, cameras: Option<&[CameraId]>) -> base::Result<Cleaned> {
        let now = SystemTime::now();
        if !dry_run {
            self.clock().trust(Instant::now(), now);
            self.found(true);
        }
        let cleaned = self.0.files.clean(&self.rules(true), now, dry_run, cameras);
        if !dry_run {
            self.0.counts.retention(now, &cleaned);
        }
        cleaned
    }

    /// Applies the policy by itself each interval until `stop`.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut changed = self.0.config.subscribe();
        loop {
            let interval = self.config().interval;
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                // A changed policy waits a whole interval, so that a mistake can be taken back.
                Ok(()) = changed.changed() => continue,
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let retention = self.clone();
            // A disk may block: not here.
            if let Err(error) = tokio::task::spawn_blocking(move || retention.by_itself()).await {
                tracing::error!(%error, "retention failed");
            }
        }
    }

    /// Looks at the clock whenever somebody sets it, until `stop`.
    pub(crate) async fn watch_clock(self, mut stop: watch::Receiver<bool>) {
        let Ok(mut set) = ClockSet::new()
            .inspect_err(|error| tracing::warn!(%error, "nobody tells here when the clock is set"))
        else {
            return;
        };
        loop {
            tokio::select! {
                () = set.next() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let believed = self.clock().believes(Instant::now(), SystemTime::now());
            tracing::info!(believed, "the clock was set");
            self.found(believed);
        }
    }

    fn by_itself(&self) {
        let now = SystemTime::now();
        let believed = self.clock().believes(Instant::now(), now);
        self.found(believed);
        self.0.room.look();
        if believed {
            if let Err(error) = keep_time(&self.0.last_time, now) {
                tracing::warn!(%error, "the time could not be kept");
            }
        } else {
            tracing::warn!(
                "the clock has jumped: nothing is removed for its age until it is back or cleanup_old_files is called"
            );
        }
        let policy = self.policy();
        if !policy.enabled || policy.policy_type == PolicyType::Manual {
            return;
        }
        let cleaned = self.0.files.clean(&self.rules(believed), now, false, None);
        self.0.counts.retention(now, &cleaned);
        match cleaned {
            Ok(cleaned) if cleaned.files.is_empty() => {}
            Ok(cleaned) => {
                let (files, bytes) = (cleaned.files.len(), cleaned.bytes);
                tracing::info!(files, bytes, "removed by retention");
                for (name, rule) in cleaned.files {
                    tracing::debug!(name, ?rule, "removed by retention");
                }
            }
            Err(error) => tracing::error!(%error, "retention could not be applied"),
        }
        self.0.room.look();
    }

    /// The clock may be believed, or not.
    fn found(&self, believed: bool) {
        if self.0.believed.swap(believed, Ordering::Relaxed) != believed {
            self.0.events.stir();
        }
    }

    fn rules(&self, clock_is_right: bool) -> Policy {
        let Config { policy, min_free_percent, .. } = self.config();
        let by_age = policy.policy_type != PolicyType::Size && clock_is_right;
        Policy {
            max_age: by_age.then(|| Duration::from_hours(24) * policy.max_age_days),
            max_bytes: policy.max_size_gb.map(|gb| (gb * 1e9) as u64),
            min_free_percent: Some(min_free_percent),
        }
    }

    fn clock(&self) -> MutexGuard<'_, ClockGuard> {
        self.0.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps what the clock shows, for the next start.
fn keep_time(file: &Path, now: SystemTime) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(file)?;
    file.write_all(time::rfc3339(now).as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use base::config::Origin;

    use super::*;

    fn read(values: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let mut settings = Settings::default();
        for (key, value) in values {
            settings.put(key, (*value).into(), Origin::File);
        }
        let config = Config::read(&mut settings, 95.0);
        settings.finish().map(|_| config).map_err(|all| all.into_iter().map(|p| p.key).collect())
    }

    #[test]
    fn the_defaults_are_the_contract() {
        let config = read(&[]).unwrap();
        let expected = RetentionPolicy {
            policy_type: PolicyType::Age,
            max_age_days: 30,
            max_size_gb: None,
            enabled: true,
        };
        assert_eq!(config.policy, expected);
        assert_eq!((config.min_free_percent, config.interval), (10.0, Duration::from_mins(10)));
    }

    #[test]
    fn files_must_go_before_recordings_stop() {
        assert_eq!(read(&[("storage.retention.min_free_percent", "5")]).unwrap_err().len(), 1);
        assert!(read(&[("storage.retention.min_free_percent", "5.1")]).is_ok());
        for bad in ["0", "-1", "lots"] {
            let key = "storage.retention.max_size_gb";
            assert_eq!(read(&[(key, bad)]).unwrap_err(), [key], "{bad}");
        }
    }

    #[test]
    fn a_change_is_kept_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        let files = Files::open(&files::Config::read(&mut settings, dir.path())).unwrap().0;
        let state = Arc::new(State::open(dir.path()).unwrap());
        let (events, _feed) = crate::events::bus();
        let limits = crate::storage::Limits { warn_percent: 80.0, block_percent: 95.0 };
        let room = Room::new(limits, files.clone(), events.clone());
        let retention =
            Retention::new(read(&[]).unwrap(), files, state, dir.path(), (events, room, Arc::default()));
        assert_eq!(retention.rules(true).max_age, Some(Duration::from_hours(720)));
        assert_eq!(retention.rules(false).max_age, None, "a clock that jumped removes nothing");
        let change = RetentionChange {
            policy_type: Some(PolicyType::Size),
            max_size_gb: Some(0.5),
            ..RetentionChange::default()
        };
        let policy = retention.change(change).unwrap();
        assert_eq!((policy.max_age_days, policy.enabled), (30, true));
        assert_eq!(retention.rules(true).max_age, None);
        assert_eq!(retention.rules(true).max_bytes, Some(500_000_000));
        retention.by_itself();
        let mode = std::fs::metadata(dir.path().join(LAST_TIME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o137, 0, "{mode:o}");
        let kept = crate::state::read(dir.path()).unwrap();
        assert_eq!(kept["storage.retention.policy_type"], "size");
        assert_eq!(kept.len(), 2);
        let newer = read(&[("storage.retention.max_age_days", "9"), ("storage.retention.interval", "5s")]);
        retention.reconfigure(newer.unwrap());
        assert_eq!(retention.policy().max_age_days, 9);
        assert_eq!(retention.config().interval, Duration::from_secs(5));
    }
}
