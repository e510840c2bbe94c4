//! One line as bytes: JSON whose last member is the MAC. What the MAC covers are the bytes before that
//! member, as they stand; so nobody needs to agree on how to write JSON.

use std::{fmt::Write, net::IpAddr, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::{
    Entry, Event, Outcome,
    chain::{Head, Key, Mac},
};
use crate::{
    rpc::correlation_id,
    security::{hex, unhex},
};

/// No line is longer; what could be is cut before.
pub(super) const MAX_LINE_BYTES: usize = 16 << 10;
/// Longest name of a caller. Names come with tokens, which others may make.
const MAX_USER_CHARS: usize = 128;
/// Longest reason.
const MAX_REASON_CHARS: usize = 512;
/// Between what is covered and the MAC.
const SEAL: &str = ",\"mac\":\"";
/// After the MAC.
const END: &str = "\"}";

/// A line that has no place in the chain yet.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) time: SystemTime,
    pub(super) event: Event,
    pub(super) user: Option<String>,
    pub(super) role: Option<&'static str>,
    pub(super) address: Option<IpAddr>,
    pub(super) method: Option<&'static str>,
    pub(super) device: Option<String>,
    pub(super) filename: Option<String>,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<String>,
    /// It stands for so many that were the same.
    pub(super) repeated: Option<u64>,
    /// In a checkpoint: where the chain was.
    pub(super) previous: Option<Head>,
    pub(super) correlation_id: String,
}

/// The members in their order. Those that every line has are null where there is nothing to tell.
#[derive(Serialize)]
struct Body<'a> {
    ts: String,
    seq: u64,
    event: &'a str,
    user: Option<String>,
    role: Option<&'a str>,
    address: Option<IpAddr>,
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repeated: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Previous>,
    correlation_id: &'a str,
}

#[derive(Serialize, Deserialize)]
struct Previous {
    count: u64,
    mac: String,
}

impl Line {
    /// A line of the log's own, or the service's: nobody called.
    pub(super) fn own(
        event: Event,
        method: Option<&'static str>,
        outcome: Outcome,
        reason: Option<String>,
    ) -> Self {
        Self {
            time: SystemTime::now(),
            event,
            user: None,
            role: None,
            address: None,
            method,
            device: None,
            filename: None,
            outcome,
            reason,
            repeated: None,
            previous: None,
            correlation_id: correlation_id(),
        }
    }

    /// The first line of a file that goes on after `previous`.
    pub(super) fn checkpoint(previous: Head) -> Self {
        Self { previous: Some(previous), ..Self::own(Event::Checkpoint, None, Outcome::Done, None) }
    }

    /// Gives it its place: its bytes with the line break, and the new head.
    pub(super) fn seal(&self, key: &Key, after: Head) -> (String, Head) {
        let body = Body {
            ts: control::time::rfc3339(self.time),
            seq: after.count + 1,
            event: self.event.as_str(),
            user: self.user.as_deref().map(|user| cut(user, MAX_USER_CHARS)),
            role: self.role,
            address: self.address,
            method: self.method,
            device: self.device.as_deref(),
            filename: self.filename.as_deref(),
            outcome: self.outcome.as_str(),
            reason: self.reason.as_deref().map(|reason| cut(reason, MAX_REASON_CHARS)),
            repeated: self.repeated,
            previous: self.previous.map(|head| Previous { count: head.count, mac: hex(&head.mac) }),
            correlation_id: &self.correlation_id,
        };
        let text = serde_json::to_string(&body).expect("texts and numbers can be written as JSON");
        let mut line = ascii(text.strip_suffix('}').expect("a structure is written as an object"));
        let mac = key.seal(&after.mac, &line);
        line.push_str(SEAL);
        line.push_str(&hex(&mac));
        line.push_str(END);
        line.push('\n');
        (line, Head { count: after.count + 1, mac })
    }
}

impl From<&Entry> for Line {
    fn from(entry: &Entry) -> Self {
        Self {
            time: SystemTime::now(),
            event: entry.event,
            user: entry.who.as_ref().map(|who| who.user.clone()),
            role: entry.who.as_ref().map(|who| who.role.as_str()),
            address: Some(entry.address),
            method: Some(entry.method),
            device: entry.device.clone(),
            filename: entry.filename.clone(),
            outcome: entry.outcome,
            reason: entry.reason.clone(),
            repeated: None,
            previous: None,
            correlation_id: entry.correlation_id.clone(),
        }
    }
}

fn cut(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}...", &text[..at]),
    }
}

