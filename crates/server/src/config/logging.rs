//! Section `logging`: how much is told, in which form, and where.

use std::path::PathBuf;

use control::settings::Settings;
use tracing::level_filters::LevelFilter;

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
            level: section.choice(
                "level",
                &[
                    ("info", Level::INFO),
                    ("error", Level::ERROR),
                    ("warn", Level::WARN),
                    ("debug", Level::DEBUG),
                    ("trace", Level::TRACE),
                ],
            ),
            format: section.choice("format", &[("json", Format::Json), ("text", Format::Text)]),
            file: section.opt_text("file").map(PathBuf::from),
            max_file_bytes: section.size("max_file_size", "10MiB", 1024..=1 << 40),
            backup_count: section.integer("backup_count", 5, 0..=1000) as u32,
        }
    }
}
