//! What one line of the audit log tells. Plain values: no secret and no token has a place in it.

use std::{net::IpAddr, sync::Arc};

use serde_json::{Map, Value};

use crate::security::Principal;

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A credential was shown.
    Authentication,
    /// A call or a connection was turned away.
    Refusal,
    /// A privileged call.
    Call,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// What a call named, as far as it is a camera's id or a plain file name: anything else could be a
    /// path, a page long, or a secret in the wrong place.
    pub(crate) fn named(members: &Map<String, Value>) -> (Option<String>, Option<String>) {
        let text = |name: &str, plain: fn(u8) -> bool| {
            let text = members.get(name)?.as_str()?;
            ((1..=255).contains(&text.len()) && text.bytes().all(plain)).then(|| text.to_owned())
        };
        let device = text("device", |c| c.is_ascii_alphanumeric());
        let device = device.filter(|id| id.parse::<control::CameraId>().is_ok());
        let name = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
        (device, text("filename", name).or_else(|| text("recording_id", name)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_ids_and_plain_names_are_written_down() {
        let named = |value: Value| Entry::named(value.as_object().unwrap());
        let both = named(json!({"device": "camera3", "filename": "a-b_c.mp4", "recording_id": "ff"}));
        assert_eq!(both, (Some("camera3".into()), Some("a-b_c.mp4".into())));
        assert_eq!(named(json!({"recording_id": "00ff"})), (None, Some("00ff".into())));
        for value in [json!({}), json!({"device": "/dev/video0"}), json!({"device": 1, "filename": "../x"})] {
            assert_eq!(named(value), (None, None));
        }
    }
}
