//! The key pairs by which MediaMTX knows our tickets: it fetches the public halves, and believes what the private
//! ones have signed. Two are published, one signs: so a pair that begins to sign is known already, whenever the
//! keys were fetched. Nothing signed here opens any call of ours, which believe one shared secret only.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use control::CameraId;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Principal, holder_name, private_file,
    ticket::{MAX_CHARS, Ticket, end_of},
};

/// File in the data folder.
const FILE: &str = "media_keys";
/// Larger than any we write.
const MAX_FILE_BYTES: u64 = 4096;
/// How long a token for MediaMTX's API is good: each is for one request.
const CALL_LIFE: Duration = Duration::from_mins(1);
/// How long a pair signs before the next one does.
const TERM: Duration = Duration::from_hours(24 * 30);
/// Whom tickets are for.
const AUDIENCE: &str = "mediamtx";

/// Signs tickets and calls.
pub(crate) struct MediaKeys {
    file: PathBuf,
    ring: Mutex<Ring>,
}

struct Ring {
    since: SystemTime,
    signs: Pair,
    next: Pair,
    /// Signed until lately: its tickets may still be on their way.
    before: Option<Pair>,
}

struct Pair {
    /// PKCS #8.
    private: Vec<u8>,
    id: String,
    /// The point's coordinates, as RFC 7518 section 6.2.1 writes them.
    x: String,
    y: String,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    since_s: u64,
    signs: String,
    next: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    sub: String,
    exp: u64,
    mediamtx_permissions: Vec<Value>,
}

impl Pair {
    fn make() -> Result<Self, String> {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        Self::of(made.map_err(|_| "no key can be made")?.as_ref().to_vec())
    }

    fn of(private: Vec<u8>) -> Result<Self, String> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private);
        let pair = pair.map_err(|_| "not a private key for ES256")?;
        // SEC 1 section 2.3.3: 4, then both coordinates.
        let point = pair.public_key().as_ref();
        let (x, y) = point.get(1..).ok_or("no public key")?.split_at(point.len() / 2);
        let digest = digest::digest(&digest::SHA256, point);
        let id = &digest.as_ref()[..6];
        let coded = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        Ok(Self { id: coded(id), x: coded(x), y: coded(y), private })
    }

    /// RFC 7517 section 4 and RFC 7518 section 6.2.1.
    fn public(&self) -> Value {
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id, "x": self.x, "y": self.y})
    }
}

impl MediaKeys {
    /// Where they are kept.
    pub(crate) fn file(data_dir: &Path) -> PathBuf {
        data_dir.join(FILE)
    }

    /// Reads the keys in the data folder, or makes them.
    pub(crate) fn open(data_dir: &Path, now: SystemTime) -> Result<Self, String> {
        if let Some(keys) = Self::kept(data_dir)? {
            return Ok(keys);
        }
        let file = Self::file(data_dir);
        let ring = Ring { since: now, signs: Pair::make()?, next: Pair::make()?, before: None };
        keep(&file, &ring).map_err(|cause| format!("{}: {cause}", file.display()))?;
        Ok(Self { file, ring: Mutex::new(ring) })
    }

    /// Reads the keys in the data folder; `None`: there are none yet.
    pub(crate) fn kept(data_dir: &Path) -> Result<Option<Self>, String> {
        let file = Self::file(data_dir);
        let shown = file.display().to_string();
        let failed = |what: &dyn std::fmt::Display| format!("{shown}: {what}");
        let kept = private_file::read(&file, MAX_FILE_BYTES).map_err(|cause| failed(&cause))?;
        let Some(text) = kept else { return Ok(None) };
        let kept: Kept = serde_json::from_str(&text).map_err(|cause| failed(&cause))?;
        let plain = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|cause| failed(&cause));
        let pair = |text: &str| Pair::of(plain(text)?).map_err(|what| failed(&what));
        let since = UNIX_EPOCH + Duration::from_secs(kept.since_s);
        let ring = Ring { since, signs: pair(&kept.signs)?, next: pair(&kept.next)?, before: None };
        Ok(Some(Self { file, ring: Mutex::new(ring) }))
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the next pair sign when the time of the present one is over; was it? MediaMTX must then fetch the
    /// keys anew, before the time of that one is over too.
    pub(crate) fn rotate(&self, now: SystemTime) -> Result<bool, String> {
        let mut ring = self.ring();
        if now.duration_since(ring.since).unwrap_or_default() < TERM {
            return Ok(false);
        }
        let after = Pair::make()?;
        let next = std::mem::replace(&mut ring.next, after);
        ring.before = Some(std::mem::replace(&mut ring.signs, next));
        ring.since = now;
        keep(&self.file, &ring).map_err(|cause| format!("{}: {cause}", self.file.display()))?;
        Ok(true)
    }

    /// The public halves: what signs, what will, and what did (RFC 7517 section 5).
    pub(crate) fn public(&self) -> Value {
        let ring = self.ring();
        let pairs = [Some(&ring.signs), Some(&ring.next), ring.before.as_ref()];
        json!({"keys": pairs.into_iter().flatten().map(Pair::public).collect::<Vec<_>>()})
    }

    /// A ticket to read one camera's path. `None`: the principal's name is too long for an address.
    pub(crate) fn ticket(&self, principal: &Principal, camera: CameraId, now: SystemTime) -> Option<Ticket> {
        let expires_at = end_of(principal, now);
        let may = json!({"action": "read", "path": camera.to_string()});
        let token = self.sign(holder_name(principal), expires_at, may)?;
        (token.len() <= MAX_CHARS).then_some(Ticket { token, expires_at })
    }

    /// A token for one call of MediaMTX's API.
    pub(crate) fn api_token(&self, now: SystemTime) -> Option<String> {
        self.sign("camera-service".into(), now + CALL_LIFE, json!({"action": "api"}))
    }

    fn sign(&self, sub: String, expires_at: SystemTime, may: Value) -> Option<String> {
        let exp = expires_at.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let claims = Claims { aud: AUDIENCE.into(), sub, exp, mediamtx_permissions: vec![may] };
        let ring = self.ring();
        let header = Header { kid: Some(ring.signs.id.clone()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ec_der(&ring.signs.private)).ok()
    }

    /// In whose name the ticket in the query of an address let somebody in, however long ago.
    pub(crate) fn holder_in(&self, query: &str) -> Option<String> {
        let mut rules = Validation::new(Algorithm::ES256);
        rules.set_audience(&[AUDIENCE]);
        rules.validate_exp = false;
        let ring = self.ring();
        let pairs = [Some(&ring.signs), ring.before.as_ref()];
        query.split('&').filter_map(|member| member.split_once('=')).find_map(|(name, token)| {
            if name != "jwt" && name != "token" {
                return None;
            }
            pairs.into_iter().flatten().find_map(|pair| {
                let key = DecodingKey::from_ec_components(&pair.x, &pair.y).ok()?;
                Some(jsonwebtoken::decode::<Claims>(token, &key, &rules).ok()?.claims.sub)
            })
        })
    }
}

fn keep(file: &Path, ring: &Ring) -> std::io::Result<()> {
    let since_s = ring.since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let coded = |pair: &Pair| BASE64_URL_SAFE_NO_PAD.encode(&pair.private);
    let kept = Kept { since_s, signs: coded(&ring.signs), next: coded(&ring.next) };
    private_file::replace(file, &serde_json::to_string(&kept)?)
}

#[cfg(test)]
#[path = "media_keys_tests.rs"]
mod tests;
