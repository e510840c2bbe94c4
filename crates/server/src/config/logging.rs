//! Section `logging`: how much is told, in which form, and where; and where the audit log lies.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use control::settings::{Section, Settings};
use tracing::level_filters::LevelFilter;

use crate::audit::Place;

/// The least important events that are still told.
pub(crate) type Level = LevelFilter;

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// The checked section.
#[derive(Debug, Clone)]
pub(crate) struct Logging {
    pub(crate) level: Level,
    /// Levels of some parts, by the beginning of their `target`.
    pub(crate) targets: Vec<(String, Level)>,
    pub(crate) format: Format,
    /// `None`: stderr.
    pub(crate) file: Option<PathBuf>,
    /// Size at which a new file is begun.
    pub(crate) max_file_bytes: u64,
    /// Older files that are kept.
    pub(crate) backup_count: u32,
}

impl Logging {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let mut section = settings.section("logging");
        Self {
            level: section.choice("level", &LEVELS),
            targets: targets(&mut section),
            format: section.choice("format", &[("json", Format::Json), ("text", Format::Text)]),
            file: section.opt_text("file").map(PathBuf::from),
            max_file_bytes: section.size("max_file_size", "10MiB", 1024..=1 << 40),
            backup_count: section.integer("backup_count", 5, 0..=1000) as u32,
        }
    }
}

const LEVELS: [(&str, Level); 5] = [
    ("info", Level::INFO),
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];
/// Most parts with a level of their own.
const MAX_TARGETS: usize = 32;

/// `logging.targets`: a list of `target=level`.
fn targets(section: &mut Section<'_>) -> Vec<(String, Level)> {
    let named = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let read = |text: &String| {
        let (target, level) = text.split_once('=')?;
        let level = LEVELS.iter().find(|(name, _)| *name == level)?.1;
        let good = (1..=100).contains(&target.len()) && target.chars().all(named);
        good.then(|| (target.to_owned(), level))
    };
    let texts = section.texts("targets");
    let targets: Vec<_> = texts.iter().filter_map(read).collect();
    if targets.len() < texts.len() || targets.len() > MAX_TARGETS {
        let what = format!(
            "must be at most {MAX_TARGETS} of TARGET=LEVEL, such as paths=debug; levels are error, warn, info, debug, trace"
        );
        section.problem("targets", what);
    }
    targets
}

/// The checked section `logging.audit`.
#[derive(Debug, Clone)]
pub(crate) struct AuditLog {
    /// `None`: it lies in the data folder.
    file: Option<PathBuf>,
    max_file_bytes: u64,
    retention: Duration,
}

impl AuditLog {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let mut logging = settings.section("logging");
        let mut section = logging.section("audit");
        let file = section.opt_text("file").map(PathBuf::from);
        if file.as_deref().is_some_and(|file| file.file_name().is_none()) {
            section.problem("file", "must be a file such as /var/log/camera-service/audit.log, or null");
        }
        let days = section.integer("retention_days", 90, 1..=3650);
        Self {
            file,
            max_file_bytes: section.size("max_file_size", "10MiB", 1024..=1 << 30),
            retention: Duration::from_hours(24 * days),
        }
    }

    /// Where it lies.
    pub(crate) fn place(&self, data_dir: &Path) -> Place {
        Place {
            file: self.file.clone().unwrap_or_else(|| data_dir.join("audit.log")),
            max_file_bytes: self.max_file_bytes,
            retention: self.retention,
        }
    }
}
