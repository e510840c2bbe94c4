//! The kernel tells when a camera may have come, gone or been permitted: hints to look again, and at what.
//! A hint is never a fact: whoever gets one looks for himself, and looks now and then without one.
//!
//! Two sources, because each is silent somewhere: uevents in a container with a user namespace of its own,
//! inotify where `/dev` is not the kernel's. What both tell is told once.

mod sources;
mod uevent;

use std::{collections::BTreeSet, io, path::Path, time::Duration};

use tokio::{
    io::{Interest, unix::AsyncFd},
    time::{Instant, timeout_at},
};

use sources::{Folder, Source, Uevents};
pub use uevent::fuzz;

/// A burst is over when nothing came for this long. One camera makes several nodes, each of which is told
/// by both sources 0.3 to 4 ms apart. Short, because a look at one node is cheap, and what comes while somebody looks
/// is told together afterwards.
const QUIET: Duration = Duration::from_millis(1);
/// A burst that does not end is told after this long: a camera is wanted within 20 ms.
const LONGEST_BURST: Duration = Duration::from_millis(4);

/// Where to look again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hint {
    everything: bool,
    /// Bounded by what a number can be.
    nodes: BTreeSet<u16>,
}

impl Hint {
    /// Anything may be different.
    pub fn everything() -> Self {
        Self { everything: true, nodes: BTreeSet::new() }
    }

    /// The numbers of the nodes; `None`: all of them.
    pub(crate) fn nodes(&self) -> Option<&BTreeSet<u16>> {
        (!self.everything).then_some(&self.nodes)
    }

    fn is_empty(&self) -> bool {
        !self.everything && self.nodes.is_empty()
    }

    fn node(number: u16) -> Self {
        Self { everything: false, nodes: BTreeSet::from([number]) }
    }

    fn merge(&mut self, other: Self) {
        self.everything |= other.everything;
        self.nodes.extend(other.nodes);
    }
}

/// Listens to the kernel. Opens no device.
#[derive(Debug)]
pub struct Watch {
    sources: Vec<AsyncFd<Source>>,
    /// Told by a source, and not by us yet: kept here so that a caller may stop waiting at any point.
    hint: Hint,
}

impl Watch {
    /// Watches this folder of devices, and hears what the kernel tells. A source that cannot be had is told in
    /// the log. Needs a runtime with I/O and time.
    pub(crate) fn new(dev_root: &Path) -> Self {
        Self::of([
            ("uevents", Uevents::open().map(Source::Uevents)),
            ("inotify", Folder::open(dev_root).map(Source::Folder)),
        ])
    }

    fn of<const N: usize>(all: [(&'static str, io::Result<Source>); N]) -> Self {
        let mut watch = Self { sources: Vec::new(), hint: Hint::default() };
        for (name, source) in all {
            #[expect(
                deprecated,
                reason = "its successor is unsafe, which is not for this file; `Source` keeps what that asks for: \
                          one descriptor, open as long as it lives"
            )]
            match source.and_then(AsyncFd::new) {
                Ok(source) => watch.sources.push(source),
                Err(error) => {
                    tracing::info!(%error, source = name, "the kernel does not tell of cameras this way");
                }
            }
        }
        watch.warn_if_deaf();
        watch
    }

    fn warn_if_deaf(&self) {
        if self.sources.is_empty() {
            tracing::warn!(
                "the kernel does not tell when cameras come and go: they are found by looking for them, every \
                 camera.scan_interval"
            );
        }
    }

    /// Waits for the next hint; for ever where there is no source. May be dropped and called again at any time.
    pub async fn next(&mut self) -> Hint {
        while self.hint.is_empty() {
            self.read().await;
        }
        let end = Instant::now() + LONGEST_BURST;
        loop {
            let quiet = (Instant::now() + QUIET).min(end);
            if timeout_at(quiet, self.read()).await.is_err() || Instant::now() >= end {
                return std::mem::take(&mut self.hint);
            }
        }
    }

    /// Reads once from whichever source has something to tell, and lets go of one that will tell no more.
    async fn read(&mut self) {
        let (at, told) = tokio::select! {
            told = heard(self.sources.first()) => (0, told),
            told = heard(self.sources.get(1)) => (1, told),
        };
        match told {
            Ok(hint) => self.hint.merge(hint),
            Err(error) => {
                let name = self.sources.remove(at).get_ref().name();
                tracing::warn!(%error, source = name, "the kernel does not tell of cameras this way any more");
                // Who knows what was not told.
                self.hint = Hint::everything();
                self.warn_if_deaf();
            }
        }
    }
}

/// One reading; waits for ever where there is no source.
async fn heard(source: Option<&AsyncFd<Source>>) -> io::Result<Hint> {
    match source {
        Some(source) => source.async_io(Interest::READABLE, Source::read).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
