//! The correlation id of the call in which something happens, wherever it happens: spans that have one keep it for the
//! lines written inside of them.

use std::fmt;

use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{Layer, fmt::FmtContext, layer::Context, registry::LookupSpan};

const FIELD: &str = "correlation_id";

/// Notes the ids of spans.
#[derive(Debug)]
pub(super) struct Causes;

/// What a span was opened for.
struct Cause(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Causes {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut found = Found(None);
        attributes.record(&mut found);
        if let (Some(cause), Some(span)) = (found.0, context.span(id)) {
            span.extensions_mut().insert(Cause(cause));
        }
    }
}

struct Found(Option<String>);

impl Visit for Found {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == FIELD {
            self.0 = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// The id of the nearest span that has one.
pub(super) fn of<S, N>(context: &FmtContext<'_, S, N>) -> Option<String>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> tracing_subscriber::fmt::FormatFields<'a> + 'static,
{
    let span = context.lookup_current()?;
    span.scope().find_map(|span| span.extensions().get::<Cause>().map(|cause| cause.0.clone()))
}

/// Says it at the end of a line that does not say it itself.
pub(super) fn added(mut line: String, cause: &str, is_json: bool) -> String {
    line.truncate(line.trim_end().len());
    if is_json {
        line.truncate(line.len().saturating_sub(1));
        line + ",\"" + FIELD + "\":\"" + cause + "\"}\n"
    } else {
        line + " " + FIELD + "=" + cause + "\n"
    }
}

/// Does an event say it itself?
pub(super) fn is_said(event: &tracing::Event<'_>) -> bool {
    event.metadata().fields().field(FIELD).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_it_was_caused_by() {
        let json = added("{\"message\":\"ffmpeg started\"}\n".into(), "00ab", true);
        assert_eq!(json, "{\"message\":\"ffmpeg started\",\"correlation_id\":\"00ab\"}\n");
        assert_eq!(
            added("INFO x: ffmpeg started\n".into(), "00ab", false),
            "INFO x: ffmpeg started correlation_id=00ab\n"
        );
    }
}
