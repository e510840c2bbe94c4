//! MediaMTX, steered: it has the paths we wish for, fetches their pictures from us and serves the viewers. What
//! it is to be told is decided by `plan`; `driver` asks and tells.
//!
//! *Invariant:* nobody waits for MediaMTX: what it said last is looked up. We never publish to it, never PATCH
//! its globals, and leave foreign paths alone.

mod breaker;
mod calls;
mod client;
mod config;
mod driver;
mod duration;
mod plan;
mod probe;
mod wire;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{Notify, watch};

use crate::counts::CallCounts;

pub use client::ApiToken;
pub use config::MediaMtx;
pub(crate) use driver::steer;
pub use probe::{Manner, Probed, Silence, probe};
pub(crate) use wire::Seen;

/// What has to be shown to MediaMTX, and what it shows.
#[derive(Clone)]
pub struct Keys {
    /// For its API.
    pub api_token: ApiToken,
    /// With it, MediaMTX fetches our streams. Letters and digits only; the same after a restart, or all paths
    /// would differ.
    pub feed_password: String,
    /// Must this viewer go?
    pub is_gone: Arc<dyn Fn(&Holder<'_>) -> bool + Send + Sync>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

/// What is known of whoever has a session at MediaMTX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder<'a> {
    /// The `sub` of the ticket that let it in.
    Named(&'a str),
    /// The query of the address, which may hold the ticket; versions before 1.17 tell no name.
    Query(&'a str),
    /// Nothing. Asked only when somebody's credential was revoked.
    Unknown,
}

/// How it is with MediaMTX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steered {
    /// It was not asked yet.
    Unknown,
    /// It has what we wish for.
    Ready,
    /// It had, and has not any more: it is being put back.
    Drifted,
    /// It has what we wish for, and serves whoever comes: it does not ask for our tickets.
    Open,
    /// It cannot be steered; why, for clients.
    Down(&'static str),
}

/// What MediaMTX is, as far as it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// `None`: it does not say, as none before 1.15.2 does.
    pub version: Option<String>,
    /// It serves RTSP.
    pub rtsp: bool,
    /// It serves WHEP.
    pub webrtc: bool,
    /// It serves HLS.
    pub hls: bool,
}

/// What the driver knows, for those who ask, and what they ask of it.
#[derive(Debug)]
pub(crate) struct Shared {
    state: watch::Sender<Steered>,
    told: Mutex<Option<Told>>,
    seen: Mutex<BTreeMap<String, Seen>>,
    /// Wakes the driver: other paths are wished for, or somebody must go.
    pub(crate) changed: Notify,
    /// How often credentials were revoked.
    revocations: AtomicU64,
    /// How often our public keys have changed. Our start is a change: what it fetched from an earlier run of ours
    /// may be old.
    key_changes: AtomicU64,
    pub(crate) calls: Arc<CallCounts>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            state: watch::channel(Steered::Unknown).0,
            told: Mutex::default(),
            seen: Mutex::default(),
            changed: Notify::new(),
            revocations: AtomicU64::new(0),
            key_changes: AtomicU64::new(1),
            calls: Arc::default(),
        }
    }
}

impl Shared {
    pub(crate) fn state(&self) -> watch::Receiver<Steered> {
        self.state.subscribe()
    }

    /// `None`: it was not asked yet.
    pub(crate) fn told(&self) -> Option<Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it told last of a path.
    pub(crate) fn seen(&self, name: &str) -> Seen {
        self.lock_seen().get(name).copied().unwrap_or_default()
    }

    /// Credentials were revoked: sessions are to be looked at now.
    pub(crate) fn look_at_sessions(&self) {
        self.revocations.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// What it knows of our public keys is old.
    pub(crate) fn fetch_keys(&self) {
        self.key_changes.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
    }

    fn lock_seen(&self) -> MutexGuard<'_, BTreeMap<String, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, told: Told) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
    }

    /// Says how it is now; returns how it was, if that was another.
    fn say(&self, now: Steered) -> Option<Steered> {
        let before = *self.state.borrow();
        (before != now).then(|| self.state.send_replace(now))
    }
}
