//! API keys: how one is made, what of it is kept, how one that is shown is judged, and the text of the
//! file they are kept in. Pure: time, random numbers apart, and text come in; `keyring` has the file.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use serde::{Deserialize, Serialize};

use super::{Credential, Principal, Role, Scope, hex, unhex};

/// How every key begins; no token does.
const PREFIX: &str = "cs_";
/// Longer than any key of ours; nothing longer is looked at.
const MAX_KEY_BYTES: usize = 128;
/// Keys kept at most, dead ones included.
pub(super) const MAX_KEYS: usize = 1000;
/// Cameras one key may name.
pub(crate) const MAX_CAMERAS: usize = 256;
/// Longest name, as logs and lists show it.
pub(crate) const MAX_NAME_CHARS: usize = 64;
/// Layout of the file that this version writes.
const SCHEMA_VERSION: u32 = 1;

/// One key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiKey {
    pub(crate) id: String,
    /// Whose it is, for the log.
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) scope: Scope,
    pub(crate) created_at: SystemTime,
    pub(crate) last_used_at: Option<SystemTime>,
    pub(crate) expires_at: Option<SystemTime>,
    pub(crate) revoked: bool,
    check: Check,
}

/// By what a key is recognised. A plain hash is enough: a secret of 256 random bits cannot be guessed,
/// slowly or fast, which is what a slow hash would be against. The salt keeps two files from being
/// compared with each other.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Check {
    salt: [u8; 16],
    hash: [u8; 32],
}

/// What a new key is to be.
#[derive(Debug, Clone)]
pub(crate) struct KeyOrder {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) scope: Scope,
    pub(crate) expires_at: Option<SystemTime>,
}

/// A new key, and its text, which is told once.
#[derive(Clone)]
pub(crate) struct NewKey {
    pub(crate) key: ApiKey,
    pub(crate) text: String,
}

/// Why there is no new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoKey {
    /// As many as there may be.
    Full,
    /// No random numbers.
    Random(String),
}

/// All keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Book(BTreeMap<String, ApiKey>);

/// Could this be a key? Then it is not a token.
pub(crate) fn looks_like_key(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Is this a name for a key? If not, what one is.
pub(crate) fn judge_name(name: &str) -> Result<(), &'static str> {
    let plain = !name.trim().is_empty() && !name.chars().any(char::is_control);
    if plain && name.chars().count() <= MAX_NAME_CHARS {
        Ok(())
    } else {
        Err("must be a name of 1 to 64 characters on one line")
    }
}

impl Check {
    fn of(salt: [u8; 16], text: &str) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&salt);
        context.update(text.as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self { salt, hash }
    }

    /// Takes the same time wherever the first difference is.
    fn fits(&self, text: &str) -> bool {
        verify_slices_are_equal(&Self::of(self.salt, text).hash, &self.hash).is_ok()
    }
}

impl ApiKey {
    /// Is it good at `now`? If not, why; that may be told to whoever holds it.
    pub(super) fn judge(&self, now: SystemTime) -> Result<(), &'static str> {
        if self.revoked {
            return Err("the API key was revoked");
        }
        // No leeway: our own clock wrote it.
        match self.expires_at {
            Some(at) if now >= at => Err("the API key has expired"),
            _ => Ok(()),
        }
    }

    /// Who its holder is.
    fn principal(&self) -> Principal {
        Principal {
            user: self.name.clone(),
            role: self.role,
            scope: self.scope.clone(),
            credential: Credential::Key { id: self.id.clone() },
            expires_at: self.expires_at,
            ends_at: self.expires_at,
        }
    }

    /// Does it still give what it gave when it was shown? A ticket has a part of its scope.
    pub(super) fn still_gives(&self, principal: &Principal) -> bool {
        self.role >= principal.role && self.scope.includes(&principal.scope)
    }
}

