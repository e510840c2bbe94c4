//! Tickets: a few minutes in which a player may begin to watch one camera, in the name of whoever asked
//! for its address. Short, since players cut long addresses off; of no use for any call.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use control::CameraId;
use serde::{Deserialize, Serialize};

use super::{Credential, Principal, Role, Scope, Secret};

/// How long a ticket is good to begin with; what was begun goes on.
pub(super) const LIFE: Duration = Duration::from_mins(5);
/// What tells a ticket from other credentials, and this kind from later ones. No token can begin so.
const PREFIX: &str = "mt1.";
/// Makes a key of its own of the secret that signs tokens: neither can be taken for the other.
const LABEL: &[u8] = b"camera-service media ticket 1";
/// Half of HMAC-SHA-256, which is as much as RFC 2104 section 5 lets go.
const MAC_BYTES: usize = 16;
/// ffmpeg fails on addresses near 1,000 characters.
pub(super) const MAX_CHARS: usize = 900;

/// A new ticket. It has no `Debug`: it is a credential.
pub(crate) struct Ticket {
    pub(crate) token: String,
    pub(crate) expires_at: SystemTime,
}

/// Issues and reads tickets.
pub(crate) struct Tickets(hmac::Key);

/// What a ticket says: which camera, until which second, in whose name. JSON, as short as it can be.
#[derive(Serialize, Deserialize)]
struct Said(u16, u64, Holder);

/// A principal in as few letters as possible. Times in milliseconds.
#[derive(Serialize, Deserialize)]
pub(super) struct Holder {
    #[serde(rename = "u")]
    user: String,
    #[serde(rename = "r")]
    role: String,
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// When it was issued; of a token.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    issued_ms: Option<u64>,
    /// An API key's id.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    ends_ms: Option<u64>,
}

impl Tickets {
    pub(crate) fn new(secret: &Secret) -> Self {
        let parent = hmac::Key::new(hmac::HMAC_SHA256, secret.bytes());
        Self(hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&parent, LABEL).as_ref()))
    }

    /// A ticket for `camera`, which must be in the principal's scope. `None`: their name is too long for an
    /// address.
    pub(crate) fn issue(&self, principal: &Principal, camera: CameraId, now: SystemTime) -> Option<Ticket> {
        let end_s = seconds(end_of(principal, now));
        let said = serde_json::to_vec(&Said(camera.0, end_s, Holder::of(principal))).ok()?;
        let mac = hmac::sign(&self.0, &said);
        let coded = BASE64_URL_SAFE_NO_PAD.encode([&mac.as_ref()[..MAC_BYTES], &said].concat());
        let expires_at = UNIX_EPOCH + Duration::from_secs(end_s);
        (coded.len() <= MAX_CHARS).then(|| Ticket { token: format!("{PREFIX}{coded}"), expires_at })
    }

    /// Is this meant to be a ticket, rather than another credential?
    pub(crate) fn looks_like_one(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// In whose name a ticket lets somebody in: a principal that may know of one camera. An error says why
    /// not, for whoever showed it.
    pub(crate) fn open(&self, ticket: &str, now: SystemTime) -> Result<Principal, &'static str> {
        const FORGED: &str = "the ticket is not one of this service";
        const EXPIRED: &str = "the ticket has expired";
        let coded = ticket.strip_prefix(PREFIX).filter(|coded| coded.len() <= MAX_CHARS).ok_or(FORGED)?;
        let plain = BASE64_URL_SAFE_NO_PAD.decode(coded).map_err(|_| FORGED)?;
        let (mac, said) = plain.split_at_checked(MAC_BYTES).ok_or(FORGED)?;
        let right = hmac::sign(&self.0, said);
        verify_slices_are_equal(mac, &right.as_ref()[..MAC_BYTES]).map_err(|_| FORGED)?;
        let Said(camera, end_s, holder) = serde_json::from_slice(said).map_err(|_| FORGED)?;
        let principal = holder.principal(Scope::Only([CameraId(camera)].into())).ok_or(FORGED)?;
        if seconds(now) >= end_s || principal.is_over(now) { Err(EXPIRED) } else { Ok(principal) }
    }
}

/// Until when a ticket is good that is made now: no longer than whoever it is made for.
pub(super) fn end_of(principal: &Principal, now: SystemTime) -> SystemTime {
    let end = now + LIFE;
    principal.ends_at.map_or(end, |ends_at| ends_at.min(end))
}

/// The name in which a viewer watches: enough to tell later whether the credential behind it is still good.
pub(crate) fn holder_name(principal: &Principal) -> String {
    serde_json::to_string(&Holder::of(principal)).expect("texts and numbers can be written as JSON")
}

/// Who watches in this name; cameras are not part of it.
pub(crate) fn holder_of(name: &str) -> Option<Principal> {
    serde_json::from_str::<Holder>(name).ok()?.principal(Scope::Only([].into()))
}

impl Holder {
    pub(super) fn of(principal: &Principal) -> Self {
        let (id, issued_ms, key) = match &principal.credential {
            Credential::Token { id, issued_at } => (id.clone(), Some(milliseconds(*issued_at)), None),
            Credential::Key { id } => (None, None, Some(id.clone())),
        };
        Self {
            user: principal.user.clone(),
            role: principal.role.as_str().to_owned(),
            id,
            issued_ms,
            key,
            ends_ms: principal.ends_at.map(milliseconds),
        }
    }

    pub(super) fn principal(self, scope: Scope) -> Option<Principal> {
        let time = |ms| UNIX_EPOCH + Duration::from_millis(ms);
        let ends_at = self.ends_ms.map(time);
        let credential = match self.key {
            Some(id) => Credential::Key { id },
            None => Credential::Token { id: self.id, issued_at: time(self.issued_ms?) },
        };
        Some(Principal {
            user: self.user,
            role: Role::parse(&self.role)?,
            scope,
            credential,
            expires_at: ends_at,
            ends_at,
        })
    }
}

/// Since 1970.
pub(super) fn milliseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
#[path = "ticket_tests.rs"]
mod tests;
