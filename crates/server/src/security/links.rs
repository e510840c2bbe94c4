//! Links that carry their own permission: one file, for a quarter of an hour, in the name of whoever was
//! given it. Signing and reading; whether that caller is still welcome is asked at each use.

use std::time::{Duration, SystemTime};

use aws_lc_rs::{hkdf, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use control::CameraId;
use serde::{Deserialize, Serialize};

use super::{
    Principal, Scope, Secret,
    ticket::{Holder, milliseconds},
};

/// How long a link is good.
const LIFE: Duration = Duration::from_mins(15);
/// Longer than any link of ours; nothing longer is looked at.
const MAX_BYTES: usize = 2048;
/// Tells this use of the secret from all others, and this form of a link from later ones.
const LABEL: &[u8] = b"camera-service download link 1";

/// Which of the two folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folder {
    Recordings,
    Snapshots,
}

impl Folder {
    /// As it stands in a path.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Recordings => "recordings",
            Self::Snapshots => "snapshots",
        }
    }
}

/// Signs and reads links.
pub(crate) struct Links(hmac::Key);

/// What a link says: until when (in milliseconds), whose file, in whose name. JSON, as short as it can be.
#[derive(Serialize, Deserialize)]
struct Said(u64, u16, Holder);

impl Links {
    /// The key is derived from the secret that signs tokens (RFC 5869): neither tells of the other.
    pub(crate) fn new(secret: &Secret) -> Self {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, LABEL).extract(secret.bytes());
        let derived = extracted.expand(&[LABEL], hmac::HMAC_SHA256);
        Self(derived.expect("one hash's length is never too long for HKDF").into())
    }

    /// Path and query of a link that `principal` may hand on.
    pub(crate) fn url(
        &self,
        principal: &Principal,
        folder: Folder,
        filename: &str,
        device: CameraId,
        now: SystemTime,
    ) -> String {
        let end = principal.ends_at.map_or(now + LIFE, |ends_at| ends_at.min(now + LIFE));
        let said = Said(milliseconds(end), device.0, Holder::of(principal));
        let said = serde_json::to_vec(&said).expect("texts and numbers can be written as JSON");
        let said = URL_SAFE_NO_PAD.encode(said);
        let mac = URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, &signed(folder, filename, &said)));
        format!("/files/{}/{}?link={said}.{mac}", folder.as_str(), encoded(filename))
    }

    /// In whose name a link to this file was made: a principal that knows of the one camera it was of.
    /// `None`: not by us, not for this file, or too long ago.
    pub(crate) fn read(
        &self,
        link: &str,
        folder: Folder,
        filename: &str,
        now: SystemTime,
    ) -> Option<Principal> {
        if link.len() > MAX_BYTES {
            return None;
        }
        let (said, mac) = link.split_once('.')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        // Takes the same time wherever they differ.
        hmac::verify(&self.0, &signed(folder, filename, said), &mac).ok()?;
        let Said(end, device, holder) = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(said).ok()?).ok()?;
        let principal = holder.principal(Scope::Only([CameraId(device)].into()))?;
        (milliseconds(now) < end).then_some(principal)
    }
}

/// What is signed. No file name holds a `/`, so no two links share it.
fn signed(folder: Folder, filename: &str, said: &str) -> Vec<u8> {
    format!("{}/{filename}/{said}", folder.as_str()).into_bytes()
}

