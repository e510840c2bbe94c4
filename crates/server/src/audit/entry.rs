//! What one line of the audit log tells. Plain values: no secret and no token has a place in it.

use std::{net::IpAddr, sync::Arc};

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use crate::{rpc::correlation_id, security::Principal};

/// Longest name of a file that is written down.
const MAX_FILENAME_BYTES: usize = 128;
/// What the names of our files end with.
const ENDINGS: [&str; 5] = ["jpg", "png", "mp4", "mkv", "avi"];

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    /// A credential was shown.
    Authentication,
    /// A call or a connection was turned away.
    Refusal,
    /// A privileged call.
    Call,
    /// The configuration was read again.
    Configuration,
    /// The service has started.
    Start,
    /// The service ends.
    Stop,
    /// The first line of a file: carries the chain over from the file before.
    Checkpoint,
    /// The log was found damaged and goes on.
    Recovered,
    /// Lines were lost before they could be written.
    Dropped,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// The credential is good.
    Granted,
    /// It was turned away.
    Refused,
    /// The call did what it was asked for.
    Done,
    /// The call failed.
    Failed,
    /// The caller left before the call ended.
    Abandoned,
}

/// One line.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) event: Event,
    /// `None`: nobody that we know.
    pub(crate) who: Option<Arc<Principal>>,
    pub(crate) address: IpAddr,
    /// The method called, or what a credential was shown for; in words of ours.
    pub(crate) method: &'static str,
    /// A camera's id.
    pub(crate) device: Option<String>,
    /// A plain file name.
    pub(crate) filename: Option<String>,
    pub(crate) outcome: Outcome,
    /// In words of ours.
    pub(crate) reason: Option<String>,
    /// Stands in the log, and in the caller's error, too.
    pub(crate) correlation_id: String,
}

impl Event {
    /// The word in the log.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Refusal => "refusal",
            Self::Call => "call",
            Self::Configuration => "configuration",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Checkpoint => "checkpoint",
            Self::Recovered => "recovered",
            Self::Dropped => "dropped",
        }
    }
}

impl Outcome {
    /// The word in the log.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Refused => "refused",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

impl Entry {
    /// A line about nothing but who and where.
    pub(crate) fn about(
        event: Event,
        who: Option<Arc<Principal>>,
        address: IpAddr,
        method: &'static str,
        outcome: Outcome,
        reason: Option<&str>,
    ) -> Self {
        Self {
            event,
            who,
            address,
            method,
            device: None,
            filename: None,
            outcome,
            reason: reason.map(str::to_owned),
            correlation_id: correlation_id(),
        }
    }

    /// What a call named, as far as it is a camera's id or looks like a file or a recording of ours: anything
    /// else could be a path, a page long, or a token in the wrong place.
    pub(crate) fn named(members: &Map<String, Value>) -> (Option<String>, Option<String>) {
        let text = |name: &str, is_good: fn(&str) -> bool| {
            members.get(name)?.as_str().filter(|text| is_good(text)).map(str::to_owned)
        };
        // The one form an id has.
        let is_camera = |text: &str| text.len() <= 16 && text.parse::<control::CameraId>().is_ok();
        let filename = text("filename", is_filename).or_else(|| text("recording_id", is_recording));
        (text("device", is_camera), filename)
    }
}

/// Could it be the name of a file of ours? A token consists of the same characters, but has no ending.
fn is_filename(name: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    name.len() <= MAX_FILENAME_BYTES && name.bytes().all(plain) && ENDINGS.contains(&ending)
}

/// Could it be the id of a recording of ours?
fn is_recording(id: &str) -> bool {
    id.len() <= 16 && id.bytes().all(|c| c.is_ascii_hexdigit())
}

/// The file that an answer names.
pub(super) fn made(result: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Made {
        filename: Option<String>,
    }
    serde_json::from_str::<Made>(result.get()).ok()?.filename.filter(|name| is_filename(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_file_an_answer_names() {
        let made = |text: &str| made(&RawValue::from_string(text.into()).unwrap());
        assert_eq!(made(r#"{"device": "camera0", "filename": "a.jpg", "n": [1]}"#), Some("a.jpg".into()));
        for none in [r#"{"filename": "../a"}"#, r#"{"filename": 1}"#, "{}", "[]", "1"] {
            assert_eq!(made(none), None, "{none}");
        }
    }

    #[test]
    fn only_ids_and_plain_names_are_written_down() {
        let named = |value: Value| Entry::named(value.as_object().unwrap());
        let both = named(json!({"device": "camera3", "filename": "a-b_c.mp4", "recording_id": "ff"}));
        assert_eq!(both, (Some("camera3".into()), Some("a-b_c.mp4".into())));
        assert_eq!(named(json!({"recording_id": "00ff"})), (None, Some("00ff".into())));
        for value in [
            json!({}),
            json!({"device": "/dev/video0"}),
            json!({"device": 1, "filename": "../x.mp4"}),
            json!({"filename": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"}),
            json!({"recording_id": "0123456789abcdef0123456789abcdef", "device": "camera00000000000000000"}),
        ] {
            assert_eq!(named(value), (None, None));
        }
    }
}
