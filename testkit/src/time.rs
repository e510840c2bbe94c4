//! Times as the contract writes them, read and written by code that shares nothing with the service's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time of an answer, such as `2026-11-24T01:25:19.123Z`.
///
/// # Panics
/// If it has not exactly the contract's form: RFC 3339, UTC, milliseconds.
pub fn parse(text: &str) -> SystemTime {
    let places: Vec<&str> = text.split(|c: char| !c.is_ascii_digit()).collect();
    let marks: String = text.chars().filter(|c| !c.is_ascii_digit()).collect();
    let widths: Vec<usize> = places.iter().map(|digits| digits.len()).collect();
    assert!(marks == "--T::.Z" && widths == [4, 2, 2, 2, 2, 2, 3, 0], "not a time of the contract: {text}");
    let numbers: Vec<u64> = places.iter().map(|digits| digits.parse().unwrap_or_default()).collect();
    let [year, month, day, hour, minute, second, ms, _] = numbers[..] else { panic!("{text}") };
    let month_days = |month: u64| match month {
        2 => 28 + u64::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let days = (1970..year).map(|year| 365 + u64::from(leap(year))).sum::<u64>()
        + (1..month).map(month_days).sum::<u64>()
        + day
        - 1;
    UNIX_EPOCH + Duration::from_millis((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms)
}

/// A time as the contract writes it.
pub fn text(time: SystemTime) -> String {
    let ms = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let (mut days, in_day) = (ms / 86_400_000, ms % 86_400_000);
    let mut year = 1970;
    let length = |year: u64| 365 + u64::from(leap(year));
    while days >= length(year) {
        days -= length(year);
        year += 1;
    }
    let february = length(year) - 337;
    let mut month = 1;
    for days_of_month in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < days_of_month {
            break;
        }
        days -= days_of_month;
        month += 1;
    }
    let (hour, minute, second) = (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1000 % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", days + 1, ms % 1000)
}

/// Whole seconds since 1970.
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (text_of, ms) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("2026-11-24T01:25:19.123Z", 1_795_483_519_123),
            ("2024-02-29T23:59:59.999Z", 1_709_251_199_999),
            ("2024-12-31T00:00:00.001Z", 1_735_603_200_001),
        ] {
            let at = UNIX_EPOCH + Duration::from_millis(ms);
            assert_eq!(parse(text_of), at);
            assert_eq!(text(at), text_of);
        }
    }
}
