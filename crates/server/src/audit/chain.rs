//! The chain: each line's MAC covers the line and the MAC before it, so that no line can be changed,
//! removed or moved without the key. Knows no file but the key's.

use std::{fmt, path::Path};

use aws_lc_rs::hmac;

use crate::security::{Secret, hex, make_secret, unhex};

/// HMAC-SHA-256 (RFC 2104).
pub(crate) type Mac = [u8; 32];

/// How far the chain goes: which line is its last, and that line's MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Lines written since the first one ever; the last one's `seq`.
    pub(crate) count: u64,
    pub(crate) mac: Mac,
}

impl Head {
    /// Before the first line.
    pub(crate) const NONE: Self = Self { count: 0, mac: [0; 32] };

    /// Reads `COUNT:MAC`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (count, mac) = text.split_once(':')?;
        Some(Self { count: number(count)?, mac: unhex(mac)? })
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.count, hex(&self.mac))
    }
}

/// A number as we write it: digits, no sign, no leading zero.
pub(crate) fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|c| c.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

/// What the chain is made with: a key of its own, so that who may sign tokens cannot forge lines.
#[derive(Debug, Clone)]
pub(crate) struct Key(hmac::Key);

impl Key {
    fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The one in the data folder. Never makes one: what it would verify was written with another.
    pub(crate) fn load(data_dir: &Path) -> Result<Self, String> {
        Secret::from_file(&data_dir.join("audit.key")).map(|secret| Self::new(secret.bytes()))
    }

    /// The one in the data folder, made at the first start.
    pub(crate) fn load_or_make(data_dir: &Path) -> Result<Self, String> {
        make_secret(&data_dir.join("audit.key")).map(|(secret, _)| Self::new(secret.bytes()))
    }

    /// The MAC of a line: over the 32 bytes of the MAC before it, then the line's own.
    pub(crate) fn seal(&self, previous: &Mac, body: &str) -> Mac {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(previous);
        context.update(body.as_bytes());
        let mut mac = Mac::default();
        mac.copy_from_slice(context.sign().as_ref());
        mac
    }

    #[cfg(test)]
    pub(super) fn for_tests() -> Self {
        Self::new(&[7; 32])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_head_one_form() {
        let head = Head { count: 12, mac: std::array::from_fn(|n| n as u8 * 7) };
        let text = head.to_string();
        assert_eq!(Head::parse(&text), Some(head));
        for wrong in
            ["", "12", "x:00", "012:00", &text[1..][1..], &text[..text.len() - 1], &text.to_uppercase()]
        {
            assert_eq!(Head::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_seal_depends_on_all_it_covers() {
        let (one, other) = (Key::new(&[1; 32]), Key::new(&[2; 32]));
        let seal = one.seal(&[0; 32], "{\"a\":1");
        assert_eq!(seal, one.seal(&[0; 32], "{\"a\":1"));
        for different in
            [one.seal(&[1; 32], "{\"a\":1"), one.seal(&[0; 32], "{\"a\":2"), other.seal(&[0; 32], "{\"a\":1")]
        {
            assert_ne!(seal, different);
        }
    }

    #[test]
    fn the_key_is_made_once_and_shown_to_nobody() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Key::load(dir.path()).unwrap_err().contains("audit.key"));
        let made = Key::load_or_make(dir.path()).unwrap();
        let again = Key::load_or_make(dir.path()).unwrap();
        let loaded = Key::load(dir.path()).unwrap();
        let seal = made.seal(&[0; 32], "x");
        assert!(seal == again.seal(&[0; 32], "x") && seal == loaded.seal(&[0; 32], "x"));
        let text = std::fs::read_to_string(dir.path().join("audit.key")).unwrap();
        assert!(text.trim().len() == 64 && !format!("{made:?}").contains(text.trim()));
    }
}
