//! Durations, sizes and picture sizes as people write them in configuration files.

use std::time::Duration;

/// `250ms`, `10s`, `5m`, `24h`, `30d`, or a bare number of seconds (`2.5` too). Not negative.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.trim().parse().ok()?;
    let unit_s = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * unit_s).ok()
}

/// The shortest form [`parse_duration`] reads back.
pub fn format_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    for (unit_ms, unit) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")] {
        // `24h` is how the contract writes a day's token; a day is only a day from the second on.
        if ms >= unit_ms && ms.is_multiple_of(unit_ms) && !(unit == "d" && ms == unit_ms) {
            return format!("{}{unit}", ms / unit_ms);
        }
    }
    if ms == 0 { "0s".into() } else { format!("{ms}ms") }
}

/// `1MiB`, `1GiB`, `600k`, `1M`, or a bare number of bytes (or bits a second). SI suffixes are
/// powers of 1000, `Ki`, `Mi`, `Gi` of 1024; a closing `B` is optional.
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.trim().parse().ok()?;
    let factor: f64 = match unit.strip_suffix('B').unwrap_or(unit) {
        "" => 1.0,
        "k" | "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        _ => return None,
    };
    let bytes = number * factor;
    (bytes >= 0.0 && bytes < u64::MAX as f64).then_some(bytes as u64)
}

/// Width and height of a picture in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl Size {
    /// Reads `1280x720`; both even and 16 to 8192, as 4:2:0 video needs.
    pub fn parse(text: &str) -> Option<Self> {
        let (width, height) = text.trim().split_once('x')?;
        let size = Self { width: width.parse().ok()?, height: height.parse().ok()? };
        let good = |n: u32| (16..=8192).contains(&n) && n.is_multiple_of(2);
        (good(size.width) && good(size.height)).then_some(size)
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_there_and_back() {
        for (text, ms, shown) in [
            ("250ms", 250, "250ms"),
            ("10", 10_000, "10s"),
            ("10s", 10_000, "10s"),
            ("1.5", 1500, "1500ms"),
            ("5m", 300_000, "5m"),
            ("24h", 86_400_000, "24h"),
            ("30d", 2_592_000_000, "30d"),
            ("0s", 0, "0s"),
        ] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(duration.as_millis(), ms, "{text}");
            assert_eq!(format_duration(duration), shown);
        }
        for bad in ["", "s", "-1", "1w", "1e400", "nan", "10 s s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes() {
        for (text, n) in
            [("1MiB", 1 << 20), ("1GiB", 1 << 30), ("600k", 600_000), ("1M", 1_000_000), ("77", 77)]
        {
            assert_eq!(parse_size(text), Some(n));
        }
        for bad in ["", "MiB", "-1", "1Q", "1e30"] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
        assert_eq!(Size::parse("640x360"), Some(Size { width: 640, height: 360 }));
        for bad in ["640", "0x0", "641x360", "640x360x2", "-640x360", "16384x16"] {
            assert_eq!(Size::parse(bad), None, "{bad}");
        }
    }
}
