//! Tokens: JWT (RFC 7519) signed by HS256 and nothing else. The library checks the signature; every
//! claim is judged here, against a time that is given.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use control::CameraId;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Map, Value, json};

use super::{Credential, Principal, Role, Scope, Secret};

/// Clocks of two machines may differ by this much.
pub(super) const LEEWAY: Duration = Duration::from_secs(30);
/// Longer than any token of ours; nothing longer is decoded.
const MAX_TOKEN_BYTES: usize = 8192;
/// Longest name of a user that is written into logs.
pub(crate) const MAX_USER_CHARS: usize = 128;
/// 9999-12-31: what is later is no date.
const MAX_DATE_S: f64 = 253_402_300_799.0;

/// Why a token was refused; the text may be told to whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not a token of ours: form, algorithm or signature.
    Unsigned,
    /// A claim is missing or makes no sense.
    Claims,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    Early,
    /// It was issued too long ago.
    TooOld,
    /// Meant for, or made by, somebody else.
    Elsewhere,
}

impl Refusal {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Unsigned => "the token is not one of this service",
            Self::Claims => "the token lacks what a token needs: sub or user_id, role, iat, exp",
            Self::Expired => "the token has expired",
            Self::Early => "the token is not valid yet",
            Self::TooOld => "the token was issued too long ago",
            Self::Elsewhere => "the token is for another service",
        }
    }
}

/// What a new token says.
#[derive(Debug, Clone)]
pub(crate) struct Issue {
    pub(crate) user: String,
    pub(crate) role: Role,
    pub(crate) ttl: Duration,
    /// `None`: all cameras.
    pub(crate) cameras: Option<Vec<CameraId>>,
}

/// Issues and verifies tokens.
pub(crate) struct Tokens {
    signing: EncodingKey,
    /// The present secret first, then the previous ones.
    verifying: Vec<DecodingKey>,
    max_age: Duration,
    issuer: Option<String>,
    audience: Option<String>,
}

impl Tokens {
    pub(crate) fn new(secret: &Secret, config: &crate::config::Security) -> Self {
        let all = std::iter::once(secret).chain(&config.previous);
        Self {
            signing: EncodingKey::from_secret(secret.bytes()),
            verifying: all.map(|secret| DecodingKey::from_secret(secret.bytes())).collect(),
            max_age: config.max_token_age,
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
        }
    }

    /// A new token.
    pub(crate) fn issue(&self, order: &Issue, now: SystemTime) -> Result<String, String> {
        let id = getrandom::u64().map_err(|cause| format!("no random numbers to be had: {cause}"))?;
        let iat = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut claims = json!({
            "sub": order.user,
            "role": order.role.as_str(),
            "iat": iat,
            "exp": iat.saturating_add(order.ttl.as_secs().max(1)),
            "jti": format!("{id:016x}"),
        });
        if let Some(cameras) = &order.cameras {
            claims["cameras"] = cameras.iter().map(ToString::to_string).collect();
        }
        for (name, value) in [("iss", &self.issuer), ("aud", &self.audience)] {
            if let Some(value) = value {
                claims[name] = json!(value);
            }
        }
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
            .map_err(|cause| format!("the token could not be signed: {cause}"))
    }

    /// Who a token stands for at `now`.
    pub(crate) fn verify(&self, token: &str, now: SystemTime) -> Result<Principal, Refusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::Unsigned);
        }
        let mut rules = Validation::new(Algorithm::HS256);
        // Only the signature; the library would ask for the time itself.
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        rules.validate_nbf = false;
        rules.validate_aud = false;
        let claims = self
            .verifying
            .iter()
            .find_map(|key| jsonwebtoken::decode::<Map<String, Value>>(token, key, &rules).ok())
            .ok_or(Refusal::Unsigned)?
            .claims;
        self.judge(&claims, now)
    }

    fn judge(&self, claims: &Map<String, Value>, now: SystemTime) -> Result<Principal, Refusal> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let user = text("sub").or_else(|| text("user_id")).ok_or(Refusal::Claims)?;
        let plain =
            !user.is_empty() && user.chars().count() <= MAX_USER_CHARS && !user.chars().any(char::is_control);
        let role = text("role").and_then(Role::parse).filter(|_| plain).ok_or(Refusal::Claims)?;
        let (issued, expires) = (date(claims, "iat")?, date(claims, "exp")?);
        let (issued, expires_at) = (issued.ok_or(Refusal::Claims)?, expires.ok_or(Refusal::Claims)?);
        let ends_at = expires_at + LEEWAY;
        if now >= ends_at {
            return Err(Refusal::Expired);
        }
        let begins = date(claims, "nbf")?.map_or(issued, |not_before| not_before.max(issued));
        if now + LEEWAY < begins {
            return Err(Refusal::Early);
        }
        if now.duration_since(issued).is_ok_and(|age| age > self.max_age + LEEWAY) {
            return Err(Refusal::TooOld);
        }
        if !wanted(self.issuer.as_deref(), claims.get("iss"))
            || !wanted(self.audience.as_deref(), claims.get("aud"))
        {
            return Err(Refusal::Elsewhere);
        }
        Ok(Principal {
            user: user.to_owned(),
            role,
            scope: scope(claims.get("cameras"))?,
            credential: Credential::Token { id: text("jti").map(str::to_owned), issued_at: issued },
            expires_at: Some(expires_at),
            ends_at: Some(ends_at),
        })
    }
}

/// A `NumericDate` (RFC 7519 section 2); `None` when it is absent.
fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<SystemTime>, Refusal> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_f64().filter(|s| (0.0..=MAX_DATE_S).contains(s)).ok_or(Refusal::Claims)?;
    Ok(Some(UNIX_EPOCH + Duration::from_secs_f64(seconds)))
}

/// Is `wanted` the value, or among the values? Nothing wanted: all is well.
fn wanted(wanted: Option<&str>, value: Option<&Value>) -> bool {
    let Some(wanted) = wanted else { return true };
    match value {
        Some(Value::String(text)) => text == wanted,
        Some(Value::Array(all)) => all.iter().any(|one| one == wanted),
        _ => false,
    }
}

/// The claim `cameras`. A malformed one is no claim to all of them.
fn scope(claim: Option<&Value>) -> Result<Scope, Refusal> {
    match claim {
        None | Some(Value::Null) => Ok(Scope::All),
        Some(Value::Array(ids)) => {
            let ids = ids.iter().map(|id| id.as_str().and_then(|id| id.parse().ok()).ok_or(Refusal::Claims));
            ids.collect::<Result<_, _>>().map(Scope::Only)
        }
        Some(_) => Err(Refusal::Claims),
    }
}

#[cfg(test)]
#[path = "jwt_tests.rs"]
mod tests;
