//! Conditional requests (RFC 9110 section 13): what was seen before decides whether, and which part, is
//! sent now. Pure: headers and what they are held against come in, a verdict goes out.

use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, header};

use super::{guard::only, range};

/// What lies there now.
#[derive(Debug, Clone)]
pub(super) struct Present {
    /// A strong one, in quotes.
    pub(super) etag: String,
    pub(super) modified: SystemTime,
    pub(super) length: u64,
}

/// What is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// 200 or 206.
    Send(range::Asked),
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// Section 13.2.2: in this order. `get`: for other methods a range means nothing.
pub(super) fn judge(headers: &HeaderMap, present: &Present, get: bool, now: SystemTime) -> Verdict {
    let date = |name| only(headers, &name).and_then(|text| httpdate::parse_http_date(text).ok());
    if headers.contains_key(header::IF_MATCH) {
        if !listed(headers, &header::IF_MATCH, &present.etag, false) {
            return Verdict::Failed;
        }
    } else if date(header::IF_UNMODIFIED_SINCE).is_some_and(|date| second(present.modified) > date) {
        return Verdict::Failed;
    }
    if headers.contains_key(header::IF_NONE_MATCH) {
        if listed(headers, &header::IF_NONE_MATCH, &present.etag, true) {
            return Verdict::NotModified;
        }
    } else if date(header::IF_MODIFIED_SINCE).is_some_and(|date| second(present.modified) <= date) {
        return Verdict::NotModified;
    }
    let range = only(headers, &header::RANGE).filter(|_| get && same(headers, present, now));
    Verdict::Send(range.map_or(range::Asked::Whole, |range| range::parse(range, present.length)))
}

/// Is what `If-Range` names still what lies there? A date tells that only once it is a second old
/// (section 8.8.2.2): before, the file may have changed twice within it.
fn same(headers: &HeaderMap, present: &Present, now: SystemTime) -> bool {
    if !headers.contains_key(header::IF_RANGE) {
        return true;
    }
    let Some(named) = only(headers, &header::IF_RANGE) else { return false };
    if named.starts_with('"') {
        return named == present.etag;
    }
    let settled = now.duration_since(present.modified).is_ok_and(|age| age >= Duration::from_secs(1));
    settled && httpdate::parse_http_date(named).is_ok_and(|date| date == second(present.modified))
}

/// Is `etag` in the header's list, or `*`? `weak`: then `W/` makes no difference.
fn listed(headers: &HeaderMap, name: &header::HeaderName, etag: &str, weak: bool) -> bool {
    let texts = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    // Our own tags hold no comma.
    let mut tags = texts.flat_map(|text| text.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag == etag || (weak && tag.strip_prefix("W/") == Some(etag)))
}

/// Dates in HTTP have no fractions.
fn second(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::{range::Asked, *};

    const TOLD: &str = "Fri, 01 Jan 2027 00:00:10 GMT";
    const EARLIER: &str = "Fri, 01 Jan 2027 00:00:09 GMT";
    const LATER: &str = "Fri, 01 Jan 2027 00:00:11 GMT";
    const WHOLE: Verdict = Verdict::Send(Asked::Whole);
    const PART: Verdict = Verdict::Send(Asked::Part { first: 1, last: 2 });

    fn judged(headers: &[(&'static str, &str)], get: bool, age: Duration) -> Verdict {
        let modified = httpdate::parse_http_date(TOLD).unwrap() + Duration::from_millis(250);
        let present = Present { etag: "\"a1\"".into(), modified, length: 10 };
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        judge(&headers.collect(), &present, get, modified + age)
    }

    #[test]
    fn conditions_in_their_order() {
        let (etag, range) = (("if-none-match", "\"a1\""), ("range", "bytes=1-2"));
        for (headers, want) in [
            (&[][..], WHOLE),
            (&[range], PART),
            (&[("if-match", "\"a1\"")], WHOLE),
            (&[("if-match", "\"b2\", \"a1\"")], WHOLE),
            (&[("if-match", "*")], WHOLE),
            (&[("if-match", "\"b2\"")], Verdict::Failed),
            (&[("if-match", "W/\"a1\"")], Verdict::Failed),
            (&[("if-unmodified-since", TOLD)], WHOLE),
            (&[("if-unmodified-since", EARLIER)], Verdict::Failed),
            (&[("if-unmodified-since", EARLIER), ("if-match", "\"a1\"")], WHOLE),
            (&[etag], Verdict::NotModified),
            (&[etag, range], Verdict::NotModified),
            (&[("if-none-match", "W/\"a1\"")], Verdict::NotModified),
            (&[("if-none-match", "*")], Verdict::NotModified),
            (&[("if-none-match", "\"b2\"")], WHOLE),
            (&[("if-modified-since", TOLD)], Verdict::NotModified),
            (&[("if-modified-since", LATER)], Verdict::NotModified),
            (&[("if-modified-since", EARLIER)], WHOLE),
            (&[("if-modified-since", LATER), ("if-none-match", "\"b2\"")], WHOLE),
            (&[("if-modified-since", "yesterday")], WHOLE),
            (&[range, ("if-range", "\"a1\"")], PART),
            (&[range, ("if-range", "\"b2\"")], WHOLE),
            (&[range, ("if-range", "W/\"a1\"")], WHOLE),
            (&[range, ("if-range", TOLD)], PART),
            (&[range, ("if-range", LATER)], WHOLE),
            (&[range, ("range", "bytes=3-4")], WHOLE),
        ] {
            assert_eq!(judged(headers, true, Duration::from_mins(1)), want, "{headers:?}");
        }
        assert_eq!(judged(&[range], false, Duration::from_mins(1)), WHOLE);
    }

    #[test]
    fn a_date_just_told_proves_nothing() {
        let headers = [("range", "bytes=1-2"), ("if-range", TOLD)];
        assert_eq!(judged(&headers, true, Duration::from_millis(500)), WHOLE);
    }
}
