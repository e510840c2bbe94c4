//! Wall-clock times as clients see them: RFC 3339, UTC, milliseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `2026-11-24T01:15:19.123Z` (RFC 3339 section 5.6). Times before 1970 show as 1970.
pub fn rfc3339(time: SystemTime) -> String {
    let millis = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis();
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis)
        .map_or_else(|_| "9999-12-31T23:59:59.999Z".to_owned(), |t| format!("{t:.3}"))
}

/// Reads any RFC 3339 time with an offset; `None` when it is not one.
pub fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    let stamp: jiff::Timestamp = text.parse().ok()?;
    Some(SystemTime::from(stamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let time = UNIX_EPOCH + Duration::from_millis(1_795_483_519_123);
        assert_eq!(rfc3339(time), "2026-11-24T01:25:19.123Z");
        assert_eq!(parse_rfc3339("2026-11-24T02:25:19.123+01:00"), Some(time));
        assert_eq!(rfc3339(UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
        assert_eq!(parse_rfc3339("yesterday"), None);
    }
}
