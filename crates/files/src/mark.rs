//! The two notes in a recording's file, as JSON: whose it is (the mark, in its head) and how it ended
//! (the trailer, at its end). The mark is what makes a file ours.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base::CameraId;
use serde_json::{Value, json};

/// Version of both notes. A later one is read as far as it is understood.
const VERSION: u64 = 1;

/// Whose a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) device: CameraId,
    /// Empty for a snapshot.
    pub(crate) recording_id: String,
    /// From 1; 0 for a snapshot.
    pub(crate) segment: u32,
    /// When its first picture was taken.
    pub(crate) start: SystemTime,
    /// Cut out of recordings on demand, not recorded.
    pub(crate) export: bool,
}

/// How a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trailer {
    /// Mended after a crash, not ended by its recording.
    pub(crate) recovered: bool,
    pub(crate) frames: u64,
    pub(crate) duration_90k: u64,
}

impl Mark {
    pub(crate) fn to_json(&self) -> String {
        let start_ms = self.start.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let mut value = json!({"v": VERSION, "device": self.device.to_string(), "start_ms": start_ms});
        if self.segment > 0 {
            value["recording_id"] = json!(self.recording_id);
            value["segment"] = json!(self.segment);
        }
        if self.export {
            value["export"] = json!(true);
        }
        value.to_string()
    }

    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(text).ok()?;
        value.get("v")?.as_u64()?;
        // Whatever a stranger wrote there, it stays a date.
        let start_ms = value.get("start_ms")?.as_u64().filter(|ms| *ms < 253_402_300_800_000)?;
        Some(Self {
            device: value.get("device")?.as_str()?.parse().ok()?,
            recording_id: value.get("recording_id").and_then(Value::as_str).unwrap_or_default().to_owned(),
            segment: value.get("segment").map_or(Some(0), |n| u32::try_from(n.as_u64()?).ok())?,
            start: UNIX_EPOCH + Duration::from_millis(start_ms),
            export: value.get("export").and_then(Value::as_bool).unwrap_or_default(),
        })
    }
}

impl Trailer {
    pub(crate) fn to_json(self) -> String {
        let status = if self.recovered { "RECOVERED" } else { "COMPLETE" };
        json!({"v": VERSION, "status": status, "frames": self.frames, "duration_90k": self.duration_90k})
            .to_string()
    }

    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(text).ok()?;
        Some(Self {
            recovered: value.get("status")?.as_str()? == "RECOVERED",
            frames: value.get("frames")?.as_u64()?,
            duration_90k: value.get("duration_90k")?.as_u64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_read_as_written() {
        let mark = Mark {
            device: "camera3".parse().unwrap(),
            recording_id: "00ff".into(),
            segment: 2,
            start: UNIX_EPOCH + Duration::from_millis(1_795_483_519_123),
            export: false,
        };
        assert_eq!(Mark::parse(mark.to_json().as_bytes()), Some(mark.clone()));
        let clip = Mark { export: true, ..mark.clone() };
        assert_eq!(Mark::parse(clip.to_json().as_bytes()), Some(clip));
        let snapshot = Mark { recording_id: String::new(), segment: 0, ..mark };
        assert_eq!(Mark::parse(snapshot.to_json().as_bytes()), Some(snapshot));
        for recovered in [true, false] {
            let trailer = Trailer { recovered, frames: 7, duration_90k: 21_000 };
            assert_eq!(Trailer::parse(trailer.to_json().as_bytes()), Some(trailer));
        }
    }

    #[test]
    fn anything_else_is_no_mark() {
        for text in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"v":1,"device":"camera0"}"#,
            r#"{"v":1,"device":"/dev/video0","start_ms":1}"#,
            r#"{"v":1,"device":"camera0","start_ms":-1}"#,
            r#"{"v":1,"device":"camera0","start_ms":18446744073709551615}"#,
            r#"{"v":1,"device":"camera0","start_ms":1,"segment":-1}"#,
        ] {
            assert_eq!(Mark::parse(text.as_bytes()), None, "{text}");
        }
    }
}
