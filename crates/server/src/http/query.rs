//! The query of a request, read strictly: each member once, and none that nobody asked for. It is never
//! logged: a link stands in it.

use std::collections::BTreeMap;

use crate::wire::Error;

/// Members at most: more than any route knows.
const MAX_MEMBERS: usize = 16;

/// Members that have not been read yet.
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn read(text: Option<&str>) -> Result<Self, Error> {
        let bad = |rule, reason: &str| Err(Error::param("query", rule, reason));
        let mut members = BTreeMap::new();
        for member in text.unwrap_or_default().split('&').filter(|member| !member.is_empty()) {
            let (name, value) = member.split_once('=').unwrap_or((member, ""));
            let (Some(name), Some(value)) = (decoded(name), decoded(value)) else {
                return bad("encoding", "a query is UTF-8, percent-encoded");
            };
            if members.len() == MAX_MEMBERS || members.insert(name, value).is_some() {
                return bad("unique", "each member of a query stands there once");
            }
        }
        Ok(Self(members))
    }

    /// Takes a member.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// Takes a whole number. The range is for whoever needs it to know.
    pub(super) fn number(&mut self, name: &'static str) -> Result<Option<u64>, Error> {
        let Some(text) = self.0.remove(name) else { return Ok(None) };
        let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        match digits.then(|| text.parse().ok()).flatten() {
            Some(number) => Ok(Some(number)),
            None => Err(Error::param(name, "type", "must be a whole number")),
        }
    }

    /// Nothing may be left.
    pub(super) fn finish(self) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        // Not repeated: it may be anything.
        Err(Error::param("query", "unknown", "this address has no such member in its query"))
    }
}

/// Decodes percent signs and plus signs; `None`: malformed, or no UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_once() {
        let mut query = Query::read(Some("a=1&b=%2e%2E+x&&c")).unwrap();
        assert_eq!(query.number("a"), Ok(Some(1)));
        assert_eq!((query.take("b"), query.take("b")), (Some(".. x".into()), None));
        assert_eq!(query.take("c"), Some(String::new()));
        assert!(query.finish().is_ok());
        assert!(Query::read(None).unwrap().finish().is_ok());
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for bad in ["a=1&a=2", "a=%", "a=%2", "a=%zz", "a=%ff", &"x&".repeat(2), &many()] {
            assert!(Query::read(Some(bad)).is_err(), "{bad}");
        }
        for bad in ["a=", "a=-1", "a=1.5", "a=99999999999999999999", "a=x"] {
            assert!(Query::read(Some(bad)).unwrap().number("a").is_err(), "{bad}");
        }
        assert!(Query::read(Some("a=1")).unwrap().finish().is_err());
    }

    fn many() -> String {
        (0..=MAX_MEMBERS).fold(String::new(), |text, n| format!("{text}m{n}=1&"))
    }
}
