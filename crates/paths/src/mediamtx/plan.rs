//! What has to be changed at MediaMTX so that it has the paths we wish for. Pure: what is wished and what is
//! there go in, steps come out; what is as wished is not touched, for a touch costs its viewers the stream.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use serde_json::{Value, json};

use super::{duration, wire::PathConf};
use crate::path::PathName;

/// Whose streams MediaMTX fetches: the user in the address of each.
pub(super) const FEED_USER: &str = "feed";
/// MediaMTX takes 0 as "close at once", before a viewer has got anywhere.
const LEAST_CLOSE_AFTER: Duration = Duration::from_secs(1);

/// How every path of ours is to be.
#[derive(Clone)]
pub(super) struct Terms {
    /// Where MediaMTX fetches streams.
    pub(super) feed: SocketAddr,
    /// Letters and digits only.
    pub(super) password: String,
    /// How long it waits for the first picture.
    pub(super) start_timeout: Duration,
    /// How long it keeps a stream that nobody reads.
    pub(super) close_after: Duration,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Make the path so, whatever it was.
    Replace(String),
    /// It should not be there.
    Delete(String),
}

impl Terms {
    /// What a path's body says; everything else is as MediaMTX's defaults have it.
    pub(super) fn body(&self, name: &str) -> PathConf {
        let fields = [
            ("source", json!(format!("rtsp://{FEED_USER}:{}@{}/{name}", self.password, self.feed))),
            ("rtspTransport", json!("tcp")),
            ("sourceOnDemand", json!(true)),
            ("sourceOnDemandStartTimeout", json!(duration::write(self.start_timeout))),
            ("sourceOnDemandCloseAfter", json!(duration::write(self.close_after.max(LEAST_CLOSE_AFTER)))),
        ];
        fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
    }

    /// Does it fetch from us? Only then may it be removed.
    fn is_ours(&self, path: &PathConf) -> bool {
        let source = path.get("source").and_then(Value::as_str).unwrap_or_default();
        source.strip_prefix("rtsp://").and_then(|rest| rest.split_once('@')).is_some_and(|(user, place)| {
            let host = place.split('/').next();
            user.starts_with(&format!("{FEED_USER}:")) && host == Some(&*self.feed.to_string())
        })
    }

    fn is_as_wished(&self, name: &str, path: &PathConf, defaults: &PathConf) -> bool {
        let body = self.body(name);
        path.iter().filter(|(field, _)| *field != "name").all(|(field, value)| {
            // A field that this MediaMTX has no default for is none that could be set back.
            let Some(wanted) = body.get(field).or_else(|| defaults.get(field)) else { return true };
            value == wanted || same_duration(value, wanted)
        })
    }
}

fn same_duration(one: &Value, other: &Value) -> bool {
    let read = |value: &Value| value.as_str().and_then(duration::read);
    read(one).is_some_and(|one| read(other) == Some(one))
}

/// What leads from `there` to what is `wished`. `defaults`: MediaMTX's own for every path.
pub(super) fn plan(
    terms: &Terms,
    wished: &BTreeSet<PathName>,
    there: &[PathConf],
    defaults: &PathConf,
) -> Vec<Step> {
    let name = |path: &PathConf| path.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let good: BTreeSet<String> =
        there.iter().filter(|path| terms.is_as_wished(&name(path), path, defaults)).map(name).collect();
    let missing = wished.iter().map(PathName::as_str).filter(|name| !good.contains(*name));
    let stray = there.iter().filter(|path| terms.is_ours(path)).map(name);
    // A name of ours is of our form, and stands in an address as it is.
    let stray = stray.filter(|name| PathName::new(name).is_some_and(|name| !wished.contains(&name)));
    missing.map(|name| Step::Replace(name.to_owned())).chain(stray.map(Step::Delete)).collect()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