impl Book {
    /// Who holds the key of this text.
    pub(super) fn verify(&self, text: &str, now: SystemTime) -> Result<Principal, &'static str> {
        let unknown = "there is no such API key";
        if text.len() > MAX_KEY_BYTES {
            return Err(unknown);
        }
        let id = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).map(|(id, _)| id);
        let found = id.and_then(|id| self.0.get(id));
        // As much work for a key that is not there: nobody can find out ids by a watch.
        let nobody = Check { salt: [0; 16], hash: [0; 32] };
        let fits = found.map_or(&nobody, |key| &key.check).fits(text);
        let key = found.filter(|_| fits).ok_or(unknown)?;
        key.judge(now).map(|()| key.principal())
    }

    pub(super) fn get(&self, id: &str) -> Option<&ApiKey> {
        self.0.get(id)
    }

    /// Oldest first.
    pub(super) fn list(&self) -> Vec<ApiKey> {
        let mut keys: Vec<ApiKey> = self.0.values().cloned().collect();
        keys.sort_by_key(|key| key.created_at);
        keys
    }

    /// Makes a key. Where there is no room, the oldest dead one makes place.
    pub(super) fn create(&mut self, order: KeyOrder, now: SystemTime) -> Result<NewKey, NoKey> {
        if self.0.len() >= MAX_KEYS {
            let dead = self.0.values().filter(|key| key.judge(now).is_err());
            let oldest = dead.min_by_key(|key| key.created_at).map(|key| key.id.clone());
            self.0.remove(&oldest.ok_or(NoKey::Full)?);
        }
        let mut random = [0; 8 + 16 + 32];
        getrandom::fill(&mut random).map_err(|cause| NoKey::Random(cause.to_string()))?;
        let (id, rest) = random.split_at(8);
        let (salt, secret) = rest.split_at(16);
        // Letters and digits only: an id or a key is one word for a mouse, a shell and a URL.
        let id = hex(id);
        let text = format!("{PREFIX}{id}_{}", hex(secret));
        let check = Check::of(salt.try_into().expect("split off with this length above"), &text);
        let KeyOrder { name, role, scope, expires_at } = order;
        let key = ApiKey {
            id: id.clone(),
            name,
            role,
            scope,
            created_at: whole_ms(now),
            last_used_at: None,
            expires_at: expires_at.map(whole_ms),
            revoked: false,
            check,
        };
        self.0.insert(id, key.clone());
        Ok(NewKey { key, text })
    }

    /// Revokes a key; `false`: there is none of this id. Twice is as good as once.
    pub(super) fn revoke(&mut self, id: &str) -> bool {
        self.0.get_mut(id).map(|key| key.revoked = true).is_some()
    }

    /// Notes when keys were used. A later time counts; a key that is gone is not missed.
    pub(super) fn note_used(&mut self, used: &BTreeMap<String, SystemTime>) {
        for (id, at) in used {
            if let Some(key) = self.0.get_mut(id) {
                key.last_used_at = key.last_used_at.max(Some(whole_ms(*at)));
            }
        }
    }

    /// Do both books let the same holders do the same?
    pub(super) fn gives_the_same_as(&self, other: &Self) -> bool {
        let rights = |key: &ApiKey| ApiKey { last_used_at: None, ..key.clone() };
        self.0.values().map(rights).eq(other.0.values().map(rights))
    }

    /// The file's text.
    pub(super) fn to_text(&self) -> Result<String, String> {
        let keys = self.0.values().map(KeyForm::from).collect();
        serde_json::to_string_pretty(&FileForm { schema_version: SCHEMA_VERSION, keys })
            .map(|text| text + "\n")
            .map_err(|cause| cause.to_string())
    }

    /// Reads the file's text. A mistake says where it is and never what stands there.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let form: FileForm = serde_json::from_str(text).map_err(|mistake| {
            format!("not a file of API keys (line {}, column {})", mistake.line(), mistake.column())
        })?;
        if form.schema_version != SCHEMA_VERSION {
            return Err(format!("schema_version is not {SCHEMA_VERSION}: written by another version"));
        }
        if form.keys.len() > MAX_KEYS {
            return Err(format!("more than {MAX_KEYS} keys"));
        }
        let mut keys = BTreeMap::new();
        for (index, form) in form.keys.into_iter().enumerate() {
            let wrong = |what: &str| format!("key number {}: {what}", index + 1);
            let key = ApiKey::try_from(form).map_err(wrong)?;
            if keys.insert(key.id.clone(), key).is_some() {
                return Err(wrong("its id stands there twice"));
            }
        }
        Ok(Self(keys))
    }
}

