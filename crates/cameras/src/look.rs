//! Looking at the devices again and again without asking each of them every time: only a node that is
//! new, or that could not be used, is opened. A driver that does not answer keeps nobody waiting for
//! longer than `camera.detection_timeout`.

use std::{
    collections::BTreeMap,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use base::units::Size;

use crate::{
    config::{Config, Devices},
    glob,
    v4l2::{self, Found},
};

/// What tells a node from another one of its name that came later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    device: u64,
    changed: (i64, i64),
}

/// What is known of one node.
#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    /// `None`: no camera.
    found: Option<Found>,
    /// Its driver did not answer: it is not asked again before the node changes.
    silent: bool,
}

/// All nodes as they were last seen.
#[derive(Debug)]
pub(crate) struct Lookout {
    dev_root: PathBuf,
    sys_root: PathBuf,
    devices: Devices,
    /// Sizes somebody may want.
    sizes: Vec<Size>,
    patience: Duration,
    seen: BTreeMap<PathBuf, Seen>,
}

impl Lookout {
    pub(crate) fn new(dev_root: &Path, sys_root: &Path, config: &Config) -> Self {
        let of_overrides = config.overrides.iter().filter_map(|over| over.size);
        Self {
            dev_root: dev_root.to_owned(),
            sys_root: sys_root.to_owned(),
            devices: config.devices.clone(),
            sizes: std::iter::once(config.defaults.size).chain(of_overrides).collect(),
            patience: config.detection_timeout,
            seen: BTreeMap::new(),
        }
    }

    pub(crate) fn dev_root(&self) -> &Path {
        &self.dev_root
    }

    /// Every camera there is, usable or not, by the number of its node.
    pub(crate) fn look(&mut self) -> Vec<Found> {
        let mut nodes = v4l2::nodes(&self.dev_root);
        nodes.retain(|(_, path)| !self.is_denied(&[&path.to_string_lossy()]));
        self.seen.retain(|path, _| nodes.iter().any(|(_, node)| node == path));
        let mut asked = Vec::new();
        for (number, path) in nodes {
            let Ok(stamp) = stamp(&path) else { continue };
            let fresh = self.seen.get(&path).is_none_or(|seen| {
                let usable = seen.found.as_ref().is_none_or(|found| found.modes.is_ok());
                seen.stamp != stamp || !usable && !seen.silent
            });
            if fresh {
                let answer = ask(number, path.clone(), self.sys_root.clone(), self.sizes.clone());
                asked.push((number, path, stamp, answer));
            }
        }
        // All of them at once: the slowest decides how long it takes.
        let until = Instant::now() + self.patience;
        for (number, path, stamp, answer) in asked {
            let left = until.saturating_duration_since(Instant::now());
            let (found, silent) = match answer.recv_timeout(left) {
                Ok(found) => (found, false),
                Err(_) => (Some(Found::unusable(number, path.clone(), "the device does not answer")), true),
            };
            self.seen.insert(path, Seen { stamp, found, silent });
        }
        let mut found: Vec<Found> = self.seen.values().filter_map(|seen| seen.found.clone()).collect();
        found.retain(|found| {
            let path = found.path.to_string_lossy();
            let words = [&*path, &found.name, found.bus_info.as_deref().unwrap_or_default()];
            !self.is_denied(&words) && self.devices.allow.iter().any(|pattern| any(pattern, &words))
        });
        found.sort_by_key(|found| found.number);
        found
    }

    fn is_denied(&self, words: &[&str]) -> bool {
        self.devices.deny.iter().any(|pattern| any(pattern, words))
    }
}

fn any(pattern: &str, words: &[&str]) -> bool {
    words.iter().any(|word| glob::matches(pattern, word))
}

fn stamp(path: &Path) -> std::io::Result<Stamp> {
    let meta = std::fs::metadata(path)?;
    Ok(Stamp { inode: meta.ino(), device: meta.rdev(), changed: (meta.ctime(), meta.ctime_nsec()) })
}

/// Asks a device in a thread of its own: an ioctl cannot be called back.
fn ask(number: u16, path: PathBuf, sys_root: PathBuf, sizes: Vec<Size>) -> mpsc::Receiver<Option<Found>> {
    let (tell, told) = mpsc::channel();
    let started = thread::Builder::new().name("camera-look".into()).spawn(move || {
        // An error: nobody waits for it any more.
        let _ = tell.send(v4l2::look(number, path, &sys_root, &sizes));
    });
    if let Err(error) = started {
        tracing::warn!(%error, "no thread to look at a device");
    }
    told
}