/// A name as one segment of a path (RFC 3986 section 2.3).
pub(crate) fn encoded(name: &str) -> String {
    name.bytes().fold(String::with_capacity(name.len()), |text, byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            text + &char::from(byte).to_string()
        }
        _ => format!("{text}%{byte:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::json;

    use super::*;
    use crate::security::{Credential, Role};

    const NOW: SystemTime = UNIX_EPOCH;
    const CAMERA: CameraId = CameraId(3);

    fn links(secret: &str) -> Links {
        Links::new(&Secret::new(secret).unwrap())
    }

    fn ours() -> Links {
        links("a secret for tests, of more than 32 bytes")
    }

    fn ann(ends_at: Option<SystemTime>) -> Principal {
        Principal {
            user: "ann, \"the\" operator".into(),
            role: Role::Operator,
            scope: Scope::All,
            credential: Credential::Token {
                id: Some("0a".into()),
                issued_at: NOW + Duration::from_millis(7),
            },
            expires_at: ends_at,
            ends_at,
        }
    }

    fn link(url: &str) -> &str {
        url.split_once("?link=").unwrap().1
    }

    #[test]
    fn a_link_tells_for_whom_it_was_made() {
        let url = ours().url(&ann(None), Folder::Recordings, "a b.mp4", CAMERA, NOW);
        assert!(url.starts_with("/files/recordings/a%20b.mp4?link="), "{url}");
        let found = ours().read(link(&url), Folder::Recordings, "a b.mp4", NOW).unwrap();
        assert_eq!(found, Principal { scope: Scope::Only([CAMERA].into()), ..ann(None) });
        let key = Principal { credential: Credential::Key { id: "k1".into() }, ..ann(None) };
        let url = ours().url(&key, Folder::Recordings, "a.mp4", CAMERA, NOW);
        let found = ours().read(link(&url), Folder::Recordings, "a.mp4", NOW).unwrap();
        assert_eq!(found.credential, key.credential);
    }

    #[test]
    fn it_is_good_for_one_file_and_a_quarter_of_an_hour() {
        let url = ours().url(&ann(None), Folder::Recordings, "a.mp4", CAMERA, NOW);
        let read = |folder, name, at| ours().read(link(&url), folder, name, NOW + at);
        assert!(read(Folder::Recordings, "a.mp4", Duration::from_millis(899_999)).is_some());
        assert!(read(Folder::Recordings, "a.mp4", LIFE).is_none());
        assert!(read(Folder::Recordings, "b.mp4", Duration::ZERO).is_none());
        assert!(read(Folder::Snapshots, "a.mp4", Duration::ZERO).is_none());
        let minute = Duration::from_mins(1);
        let short = ours().url(&ann(Some(NOW + minute)), Folder::Recordings, "a.mp4", CAMERA, NOW);
        let read = |at| ours().read(link(&short), Folder::Recordings, "a.mp4", at);
        assert!(read(NOW).is_some() && read(NOW + minute).is_none());
    }

    #[test]
    fn nothing_else_is_a_link() {
        let url = ours().url(&ann(None), Folder::Snapshots, "a.jpg", CAMERA, NOW);
        let good = link(&url);
        let read = |text: &str| ours().read(text, Folder::Snapshots, "a.jpg", NOW);
        assert!(read(good).is_some());
        for at in 0..good.len() {
            let other = if good.as_bytes()[at] == b'A' { "B" } else { "A" };
            let bent = format!("{}{other}{}", &good[..at], &good[at + 1..]);
            assert!(read(&bent).is_none(), "{bent}");
        }
        let (said, mac) = good.split_once('.').unwrap();
        for bad in ["", ".", said, mac, &format!("{said}."), &format!(".{mac}"), &good[..good.len() - 4]] {
            assert!(read(bad).is_none(), "{bad}");
        }
        assert!(read(&"x".repeat(MAX_BYTES + 1)).is_none());
        let other = links("another secret for tests, of 32 bytes").url(
            &ann(None),
            Folder::Snapshots,
            "a.jpg",
            CAMERA,
            NOW,
        );
        assert!(read(link(&other)).is_none());
    }

    #[test]
    fn the_key_is_not_the_one_of_tokens() {
        let text = "a secret for tests, of more than 32 bytes";
        let said =
            URL_SAFE_NO_PAD.encode(json!([u64::MAX, 3, {"u": "eve", "r": "admin", "i": 0}]).to_string());
        let key = hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes());
        let mac = URL_SAFE_NO_PAD.encode(hmac::sign(&key, &signed(Folder::Snapshots, "a.jpg", &said)));
        assert!(links(text).read(&format!("{said}.{mac}"), Folder::Snapshots, "a.jpg", NOW).is_none());
    }
}
