//! A camera's address that cannot leak its password: neither `Display` nor `Debug` prints it.

use std::fmt;

/// An address such as `rtsp://user:secret@host/path`.
#[derive(Clone, PartialEq, Eq)]
pub struct SafeUrl(String);

impl SafeUrl {
    /// Wraps an address; it is not checked here.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The whole address with its credentials. Easy to grep for, so use it only where it is dialled.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// `scheme://host…` with the user part replaced and the query dropped (some cameras take the
    /// password there).
    fn redacted(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return "***".into();
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        // An unescaped `/` in a password ends the authority early; what then holds an `@` later is
        // not a path anybody wants to see.
        if path.contains('@') {
            return format!("{scheme}://***");
        }
        match authority.rsplit_once('@') {
            Some((_, host)) => format!("{scheme}://***@{host}{path}"),
            None => format!("{scheme}://{authority}{path}"),
        }
    }
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl fmt::Debug for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SafeUrl({})", self.redacted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_a_password_is_printed() {
        for (url, shown) in [
            ("rtsp://10.0.0.5:554/live", "rtsp://10.0.0.5:554/live"),
            ("rtsp://admin:hunter2@10.0.0.5/live", "rtsp://***@10.0.0.5/live"),
            ("rtsp://admin:hun@ter2@10.0.0.5/live", "rtsp://***@10.0.0.5/live"),
            ("rtsp://admin:hunter2/x@10.0.0.5/live", "rtsp://***"),
            ("rtsp://10.0.0.5/live?user=a&pwd=hunter2", "rtsp://10.0.0.5/live"),
            ("hunter2", "***"),
        ] {
            let url = SafeUrl::new(url);
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?} {url}").contains("hunter2"));
        }
    }
}
