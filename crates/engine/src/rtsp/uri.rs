//! The address in a request (RFC 2326 section 3.2): only what names a stream. It never becomes a file
//! name, and nothing of it is echoed but in the form built here.

/// Longest address read, in bytes.
pub(super) const MAX_URI_BYTES: usize = 2_048;

/// What an address says of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Uri {
    /// `rtsp://host:port`, without user and password; `None` for `*` and a bare path.
    pub(super) origin: Option<String>,
    /// Decoded, without slashes at its ends. No control characters.
    pub(super) path: String,
    /// As sent.
    pub(super) query: Option<String>,
}

impl Uri {
    /// Reads `rtsp://host:port/path?query`, `/path?query` or `*`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        // The characters of RFC 3986 section 2, less `#`: no request names a fragment.
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&b);
        if text.len() > MAX_URI_BYTES || !text.bytes().all(legal) {
            return None;
        }
        if text == "*" {
            return Some(Self { origin: None, path: String::new(), query: None });
        }
        let (origin, rest) = match text.split_once("://") {
            Some((scheme, rest)) if !scheme.contains(['/', '?']) => {
                let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
                (Some(origin(scheme, authority)?), rest)
            }
            _ if text.starts_with('/') => (None, text),
            _ => return None,
        };
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned()).filter(|query| !query.is_empty())),
            None => (rest, None),
        };
        Some(Self { origin, path: decode(path)?.trim_matches('/').to_owned(), query })
    }

    /// Takes `trackID=N` off the end. Clients that have a query put it behind that.
    pub(super) fn split_track(&mut self) -> Option<u32> {
        let (rest, track) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        if let Some(number) = track_number(track) {
            self.path = rest.trim_end_matches('/').to_owned();
            return Some(number);
        }
        let (rest, track) = self.query.as_deref()?.rsplit_once('/')?;
        let number = track_number(track)?;
        self.query = Some(rest.to_owned()).filter(|rest| !rest.is_empty());
        Some(number)
    }

    /// The stream's absolute address with a slash at its end, without user, password and query.
    pub(super) fn base(&self) -> Option<String> {
        let mut base = self.origin.clone()?;
        base.push('/');
        for byte in self.path.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
                base.push(char::from(byte));
            } else {
                base.push('%');
                base.extend(
                    [byte >> 4, byte & 15].map(|half| char::from(b"0123456789ABCDEF"[usize::from(half)])),
                );
            }
        }
        if !base.ends_with('/') {
            base.push('/');
        }
        Some(base)
    }
}

fn origin(scheme: &str, authority: &str) -> Option<String> {
    let scheme = scheme.to_ascii_lowercase();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._~:[]%".contains(&b);
    let known = matches!(scheme.as_str(), "rtsp" | "rtsps" | "rtspu");
    (known && !host.is_empty() && host.bytes().all(legal)).then(|| format!("{scheme}://{host}"))
}

/// The `N` of the one form our SDP uses.
fn track_number(segment: &str) -> Option<u32> {
    let digits = segment.strip_prefix("trackID=")?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// Without the percent signs (RFC 3986 section 2.1); `None` where that is no text.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut half = || char::from(bytes.next()?).to_digit(16);
            let (high, low) = (half()?, half()?);
            out.push((high << 4 | low) as u8);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok().filter(|text| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_address_names() {
        for (text, base, path, query) in [
            ("rtsp://h:8554/camera0", Some("rtsp://h:8554/camera0/"), "camera0", None),
            ("RTSP://h/camera0/", Some("rtsp://h/camera0/"), "camera0", None),
            (
                "rtsp://u:p@ss@[::1]:8554/camera0?a=b%20",
                Some("rtsp://[::1]:8554/camera0/"),
                "camera0",
                Some("a=b%20"),
            ),
            ("rtsp://h", Some("rtsp://h/"), "", None),
            ("rtsp://h?x=1", Some("rtsp://h/"), "", Some("x=1")),
            ("/camera0?x=rtsp://y", None, "camera0", Some("x=rtsp://y")),
            ("*", None, "", None),
            ("rtsp://h/a%2Fb%3B%c3%bC?", Some("rtsp://h/a/b%3B%C3%BC/"), "a/b;ü", None),
        ] {
            let uri = Uri::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                (uri.base().as_deref(), &*uri.path, uri.query.as_deref()),
                (base, path, query),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_address() {
        let long = format!("rtsp://h/{}", "a".repeat(MAX_URI_BYTES));
        for text in [
            "",
            "camera0",
            "**",
            "http://h/camera0",
            "rtsp:///camera0",
            "rtsp://u@/camera0",
            "rtsp://h/%",
            "rtsp://h/%4",
            "rtsp://h/%zz",
            "rtsp://h/%0d%0aX:1",
            "rtsp://h/%00",
            "rtsp://h/%ff",
            "rtsp://h/a\"b",
            "rtsp://h/a<b",
            "rtsp://h,x/a",
            "rtsp://h/ü",
            "rtsp://h/a#b",
            "a/rtsp://h/",
            &long,
        ] {
            assert_eq!(Uri::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_track_is_taken_off() {
        for (text, track, path, query) in [
            ("rtsp://h/camera0/trackID=0", Some(0), "camera0", None),
            ("rtsp://h/camera0//trackID=7/", Some(7), "camera0", None),
            ("rtsp://h/camera0/trackID=", None, "camera0/trackID=", None),
            ("rtsp://h/camera0/trackID=+1", None, "camera0/trackID=+1", None),
            ("rtsp://h/trackID=0", Some(0), "", None),
            ("rtsp://h/camera0?t=a/b/trackID=0", Some(0), "camera0", Some("t=a/b")),
            ("rtsp://h/camera0?t=a", None, "camera0", Some("t=a")),
        ] {
            let mut uri = Uri::parse(text).unwrap();
            assert_eq!(uri.split_track(), track, "{text}");
            assert_eq!((&*uri.path, uri.query.as_deref()), (path, query), "{text}");
        }
    }
}
