//! Events to stderr, as JSON or as text. The first line of a panic goes the same way.

use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{Format, Level, Logging};

/// Begins to write events. A second call changes nothing.
pub(crate) fn start(config: Logging) {
    // What others log at these levels is about their own insides.
    let filter = Targets::new().with_default(config.level).with_targets([
        ("hyper", config.level.min(Level::INFO)),
        ("tungstenite", config.level.min(Level::INFO)),
        ("tokio_tungstenite", config.level.min(Level::INFO)),
    ]);
    let layer = match config.format {
        Format::Json => fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed(),
        Format::Text => fmt::layer().with_ansi(false).with_writer(std::io::stderr).boxed(),
    };
    // An error: a test has begun before us.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let what = panic.payload_as_str().unwrap_or("(not a text)");
        tracing::error!(place, what, "panic");
    }));
}
