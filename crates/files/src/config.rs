//! The keys that say where files lie and how much room must stay.

use std::path::{Path, PathBuf};

use base::config::Settings;

/// Where files lie and how much room must stay.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) recordings_dir: PathBuf,
    pub(crate) snapshots_dir: PathBuf,
    /// Bytes that must be free before a recording begins.
    pub(crate) min_free_space: u64,
    pub(crate) durability: Durability,
}

/// What a recording outlives without losing more than its last second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The end of the service, however sudden.
    Process,
    /// A power cut, too: every part is waited for until the disk has it.
    Power,
}

impl Config {
    /// Reads the keys of this room; folders not named lie in `data_dir`.
    pub fn read(settings: &mut Settings, data_dir: &Path) -> Self {
        let mut section = settings.section("storage");
        let recordings = section.opt_text("recordings_dir").map(PathBuf::from);
        let snapshots = section.opt_text("snapshots_dir").map(PathBuf::from);
        let mut section = settings.section("recording");
        Self {
            recordings_dir: recordings.unwrap_or_else(|| data_dir.join("recordings")),
            snapshots_dir: snapshots.unwrap_or_else(|| data_dir.join("snapshots")),
            min_free_space: section.size("min_free_space", "1GiB", 0..=u64::MAX),
            durability: section
                .choice("durability", &[("process", Durability::Process), ("power", Durability::Power)]),
        }
    }

    /// Where recordings lie, then where snapshots do.
    pub fn folders(&self) -> [&Path; 2] {
        [&self.recordings_dir, &self.snapshots_dir]
    }

    /// Bytes that must be free before a recording begins.
    pub fn min_free_space(&self) -> u64 {
        self.min_free_space
    }
}
