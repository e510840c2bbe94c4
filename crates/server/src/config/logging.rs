//! Section `logging`: how much is told, and in which form.

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
#[derive(Debug, Clone, Copy)]
pub(crate) struct Logging {
    pub(crate) level: Level,
    pub(crate) format: Format,
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
        }
    }
}
