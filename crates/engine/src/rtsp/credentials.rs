//! What a viewer shows to be let in: read here, judged by whoever knows secrets. It is never printed.

use std::fmt;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::uri::decode;

/// Some players leave out the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Names under which an address may hold a secret.
const QUERY_NAMES: [&str; 2] = ["ticket", "token"];

/// What came with a request. `Debug` does not show a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    None,
    /// A header that cannot be read, or of a scheme that is not served.
    Unreadable,
    /// The password of Basic (RFC 7617; the user's name counts for nothing), or `ticket` or `token` in the
    /// address.
    Secret(String),
}

impl Credentials {
    /// The header goes before the address: a player sends it because it was asked for one.
    pub(super) fn read(authorization: Option<&str>, query: Option<&str>) -> Self {
        match authorization {
            Some(header) => basic(header).map_or(Self::Unreadable, Self::Secret),
            None => query.and_then(in_query).unwrap_or(Self::None),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Unreadable => "Unreadable",
            Self::Secret(_) => "Secret(hidden)",
        })
    }
}

fn basic(header: &str) -> Option<String> {
    let (scheme, coded) = header.split_once(' ')?;
    let plain = BASE64.decode(coded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("Basic"))?;
    let plain = String::from_utf8(plain).ok()?;
    plain.split_once(':').map(|(_, password)| password.to_owned())
}

fn in_query(query: &str) -> Option<Credentials> {
    let mut members = query.split('&').filter_map(|member| member.split_once('='));
    let (_, value) = members.find(|(name, _)| QUERY_NAMES.contains(name))?;
    Some(decode(value).map_or(Credentials::Unreadable, Credentials::Secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown() {
        let secret = |text: &str| Credentials::Secret(text.into());
        for (header, query, shown) in [
            (None, None, Credentials::None),
            (None, Some("a=b&tickets=1"), Credentials::None),
            (None, Some("a=b&ticket=x.y%2Dz"), secret("x.y-z")),
            (None, Some("token=t&ticket=u"), secret("t")),
            (None, Some("ticket=%zz"), Credentials::Unreadable),
            (None, Some("ticket="), secret("")),
            (Some("Basic bWU6cDpx"), None, secret("p:q")),
            (Some("basic   bWU6cDpx"), Some("ticket=t"), secret("p:q")),
            // `me:pwd` with and without its padding.
            (Some("Basic OnB3"), None, secret("pw")),
            (Some("Basic bTpwdw=="), None, secret("pw")),
            (Some("Basic bTpwdw"), None, secret("pw")),
            (Some("Basic bm9ib2R5"), None, Credentials::Unreadable),
            (Some("Basic ???"), Some("ticket=t"), Credentials::Unreadable),
            (Some("Digest username=\"me\""), None, Credentials::Unreadable),
            (Some(""), None, Credentials::Unreadable),
        ] {
            assert_eq!(Credentials::read(header, query), shown, "{header:?} {query:?}");
        }
        assert!(!format!("{:?}", secret("hunter2")).contains("hunter2"));
    }
}
