//! Looking at the devices again and again without asking each of them every time: only a node that is
//! new, has changed or could not be used is asked, and nobody waits for its answer. A device that does not answer
//! within `camera.detection_timeout` is listed as one that does not, until it does.

mod probes;

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use base::units::Size;
use tokio::sync::Notify;

use crate::{
    config::{Config, Devices},
    glob,
    v4l2::{self, Found, MAX_NODES},
};
use probes::{Ask, Probes, Ticket};

/// How long a node that came while we watched may be without permission before that is told: udev sets its
/// group and mode 90 ms later, up to 0.8 s on a loaded machine.
const PERMIT_WITHIN: Duration = Duration::from_secs(2);

/// What tells a node from another one of its name that came later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    /// Of the name itself and of what it leads to, where it is a link.
    inodes: (u64, u64),
    device: u64,
    changed: [(i64, i64); 2],
}

impl Stamp {
    fn of(path: &Path) -> std::io::Result<Self> {
        let (name, node) = (std::fs::symlink_metadata(path)?, std::fs::metadata(path)?);
        Ok(Self {
            inodes: (name.ino(), node.ino()),
            device: node.rdev(),
            changed: [&name, &node].map(|meta| (meta.ctime(), meta.ctime_nsec())),
        })
    }

    /// The same device, though it may be permitted to others now.
    fn is_same_device(&self, other: &Self) -> bool {
        (self.inodes, self.device) == (other.inodes, other.device)
    }
}

/// What is known of one node.
#[derive(Debug)]
struct Node {
    path: PathBuf,
    stamp: Stamp,
    /// What other nodes of the same hardware have, too.
    kin: Option<v4l2::Kin>,
    /// Until then, missing permission is no news.
    permit_until: Option<Instant>,
    asked: Option<Asked>,
    /// It changed after it was asked.
    again: bool,
    answer: Answer,
}

/// What a node said of itself last.
#[derive(Debug)]
enum Answer {
    /// Nothing yet.
    None,
    NoCamera,
    Camera(Box<Found>),
}

/// It is being asked.
#[derive(Debug)]
struct Asked {
    ticket: Ticket,
    deadline: Instant,
}

impl Node {
    /// There is nothing to be asked any more.
    fn is_settled(&self) -> bool {
        match &self.answer {
            Answer::None => false,
            Answer::NoCamera => true,
            Answer::Camera(found) => found.modes.is_ok(),
        }
    }

    fn is_overdue(&self, now: Instant) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.deadline <= now)
    }

    /// May it be permitted any moment?
    fn awaits_permission(&self, now: Instant) -> bool {
        let closed = matches!(&self.answer, Answer::Camera(found) if found.closed);
        closed && self.permit_until.is_some_and(|until| now < until)
    }

    /// Nothing can be said of it yet.
    fn is_pending(&self, now: Instant) -> bool {
        !self.is_overdue(now) && (matches!(self.answer, Answer::None) || self.awaits_permission(now))
    }
}

/// All nodes as they were last seen.
#[derive(Debug)]
pub(crate) struct Lookout {
    dev_root: PathBuf,
    sys_root: PathBuf,
    devices: Devices,
    patience: Duration,
    /// By the number in their names; at most [`MAX_NODES`].
    nodes: BTreeMap<u16, Node>,
    probes: Probes,
    /// Nobody has looked before: what is there was there before us.
    first: bool,
}

impl Lookout {
    /// `news` is told when an answer has come.
    pub(crate) fn new(dev_root: &Path, sys_root: &Path, config: &Config, news: Arc<Notify>) -> Self {
        let of_overrides = config.overrides.iter().filter_map(|over| over.size);
        // Sizes somebody may want.
        let sizes: Vec<Size> = std::iter::once(config.defaults.size).chain(of_overrides).collect();
        let sys = sys_root.to_owned();
        let ask = move |number: u16, path: &Path| v4l2::look(number, path, &sys, &sizes);
        Self::with(Arc::new(ask), dev_root, sys_root, config, news)
    }

    fn with(ask: Ask, dev_root: &Path, sys_root: &Path, config: &Config, news: Arc<Notify>) -> Self {
        Self {
            dev_root: dev_root.to_owned(),
            sys_root: sys_root.to_owned(),
            devices: config.devices.clone(),
            patience: config.detection_timeout,
            nodes: BTreeMap::new(),
            probes: Probes::new(ask, news),
            first: true,
        }
    }

    pub(crate) fn dev_root(&self) -> &Path {
        &self.dev_root
    }

    /// Which nodes are there, and asks those that are to be asked. `numbers`: only these; `None`: all. Waits for
    /// no answer.
    pub(crate) fn look(&mut self, numbers: Option<&BTreeSet<u16>>, now: Instant) {
        let there = match numbers {
            None => v4l2::nodes(&self.dev_root),
            Some(numbers) => {
                numbers.iter().filter_map(|n| Some((*n, v4l2::node(&self.dev_root, *n)?))).collect()
            }
        };
        let looked_at = |number: &u16| numbers.is_none_or(|numbers| numbers.contains(number));
        let gone = |number: &u16| looked_at(number) && there.iter().all(|(there, _)| there != number);
        for number in self.nodes.keys().copied().filter(gone).collect::<Vec<_>>() {
            self.lose(number);
        }
        for (number, path) in there {
            self.meet(number, path, now);
        }
        self.first = false;
    }

