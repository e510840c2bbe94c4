//! The `Range` header (RFC 9110 section 14), read against a length. Pure.

/// What a header asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of it: the header says nothing we know, or asks for several parts.
    Whole,
    /// These bytes, the last one included.
    Part {
        /// The first one.
        first: u64,
        /// Not before `first`, and there.
        last: u64,
    },
    /// Bytes that are not there.
    Nowhere,
}

/// Reads a header for something of `length` bytes. What is malformed is as if it were not there.
pub(super) fn parse(header: &str, length: u64) -> Asked {
    let Some((unit, set)) = header.split_once('=') else { return Asked::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Asked::Whole;
    }
    let mut specs = set.split(',').map(|spec| spec.trim_matches([' ', '\t'])).filter(|spec| !spec.is_empty());
    let (Some(spec), None) = (specs.next(), specs.next()) else { return Asked::Whole };
    match spec.split_once('-') {
        Some(("", suffix)) => number(suffix).map_or(Asked::Whole, |wanted| match (wanted, length) {
            (0, _) => Asked::Nowhere,
            // All of nothing: there is no byte a part could begin with.
            (_, 0) => Asked::Whole,
            _ => Asked::Part { first: length.saturating_sub(wanted), last: length - 1 },
        }),
        Some((first, last)) => {
            let last = if last.is_empty() { Some(u64::MAX) } else { number(last) };
            match (number(first), last) {
                (Some(first), Some(last)) if first <= last => {
                    if first < length {
                        Asked::Part { first, last: last.min(length - 1) }
                    } else {
                        Asked::Nowhere
                    }
                }
                _ => Asked::Whole,
            }
        }
        None => Asked::Whole,
    }
}

/// Digits and nothing else; what is beyond counting is the most there is.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// What must hold for any header. The body of the fuzz target: eight bytes of length, then the header.
///
/// # Panics
/// When a rule is broken.
pub fn fuzz(data: &[u8]) {
    let Some((length, header)) = data.split_first_chunk() else { return };
    let length = u64::from_le_bytes(*length);
    let Ok(header) = std::str::from_utf8(header) else { return };
    for length in [length, length % 1024, 0] {
        match parse(header, length) {
            Asked::Whole => {}
            Asked::Part { first, last } => {
                assert!(first <= last && last < length, "{header:?} of {length}: {first}-{last}");
                // What was understood means the same when it is written plainly.
                assert_eq!(parse(&format!("bytes={first}-{last}"), length), Asked::Part { first, last });
            }
            Asked::Nowhere => assert!(header.contains('-'), "{header:?}"),
        }
    }
}

#[cfg(test)]
#[path = "range_tests.rs"]
mod tests;
