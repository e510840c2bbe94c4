//! The one name by which anybody outside knows a camera.

use std::{fmt, str::FromStr};

/// `camera0`, `camera1`, …: stable, and all a client ever sees of a camera's whereabouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CameraId(pub u16);

/// The text is not `camera` followed by a number of at most 65,535 without leading zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotACameraId;

impl fmt::Display for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "camera{}", self.0)
    }
}

impl FromStr for CameraId {
    type Err = NotACameraId;

    fn from_str(text: &str) -> Result<Self, NotACameraId> {
        let digits = text.strip_prefix("camera").ok_or(NotACameraId)?;
        // `camera00` and `camera+1` would be second names for one camera.
        let canonical =
            digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        if !canonical {
            return Err(NotACameraId);
        }
        digits.parse().map(Self).map_err(|_| NotACameraId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_parses() {
        assert_eq!("camera0".parse(), Ok(CameraId(0)));
        assert_eq!("camera12".parse(), Ok(CameraId(12)));
        for bad in
            ["", "camera", "camera01", "camera+1", "camera-1", "Camera1", "camera65536", "camera1 ", "video0"]
        {
            assert_eq!(bad.parse::<CameraId>(), Err(NotACameraId), "{bad}");
        }
    }
}