    fn meet(&mut self, number: u16, path: PathBuf, now: Instant) {
        if self.is_denied(&[&path.to_string_lossy()]) {
            return;
        }
        let Ok(stamp) = Stamp::of(&path) else { return self.lose(number) };
        if let Some(node) = self.nodes.get_mut(&number)
            && node.stamp.is_same_device(&stamp)
        {
            let changed = node.stamp != stamp;
            node.stamp = stamp;
            if node.asked.is_some() {
                // The answer may be older than the change. One that hangs is asked no more.
                node.again |= changed;
            } else if changed || !node.is_settled() {
                self.ask(number, now);
            }
            return;
        }
        self.lose(number);
        if self.nodes.len() < MAX_NODES {
            let kin = v4l2::kin(&self.sys_root, number);
            let permit_until = (!self.first).then(|| now + PERMIT_WITHIN.min(self.patience));
            let node =
                Node { path, stamp, kin, permit_until, asked: None, again: false, answer: Answer::None };
            self.nodes.insert(number, node);
            self.ask(number, now);
        }
    }

    fn ask(&mut self, number: u16, now: Instant) {
        if let Some(node) = self.nodes.get_mut(&number) {
            let ticket = self.probes.ask(number, node.path.clone());
            node.asked = Some(Asked { ticket, deadline: now + self.patience });
        }
    }

    fn lose(&mut self, number: u16) {
        if let Some(asked) = self.nodes.remove(&number).and_then(|node| node.asked) {
            self.probes.forget(asked.ticket);
        }
    }

    /// Takes the answers that have come, however late.
    pub(crate) fn hear(&mut self, now: Instant) {
        while let Some((ticket, found)) = self.probes.answer(None) {
            self.take(ticket, found, now);
        }
    }

    /// Waits until all have answered, at most so long.
    pub(crate) fn wait(&mut self, longest: Duration) {
        let until = Instant::now() + longest;
        while self.nodes.values().any(|node| node.asked.is_some()) {
            let Some((ticket, found)) = self.probes.answer(Some(until)) else { break };
            self.take(ticket, found, Instant::now());
        }
    }

    fn take(&mut self, ticket: Ticket, found: Option<Found>, now: Instant) {
        let mine = |node: &Node| node.asked.as_ref().is_some_and(|asked| asked.ticket == ticket);
        // `None`: of a device that is gone.
        let Some((number, node)) = self.nodes.iter_mut().find(|(_, node)| mine(node)) else { return };
        node.asked = None;
        node.answer = found.map_or(Answer::NoCamera, |found| Answer::Camera(Box::new(found)));
        if std::mem::take(&mut node.again) && !node.is_settled() {
            let number = *number;
            self.ask(number, now);
        }
    }

    /// When it is to be looked what has become of those who did not answer; `None`: of nobody.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        let asked = self.nodes.values().filter_map(|node| node.asked.as_ref()).map(|asked| asked.deadline);
        let closed = self.nodes.values().filter(|node| node.awaits_permission(now));
        asked.chain(closed.filter_map(|node| node.permit_until)).filter(|due| *due > now).min()
    }

    /// Nodes of which nothing can be said yet.
    pub(crate) fn pending(&self, now: Instant) -> BTreeSet<u16> {
        let pending = self.nodes.iter().filter(|(_, node)| node.is_pending(now));
        pending.map(|(number, _)| *number).collect()
    }

    /// Every camera of which something can be said, usable or not, by the number of its node.
    pub(crate) fn found(&self, now: Instant) -> Vec<Found> {
        // The first node of a camera gives it its identity, whichever answers first.
        let has_elder = |number: u16, node: &Node| {
            let mut before = self.nodes.range(..number);
            node.kin.is_some() && before.any(|(_, elder)| elder.kin == node.kin && elder.is_pending(now))
        };
        let told =
            self.nodes.iter().filter(|(number, node)| !node.is_pending(now) && !has_elder(**number, node));
        let mut found: Vec<Found> = told
            .filter_map(|(number, node)| {
                if node.is_overdue(now) {
                    return v4l2::silent(*number, &node.path, &self.sys_root);
                }
                match &node.answer {
                    Answer::Camera(found) => Some(Found::clone(found)),
                    Answer::None | Answer::NoCamera => None,
                }
            })
            .collect();
        found.retain(|found| {
            let path = found.path.to_string_lossy();
            let words = [&*path, &found.name, found.bus_info.as_deref().unwrap_or_default()];
            !self.is_denied(&words) && self.devices.allow.iter().any(|pattern| any(pattern, &words))
        });
        found
    }

    fn is_denied(&self, words: &[&str]) -> bool {
        self.devices.deny.iter().any(|pattern| any(pattern, words))
    }
}

fn any(pattern: &str, words: &[&str]) -> bool {
    words.iter().any(|word| glob::matches(pattern, word))
}

#[cfg(test)]
pub(crate) mod tests;
