//! API keys and revoked tokens: what the calls about them take and give. A key's secret crosses once.

use std::{collections::BTreeSet, time::SystemTime};

use control::CameraId;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    error::Error,
    params::{FromParams, Params},
    time,
};
use crate::security::{ApiKey, MAX_JTI_BYTES, MAX_USER_CHARS, NewKey, Role, Scope, Which, judge_name};

const ROLES: [(&str, Role); 3] =
    [("viewer", Role::Viewer), ("operator", Role::Operator), ("admin", Role::Admin)];
/// Longest id worth looking up.
const MAX_ID_BYTES: usize = 64;

/// Takes `{name, role, cameras?, expires_at?}`.
#[derive(Debug)]
pub(crate) struct CreateApiKey {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// `None`: as many as the caller has.
    pub(crate) cameras: Option<BTreeSet<CameraId>>,
    pub(crate) expires_at: Option<SystemTime>,
}

impl FromParams for CreateApiKey {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        let name = params.text("name")?;
        let name = params.need("name", name)?;
        let role = params.choice("role", &ROLES)?;
        let role = params.need("role", role.map(Some))?;
        let cameras = params.cameras("cameras")?;
        let expires_at = params.time("expires_at")?;
        judge_name(&name).map_err(|what| Error::param("name", "format", what))?;
        let role = role.ok_or_else(|| Error::param("role", "required", "must be given"))?;
        Ok(Self { name, role, cameras, expires_at })
    }
}

/// Takes `{id}`.
#[derive(Debug)]
pub(crate) struct OfApiKey {
    pub(crate) id: String,
}

impl FromParams for OfApiKey {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        let id = params.text("id")?;
        let id = params.need("id", id)?;
        // Not repeated in an error: somebody may have put the whole key there.
        if (1..=MAX_ID_BYTES).contains(&id.len()) { Ok(Self { id }) } else { Err(no_key()) }
    }
}

/// There is no such key for this caller.
pub(crate) fn no_key() -> Error {
    Error::param("id", "unknown", "there is no API key of this id")
}

/// Takes `{jti}` or `{user}`.
#[derive(Debug)]
pub(crate) struct RevokeToken(pub(crate) Which);

impl FromParams for RevokeToken {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        let wrong = |param| Err(Error::param(param, "format", "must be what stands in a token"));
        match (params.text("jti")?, params.text("user")?) {
            (Some(jti), None) if (1..=MAX_JTI_BYTES).contains(&jti.len()) => Ok(Self(Which::Jti(jti))),
            (None, Some(user)) if (1..=MAX_USER_CHARS).contains(&user.chars().count()) => {
                Ok(Self(Which::User(user)))
            }
            (Some(_), None) => wrong("jti"),
            (None, Some(_)) => wrong("user"),
            (Some(_), Some(_)) => Err(Error::param("user", "exclusive", "jti and user exclude each other")),
            (None, None) => Err(Error::param("jti", "required", "jti or user must be given")),
        }
    }
}

/// Gives a new key, with its secret.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ApiKeyMade {
    id: String,
    /// Shown now and never again.
    key: String,
    name: String,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cameras: Option<Vec<String>>,
    created_at: String,
    expires_at: Option<String>,
}

impl From<NewKey> for ApiKeyMade {
    fn from(NewKey { key, text }: NewKey) -> Self {
        Self {
            key: text,
            cameras: cameras(&key),
            id: key.id,
            name: key.name,
            role: key.role.as_str(),
            created_at: time(key.created_at),
            expires_at: key.expires_at.map(time),
        }
    }
}

/// Gives the keys there are, oldest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ApiKeyList {
    keys: Vec<ApiKeyEntry>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ApiKeyEntry {
    id: String,
    name: String,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cameras: Option<Vec<String>>,
    created_at: String,
    last_used_at: Option<String>,
    expires_at: Option<String>,
    revoked: bool,
}

impl ApiKeyList {
    pub(crate) fn new(keys: impl IntoIterator<Item = ApiKey>) -> Self {
        let entry = |key: ApiKey| ApiKeyEntry {
            cameras: cameras(&key),
            id: key.id,
            name: key.name,
            role: key.role.as_str(),
            created_at: time(key.created_at),
            last_used_at: key.last_used_at.map(time),
            expires_at: key.expires_at.map(time),
            revoked: key.revoked,
        };
        Self { keys: keys.into_iter().map(entry).collect() }
    }
}

/// Gives the key that is no good any more.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ApiKeyRevoked {
    pub(crate) id: String,
    pub(crate) revoked: bool,
}

/// Gives which tokens are no good any more.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TokenRevoked {
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    revoked: bool,
    /// Of a user: tokens issued later are good.
    timestamp: String,
}

impl TokenRevoked {
    pub(crate) fn new(which: Which, at: SystemTime) -> Self {
        let (jti, user) = match which {
            Which::Jti(jti) => (Some(jti), None),
            Which::User(user) => (None, Some(user)),
        };
        Self { jti, user, revoked: true, timestamp: time(at) }
    }
}

fn cameras(key: &ApiKey) -> Option<Vec<String>> {
    match &key.scope {
        Scope::All => None,
        Scope::Only(cameras) => Some(cameras.iter().map(ToString::to_string).collect()),
    }
}
