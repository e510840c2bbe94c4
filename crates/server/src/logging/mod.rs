//! Events to stderr or to a file, as JSON or as text; all of it can be changed while the service runs.
//! The first line of a panic goes the same way.

mod causes;
mod repeats;
mod rotation;
mod sink;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{self, Format as Formatter, Full, Json, Writer},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt,
};

use crate::config::{Format, Level, Logging};
use causes::Causes;
use repeats::Repeats;
use rotation::Limits;
use sink::{Sink, ToFile};

/// What can be changed of the log. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Logs {
    filter: reload::Handle<Targets, Registry>,
    json: Arc<AtomicBool>,
    sink: Sink,
}

/// A change that cannot fail any more.
#[derive(Debug)]
pub(crate) struct Prepared {
    targets: Targets,
    format: Format,
    limits: Limits,
    to: To,
}

#[derive(Debug)]
enum To {
    Stderr,
    /// The file in use.
    Same,
    File(ToFile),
}

/// Begins to write events. In a process that has begun before nothing changes. The error is for a person
/// at this machine.
pub(crate) fn start(config: &Logging) -> Result<Logs, String> {
    let (filter, handle) = reload::Layer::new(targets(config));
    let logs = Logs { filter: handle, json: Arc::default(), sink: Sink::default() };
    logs.apply(logs.prepare(config)?);
    if let Some(file) = &config.file {
        eprintln!("logging to {}", file.display());
    }
    let switch = Switch {
        json: logs.json.clone(),
        // What spans are for here is told by `causes`; with them off, the event's own fields are written.
        as_json: format::format().json().flatten_event(true).with_current_span(false).with_span_list(false),
        as_text: format::format().with_ansi(false),
    };
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .event_format(switch)
        .with_writer(logs.sink.clone())
        .with_filter(filter);
    // An error: a test has begun before us.
    let _ = tracing_subscriber::registry().with(layer).with(Causes).with(Repeats::default()).try_init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let what = panic.payload_as_str().unwrap_or("(not a text)");
        tracing::error!(place, what, "panic");
    }));
    Ok(logs)
}

/// What others log at these levels is about their own insides, unless it is asked for.
fn targets(config: &Logging) -> Targets {
    let level = config.level;
    let others = [
        ("hyper", level.min(Level::INFO)),
        ("tungstenite", level.min(Level::INFO)),
        ("tokio_tungstenite", level.min(Level::INFO)),
    ];
    let asked = config.targets.iter().map(|(target, level)| (target.as_str(), *level));
    Targets::new().with_default(level).with_targets(others).with_targets(asked)
}

impl Logs {
    /// Does of a change what may fail, and changes nothing.
    pub(crate) fn prepare(&self, config: &Logging) -> Result<Prepared, String> {
        let limits = Limits { max_bytes: config.max_file_bytes, backups: config.backup_count };
        let to =
            match &config.file {
                None => To::Stderr,
                Some(path) if self.sink.is_at(path) => To::Same,
                Some(path) => To::File(self.sink.open(path, limits).map_err(|cause| {
                    format!("{} (logging.file) cannot be written: {cause}", path.display())
                })?),
            };
        Ok(Prepared { targets: targets(config), format: config.format, limits, to })
    }

    /// Makes it hold.
    pub(crate) fn apply(&self, prepared: Prepared) {
        let Prepared { targets, format, limits, to } = prepared;
        // An error: there is no log, in a process where a test has begun before us.
        let _ = self.filter.reload(targets);
        self.json.store(format == Format::Json, Ordering::Relaxed);
        match to {
            To::Stderr => self.sink.send_to(None),
            To::Same => self.sink.set_limits(limits),
            To::File(file) => self.sink.send_to(Some(file)),
        }
    }

    /// Waits a moment until what was said is written. For the end of the process.
    pub(crate) fn flush(&self) {
        self.sink.flush();
    }
}

/// Writes an event in the form that is wanted now.
struct Switch {
    json: Arc<AtomicBool>,
    as_json: Formatter<Json>,
    as_text: Formatter<Full>,
}

impl Switch {
    fn format<S, N>(
        &self,
        json: bool,
        context: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
        N: for<'a> FormatFields<'a> + 'static,
    {
        if json {
            self.as_json.format_event(context, writer, event)
        } else {
            self.as_text.format_event(context, writer, event)
        }
    }
}

impl<S, N> FormatEvent<S, N> for Switch
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let json = self.json.load(Ordering::Relaxed);
        let Some(cause) = causes::of(context).filter(|_| !causes::is_said(event)) else {
            return self.format(json, context, writer, event);
        };
        let mut line = String::new();
        self.format(json, context, Writer::new(&mut line), event)?;
        writer.write_str(&causes::added(line, &cause, json))
    }
}