/// The file as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    schema_version: u32,
    keys: Vec<KeyForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyForm {
    id: String,
    name: String,
    role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cameras: Option<Vec<String>>,
    created_at: String,
    #[serde(default)]
    last_used_at: Option<String>,
    #[serde(default)]
    expires_at: Option<String>,
    revoked: bool,
    salt: String,
    hash: String,
}

impl From<&ApiKey> for KeyForm {
    fn from(key: &ApiKey) -> Self {
        let time = control::time::rfc3339;
        Self {
            id: key.id.clone(),
            name: key.name.clone(),
            role: key.role.as_str().into(),
            cameras: match &key.scope {
                Scope::All => None,
                Scope::Only(cameras) => Some(cameras.iter().map(ToString::to_string).collect()),
            },
            created_at: time(key.created_at),
            last_used_at: key.last_used_at.map(time),
            expires_at: key.expires_at.map(time),
            revoked: key.revoked,
            salt: hex(&key.check.salt),
            hash: hex(&key.check.hash),
        }
    }
}

impl TryFrom<KeyForm> for ApiKey {
    type Error = &'static str;

    fn try_from(form: KeyForm) -> Result<Self, &'static str> {
        let time = |text: &str| control::time::parse_rfc3339(text).map(whole_ms);
        // An expiry that is not understood must not become none.
        let opt_time = |text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => time(text).map(Some).ok_or("a time is not RFC 3339"),
        };
        unhex::<8>(&form.id).ok_or("its id is not 16 hexadecimal digits")?;
        judge_name(&form.name).map_err(|_| "its name is not one")?;
        let scope = match &form.cameras {
            None => Scope::All,
            Some(ids) if ids.len() > MAX_CAMERAS => return Err("too many cameras"),
            Some(ids) => {
                let ids: Option<BTreeSet<_>> = ids.iter().map(|id| id.parse().ok()).collect();
                Scope::Only(ids.ok_or("one of its cameras is no camera id")?)
            }
        };
        Ok(Self {
            role: Role::parse(&form.role).ok_or("its role is not viewer, operator or admin")?,
            scope,
            created_at: time(&form.created_at).ok_or("a time is not RFC 3339")?,
            last_used_at: opt_time(&form.last_used_at)?,
            expires_at: opt_time(&form.expires_at)?,
            revoked: form.revoked,
            check: Check {
                salt: unhex(&form.salt).ok_or("its salt is not one")?,
                hash: unhex(&form.hash).ok_or("its hash is not one")?,
            },
            id: form.id,
            name: form.name,
        })
    }
}

/// What the file can hold: milliseconds.
pub(super) fn whole_ms(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_millis(since.as_millis() as u64)
}

/// What must hold for any text of the file: it is refused without being quoted, or comes back as it was.
///
/// # Panics
/// When a rule is broken.
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Book::parse(text) {
        Err(what) => {
            // Numbers and our own words; at least a line of the file would have to be in it to be a quote.
            assert!(what.len() < 120, "{what}");
        }
        Ok(book) => {
            assert!(book.0.len() <= MAX_KEYS);
            let text = book.to_text().expect("what was read can be written");
            assert_eq!(Book::parse(&text).as_ref(), Ok(&book), "{text}");
            for key in book.list() {
                // Nobody can have made a text that fits a hash; nor may the hash be one.
                assert!(
                    book.verify(&format!("{PREFIX}{}_{}", key.id, hex(&key.check.hash)), UNIX_EPOCH).is_err()
                );
            }
        }
    }
}

#[cfg(test)]
#[path = "api_keys_tests.rs"]
mod tests;
