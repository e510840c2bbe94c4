//! Durations as MediaMTX writes and reads them: Go's, with days in front. Pure.

use std::time::Duration;

/// As it is sent: MediaMTX takes any unit and shows it in its own way.
pub(super) fn write(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

/// As it is shown: `1d12h0m0s`, `300ms`; zero is an empty text. `None`: not a duration, or a negative one.
pub(super) fn read(text: &str) -> Option<Duration> {
    let mut left = text;
    let mut sum = Duration::ZERO;
    while !left.is_empty() {
        let end = left.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = left.split_at(end);
        let number: f64 = number.parse().ok()?;
        let unit_end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(unit_end);
        let seconds = match unit {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        sum = sum.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        left = rest;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mediamtx_shows_is_read() {
        let seconds = Duration::from_secs_f64;
        for (text, want) in [
            ("", Some(seconds(0.0))),
            ("10s", Some(seconds(10.0))),
            ("5m0s", Some(seconds(300.0))),
            ("1h0m0s", Some(seconds(3600.0))),
            ("1d", Some(seconds(86_400.0))),
            ("1d12h0m0s", Some(seconds(129_600.0))),
            ("1.5s", Some(seconds(1.5))),
            ("300ms", Some(seconds(0.3))),
            ("100µs", Some(seconds(0.0001))),
            ("-5s", None),
            ("5", None),
            ("5 s", None),
            ("s", None),
            ("1e9s", None),
        ] {
            assert_eq!(read(text), want, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for ms in [0, 1, 250, 10_000, 300_000, 86_400_000 * 30] {
            let duration = Duration::from_millis(ms);
            assert_eq!(read(&write(duration)), Some(duration));
        }
    }
}