/// The same JSON in ASCII: no character of a name can turn a terminal's text around or look like another.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + 80);
    for c in json.chars() {
        if matches!(c, ' '..='~') {
            text.push(c);
        } else {
            // Beyond ASCII stands nothing but the inside of strings.
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // A text takes everything.
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

/// A line read back. Nothing is believed yet.
#[derive(Debug)]
pub(super) struct Sealed<'a> {
    /// What the MAC covers.
    body: &'a str,
    pub(super) seq: u64,
    pub(super) mac: Mac,
    /// It is a checkpoint, and says that the chain was here.
    pub(super) previous: Option<Head>,
}

#[derive(Deserialize)]
struct Seen {
    seq: u64,
    event: String,
    previous: Option<Previous>,
}

impl<'a> Sealed<'a> {
    /// Takes a line, without its break, apart; `None`: it is none.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok().filter(|line| line.len() < MAX_LINE_BYTES)?;
        let rest = line.strip_suffix(END)?;
        let (rest, mac) = rest.split_at_checked(rest.len().checked_sub(64)?)?;
        let body = rest.strip_suffix(SEAL)?;
        let seen: Seen = serde_json::from_str(line).ok()?;
        let previous = match (seen.event == Event::Checkpoint.as_str(), seen.previous) {
            (true, Some(Previous { count, mac })) => Some(Head { count, mac: unhex(&mac)? }),
            (false, None) => None,
            _ => return None,
        };
        Some(Self { body, seq: seen.seq, mac: unhex(mac)?, previous })
    }

    /// The chain up to this line, if nothing else is wrong.
    pub(super) fn head(&self) -> Head {
        Head { count: self.seq, mac: self.mac }
    }

    /// Does it follow `before`, unchanged?
    pub(super) fn follows(&self, before: Head, key: &Key) -> bool {
        before.count.checked_add(1) == Some(self.seq) && key.seal(&before.mac, self.body) == self.mac
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_line_is_json_and_is_read_back() {
        let key = Key::for_tests();
        let line = Line {
            user: Some("J\u{fc}rgen \u{202e}\u{1f4f7}\n\"".into()),
            ..Line::own(Event::Call, Some("ping"), Outcome::Done, None)
        };
        let (text, head) = line.seal(&key, Head { count: 41, mac: [3; 32] });
        assert!(text.is_ascii() && text.ends_with("\"}\n") && text.matches('\n').count() == 1, "{text}");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["user"], "J\u{fc}rgen \u{202e}\u{1f4f7}\n\"");
        assert_eq!(
            (&value["seq"], &value["event"], &value["address"]),
            (&42.into(), &"call".into(), &Value::Null)
        );
        assert_eq!(value["mac"], hex(&head.mac));
        let sealed = Sealed::parse(text.trim_end().as_bytes()).unwrap();
        assert_eq!((sealed.head(), sealed.previous), (head, None));
        assert!(sealed.follows(Head { count: 41, mac: [3; 32] }, &key));
        assert!(!sealed.follows(Head { count: 41, mac: [4; 32] }, &key) && !sealed.follows(Head::NONE, &key));
    }

    #[test]
    fn the_longest_line_is_short_enough() {
        let long = "\u{1f4f7}".repeat(100_000);
        let entry = Line {
            user: Some(long.clone()),
            reason: Some(long),
            device: Some("c".repeat(255)),
            filename: Some("f".repeat(255)),
            repeated: Some(u64::MAX),
            previous: Some(Head::NONE),
            ..Line::own(Event::Checkpoint, Some("unsubscribe_events"), Outcome::Abandoned, None)
        };
        let (text, _) = entry.seal(&Key::for_tests(), Head { count: u64::MAX - 1, mac: [0; 32] });
        assert!(text.len() < MAX_LINE_BYTES, "{}", text.len());
        assert!(Sealed::parse(text.trim_end().as_bytes()).unwrap().previous.is_some());
    }

    #[test]
    fn what_is_no_line() {
        let (text, _) = Line::checkpoint(Head::NONE).seal(&Key::for_tests(), Head::NONE);
        let text = text.trim_end();
        let other = text.replace("\"checkpoint\"", "\"call\"");
        let double = text.replace("\"seq\":1", "\"seq\":1,\"seq\":2");
        for wrong in ["", "{}", &text[1..], &text[..text.len() - 1], &format!("{text} "), &other, &double] {
            assert!(Sealed::parse(wrong.as_bytes()).is_none(), "{wrong}");
        }
        assert!(Sealed::parse(&[0; 100]).is_none());
    }
}
