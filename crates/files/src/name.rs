//! Names of files: `camera0_2026-11-24T01-15-19.123Z.mp4`. They sort by time, and say whose and when
//! without the file being opened. A `-2` before the ending keeps apart what falls on one millisecond.

use std::time::SystemTime;

use base::{CameraId, time};
use media::Container;

/// How many files of one camera may begin in one millisecond.
pub(crate) const MAX_TWINS: u32 = 99;

/// The `twin`-th name (from 1) for a file of `device` that begins at `time`.
pub(crate) fn make(device: CameraId, at: SystemTime, twin: u32, extension: &str) -> String {
    let stamp = time::rfc3339(at).replace(':', "-");
    match twin {
        1 => format!("{device}_{stamp}.{extension}"),
        _ => format!("{device}_{stamp}-{twin}.{extension}"),
    }
}

/// Is this a name that [`make`] gives to a recording?
pub(crate) fn is_recording(name: &str) -> bool {
    Container::of_name(name).is_some_and(|container| parse(name, container.extension()).is_some())
}

/// Whose and when, if `name` is one that [`make`] gives.
pub(crate) fn parse(name: &str, extension: &str) -> Option<(CameraId, SystemTime)> {
    let stem = name.strip_suffix(extension)?.strip_suffix('.')?;
    let (device, rest) = stem.split_once('_')?;
    // 2026-11-24T01-15-19.123Z
    let (stamp, twin) = rest.split_at_checked(24)?;
    let twin = match twin.strip_prefix('-') {
        None if twin.is_empty() => 1,
        None => return None,
        Some(digits) => digits.parse().ok().filter(|twin| (2..=MAX_TWINS).contains(twin))?,
    };
    let (date, clock) = stamp.split_once('T')?;
    let at = time::parse_rfc3339(&format!("{date}T{}", clock.replace('-', ":")))?;
    let device: CameraId = device.parse().ok()?;
    (make(device, at, twin, extension) == name).then_some((device, at))
}

/// May a client give this name to a snapshot? `^[A-Za-z0-9._-]{1,100}$`, no leading dot.
pub fn is_plain(name: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    (1..=100).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn names_tell_whose_and_when() {
        let at = UNIX_EPOCH + Duration::from_millis(1_795_483_519_123);
        let device: CameraId = "camera12".parse().unwrap();
        let name = make(device, at, 1, "mp4");
        assert_eq!(name, "camera12_2026-11-24T01-25-19.123Z.mp4");
        assert_eq!(parse(&name, "mp4"), Some((device, at)));
        let twin = make(device, at, 2, "mp4");
        assert_eq!(twin, "camera12_2026-11-24T01-25-19.123Z-2.mp4");
        assert_eq!(parse(&twin, "mp4"), Some((device, at)));
    }

    #[test]
    fn other_names_are_none_of_ours() {
        for name in [
            "",
            ".mp4",
            "holiday.mp4",
            "camera0_2026-11-24T01-25-19.123Z.avi",
            "camera0_2026-11-24T01-25-19.123Z-1.mp4",
            "camera0_2026-11-24T01-25-19.123Z-02.mp4",
            "camera0_2026-11-24T01-25-19.123Z-100.mp4",
            "camera00_2026-11-24T01-25-19.123Z.mp4",
            "camera0_2026-13-24T01-25-19.123Z.mp4",
            "camera0_2026-11-24T01-25-19.123+.mp4",
            "camera0_é026-11-24T01-25-19.123Z.mp4",
        ] {
            assert_eq!(parse(name, "mp4"), None, "{name}");
        }
    }

    #[test]
    fn plain_names_only() {
        for good in ["a", "A-b_c.1.jpg", &"x".repeat(100)] {
            assert!(is_plain(good), "{good}");
        }
        for bad in ["", ".x", "..", "a/b", "a b", "ä", "a\0", "a\n", &"x".repeat(101)] {
            assert!(!is_plain(bad), "{bad:?}");
        }
    }
}
