//! Which names this service answers to and which pages may talk to it. Pure functions on two headers.
//!
//! A browser lets any page open a WebSocket to any address; only the server can refuse (RFC 6455
//! section 10.2). And a page's own name may be pointed at us after it was loaded (DNS rebinding), so
//! the name itself must be one of ours.

use std::net::IpAddr;

/// The scheme of a page of ours, and the port that goes without saying.
fn scheme(secure: bool) -> (&'static str, u16) {
    if secure { ("https", 443) } else { ("http", 80) }
}

/// The host a client asked for, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// As it stands in a URL: lower case, IPv6 in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// By TLS, to us or to a proxy we believe.
    pub(crate) secure: bool,
}

/// Reads a `Host` header; `None` when it is none. `secure`: it came by TLS.
pub(crate) fn parse_host(header: &str, secure: bool) -> Option<Asked> {
    let (host, port) = split_port(header)?;
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let good = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_host_name(host),
    };
    good.then(|| Asked { host: host.to_ascii_lowercase(), port: port.unwrap_or(scheme(secure).1), secure })
}

/// Is this one of our names: an address, loopback, or configured?
pub(crate) fn is_ours(asked: &Asked, allowed_hosts: &[String]) -> bool {
    let bare = asked.host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok()
        || bare == "localhost"
        || allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(bare))
}

/// May a page of this origin talk to us?
pub(crate) fn may_connect(origin: &str, asked: &Asked, allowed_origins: &[String]) -> bool {
    if is_listed(origin, allowed_origins) {
        return true;
    }
    let (scheme, default_port) = scheme(asked.secure);
    let same = || {
        let (theirs, rest) = origin.split_once("://")?;
        let (host, port) = split_port(rest)?;
        Some(
            theirs.eq_ignore_ascii_case(scheme)
                && host.eq_ignore_ascii_case(&asked.host)
                && port.unwrap_or(default_port) == asked.port,
        )
    };
    same().unwrap_or(false)
}

/// Is it among the configured ones?
pub(crate) fn is_listed(origin: &str, allowed_origins: &[String]) -> bool {
    allowed_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
}

/// Is this a host name without a port?
pub(crate) fn is_host_name(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
    (1..=253).contains(&text.len()) && text.bytes().all(allowed)
}

/// Is this `scheme://host[:port]`, without a path?
pub(crate) fn is_origin(text: &str) -> bool {
    let parts = text.split_once("://");
    parts.is_some_and(|(scheme, rest)| {
        !scheme.is_empty()
            && scheme.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.'))
            && parse_host(rest, false).is_some()
    })
}

/// `host:port`, `host`, `[v6]:port`, `[v6]`.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let end = match text.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(end);
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Some((host, None)),
        None => None,
        Some(port) => {
            let digits = port.bytes().all(|c| c.is_ascii_digit());
            digits.then(|| port.parse().ok()).flatten().map(|port| (host, Some(port)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(header: &str) -> Asked {
        parse_host(header, false).unwrap()
    }

    #[test]
    fn hosts_are_taken_apart() {
        for (header, host, port) in [
            ("127.0.0.1:8002", "127.0.0.1", 8002),
            ("LocalHost", "localhost", 80),
            ("[::1]:8002", "[::1]", 8002),
            ("[2001:DB8::1]", "[2001:db8::1]", 80),
            ("camera.example.org:1", "camera.example.org", 1),
        ] {
            assert_eq!(
                parse_host(header, false),
                Some(Asked { host: host.into(), port, secure: false }),
                "{header}"
            );
        }
        for bad in [
            "", ":80", "a:", "a:x", "a:+1", "a:70000", "a b", "a/b", "u@a", "[::1", "[x]:1", "[::1]x", "::1",
            "a:1:2",
        ] {
            assert_eq!(parse_host(bad, false), None, "{bad:?}");
        }
    }

    #[test]
    fn only_our_own_names() {
        let allowed = ["Camera.example.org".to_owned()];
        for good in ["127.0.0.1:8002", "192.168.1.7", "[::1]:8002", "localhost:8002", "camera.EXAMPLE.org"] {
            assert!(is_ours(&asked(good), &allowed), "{good}");
        }
        for bad in
            ["evil.example", "localhost.evil.example", "camera.example.org.evil", "0x7f000001", "127.1"]
        {
            assert!(!is_ours(&asked(bad), &allowed), "{bad}");
        }
    }

    #[test]
    fn only_our_own_pages() {
        let allowed = ["https://console.example.org".to_owned()];
        let host = asked("localhost:8002");
        for good in ["http://localhost:8002", "HTTP://LOCALHOST:8002", "https://console.example.org"] {
            assert!(may_connect(good, &host, &allowed), "{good}");
        }
        for bad in [
            "null",
            "",
            "http://localhost",
            "http://localhost:8003",
            "https://localhost:8002",
            "http://evil.example:8002",
            "http://localhost:8002.evil.example",
            "http://localhost:8002/",
            "https://console.example.org:444",
        ] {
            assert!(!may_connect(bad, &host, &allowed), "{bad}");
        }
        assert!(may_connect("http://cam", &asked("cam"), &[]));
        assert!(may_connect("http://cam:80", &asked("cam"), &[]));
        assert!(!may_connect("http://cam", &asked("cam:8002"), &[]));
        let secure = parse_host("cam", true).unwrap();
        assert!(may_connect("https://cam", &secure, &[]) && may_connect("https://cam:443", &secure, &[]));
        assert!(!may_connect("http://cam", &secure, &[]) && !may_connect("https://cam:80", &secure, &[]));
    }

    #[test]
    fn configured_names_and_origins() {
        assert!(is_origin("https://a.example") && is_origin("http://a:8080") && is_origin("http://[::1]:1"));
        for bad in ["a.example", "https://", "https://a/", "https://a b", "://a"] {
            assert!(!is_origin(bad), "{bad}");
        }
        assert!(is_host_name("a.example") && !is_host_name("a:1") && !is_host_name(""));
    }
}
