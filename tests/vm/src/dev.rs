//! When nodes of cameras appear in `/dev`, are permitted and go, as inotify tells a bystander: what a service's own times are
//! compared with. A thread of its own looks, so that no test's work delays it. Opens no node.

use std::{
    fs,
    os::{fd::AsFd, unix::fs::MetadataExt, unix::net::UnixStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::inotify::{AddWatchFlags, InitFlags, Inotify},
};
use testkit::eventually;

const FOLDER: &str = "/dev";
/// Longest wait for what the kernel and udev do.
const LIMIT: Duration = Duration::from_secs(30);
/// Things seen that are kept; no test has so many.
const MAX_SEEN: usize = 10_000;

/// Something that happened to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// When we heard of it (`CLOCK_MONOTONIC`).
    pub at: Instant,
    /// N of `videoN`.
    pub number: u16,
    /// What it was.
    pub what: What,
}

/// What happens to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It is there, or its owner or mode was set.
    There {
        /// It has just been made.
        made: bool,
        /// Permission bits, as of chmod(2).
        mode: u32,
        /// Its group.
        group: u32,
    },
    /// It is gone.
    Gone,
}

/// Watches `/dev` until it is dropped.
#[derive(Debug)]
pub struct DevWatch {
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Closed, it ends the thread; `None` only while this is dropped.
    life: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl DevWatch {
    /// Begins.
    ///
    /// # Panics
    /// If the kernel has no inotify left for us.
    pub fn start() -> Self {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC);
        let inotify = inotify.expect("a fresh guest has descriptors enough");
        let flags = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_ATTRIB | AddWatchFlags::IN_DELETE;
        inotify.add_watch(FOLDER, flags).expect("there is a /dev");
        let (life, end) = UnixStream::pair().expect("a fresh guest has descriptors enough");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&seen);
        let thread = Some(std::thread::spawn(move || watch(&inotify, &end, &theirs)));
        Self { seen, life: Some(life), thread }
    }

    /// The first of these things that has happened since the beginning, or happens soon.
    ///
    /// # Panics
    /// If it does not.
    pub async fn first(&self, what: &str, fits: impl Fn(&Seen) -> bool) -> Seen {
        eventually(what, LIMIT, async || lock(&self.seen).iter().copied().find(&fits)).await
    }

    /// When this node was made first.
    pub async fn made(&self, number: u16) -> Seen {
        let made = |seen: &Seen| seen.number == number && matches!(seen.what, What::There { made: true, .. });
        self.first(&format!("video{number} is made"), made).await
    }

    /// Forgets what has happened so far.
    pub fn forget(&self) {
        lock(&self.seen).clear();
    }
}

impl Drop for DevWatch {
    fn drop(&mut self) {
        drop(self.life.take());
        if let Some(thread) = self.thread.take() {
            // It panics only if too much was seen, and the test has failed then.
            let _ = thread.join();
        }
    }
}

fn lock(seen: &Mutex<Vec<Seen>>) -> MutexGuard<'_, Vec<Seen>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch(inotify: &Inotify, end: &UnixStream, seen: &Mutex<Vec<Seen>>) {
    loop {
        let mut both =
            [PollFd::new(inotify.as_fd(), PollFlags::POLLIN), PollFd::new(end.as_fd(), PollFlags::POLLIN)];
        if poll(&mut both, PollTimeout::NONE).is_err() || both[1].any() == Some(true) {
            return;
        }
        let events = inotify.read_events().unwrap_or_default();
        let at = Instant::now();
        let told = events.iter().filter_map(|event| {
            let number = event.name.as_ref()?.to_str()?.strip_prefix("video")?.parse().ok()?;
            Some(Seen { at, number, what: what(event.mask, number)? })
        });
        let told: Vec<Seen> = told.collect();
        let mut seen = lock(seen);
        seen.extend(told);
        assert!(seen.len() < MAX_SEEN, "too much has happened in {FOLDER}");
    }
}

/// `None`: it is gone already, which another event tells.
fn what(mask: AddWatchFlags, number: u16) -> Option<What> {
    if mask.contains(AddWatchFlags::IN_DELETE) {
        return Some(What::Gone);
    }
    let meta = fs::metadata(format!("{FOLDER}/video{number}")).ok()?;
    let made = mask.contains(AddWatchFlags::IN_CREATE);
    Some(What::There { made, mode: meta.mode() & 0o777, group: meta.gid() })
}
