//! Every kind of credential in both forms, token and API key.

use std::time::{Duration, SystemTime};

use serde_json::json;
use testkit::{
    Rpc, Service, hs256, time,
    token::{self, Role},
};

/// How long a credential that is to end stays good: enough to sign in with it on a busy machine.
const STILL_GOOD: Duration = Duration::from_secs(5);
/// What a token is forgiven after its `exp`.
const LEEWAY: Duration = Duration::from_secs(30);

/// What may be said of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    None,
    Viewer,
    Operator,
    Admin,
    /// An admin's, but for its time.
    Expired,
    /// An admin's, but for its signature.
    WrongSignature,
    /// An admin's, taken back.
    Revoked,
    /// An admin's, for another camera than the one the calls are about.
    OtherCamera,
}

impl Kind {
    pub(super) const SHOWN: [Self; 7] = [
        Self::Viewer,
        Self::Operator,
        Self::Admin,
        Self::Expired,
        Self::WrongSignature,
        Self::Revoked,
        Self::OtherCamera,
    ];

    /// The role it gives, if it gives one.
    pub(super) fn good_for(self) -> Option<Role> {
        match self {
            Self::Viewer => Some(Role::Viewer),
            Self::Operator => Some(Role::Operator),
            Self::Admin | Self::OtherCamera => Some(Role::Admin),
            Self::None | Self::Expired | Self::WrongSignature | Self::Revoked => None,
        }
    }

    /// Whose session it is shown in when it comes beside parameters: one that must not be what counts. So a
    /// bad one has an admin's, who might do everything, and an admin's has one that might do little.
    pub(super) fn beside(self) -> Option<Role> {
        match self {
            Self::None => None,
            Self::Admin | Self::OtherCamera => Some(Role::Viewer),
            _ => Some(Role::Admin),
        }
    }

    /// Was it good once, and is no more?
    fn is_spent(self) -> bool {
        matches!(self, Self::Expired | Self::Revoked)
    }
}

/// How a credential is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Token,
    Key,
}

impl Form {
    pub(super) const ALL: [Self; 2] = [Self::Token, Self::Key];
}

/// What a caller shows.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) kind: Kind,
    pub(super) form: Form,
    /// `None`: nothing.
    pub(super) text: Option<String>,
    /// By what it is taken back.
    id: String,
}

impl Shown {
    /// No credential at all; its form means nothing.
    pub(super) fn nothing() -> Self {
        Self { kind: Kind::None, form: Form::Token, text: None, id: String::new() }
    }

    /// Makes one. What is to be spent is still good.
    pub(super) async fn make(kind: Kind, form: Form, other: &str, admin: &mut Rpc) -> Self {
        match form {
            Form::Token => Self::token(kind, other),
            Form::Key => Self::key(kind, other, admin).await,
        }
    }

    fn token(kind: Kind, other: &str) -> Self {
        let role = kind.good_for().unwrap_or(Role::Admin);
        let id = format!("{kind:?}");
        let mut claims = token::claims(role);
        claims["jti"] = json!(id);
        match kind {
            Kind::OtherCamera => claims["cameras"] = json!([other]),
            Kind::Expired => {
                let now = time::seconds(SystemTime::now());
                claims["iat"] = json!(now - 3600);
                claims["exp"] = json!(now + STILL_GOOD.as_secs() - LEEWAY.as_secs());
            }
            _ => {}
        }
        let text = if kind == Kind::WrongSignature {
            let header = json!({"alg": "HS256", "typ": "JWT"});
            hs256::sign(&header, &claims, b"another secret, just as long as ours")
        } else {
            token::signed(&claims)
        };
        Self { kind, form: Form::Token, text: Some(text), id }
    }

    async fn key(kind: Kind, other: &str, admin: &mut Rpc) -> Self {
        let role = kind.good_for().unwrap_or(Role::Admin);
        let mut wish = json!({"name": format!("{kind:?}"), "role": role.name()});
        match kind {
            Kind::OtherCamera => wish["cameras"] = json!([other]),
            Kind::Expired => wish["expires_at"] = json!(time::text(SystemTime::now() + STILL_GOOD)),
            _ => {}
        }
        let made = admin.ok("create_api_key", wish).await;
        let text = |member: &str| made[member].as_str().expect("the contract's member").to_owned();
        let (mut key, id) = (text("key"), text("id"));
        if kind == Kind::WrongSignature {
            // A key that exists, with one character of its secret bent. The last one may carry no bits.
            let at = key.rfind('_').expect("a key is cs_ID_SECRET") + 1;
            let bent = if key[at..].starts_with('A') { "B" } else { "A" };
            key.replace_range(at..=at, bent);
        }
        Self { kind, form: Form::Key, text: Some(key), id }
    }

    /// A session that began with it.
    pub(super) async fn session(&self, service: &Service) -> Rpc {
        let mut rpc = service.connect().await;
        let Some(text) = &self.text else { return rpc };
        rpc.forbid(text);
        if self.kind == Kind::WrongSignature {
            rpc.err(-32001, "authenticate", json!({"auth_token": text})).await;
        } else {
            rpc.authenticate(text).await;
        }
        rpc
    }

    /// Takes it back, or lets its time pass, if that is its kind: until `session`, which began with it, has
    /// ended.
    pub(super) async fn spend(&self, session: &mut Rpc, admin: &mut Rpc) {
        if !self.kind.is_spent() {
            return;
        }
        match (self.kind, self.form) {
            (Kind::Revoked, Form::Token) => drop(admin.ok("revoke_token", json!({"jti": self.id})).await),
            (Kind::Revoked, Form::Key) => drop(admin.ok("revoke_api_key", json!({"id": self.id})).await),
            _ => {}
        }
        let told = session.notification("session_expired").await;
        let reason = if self.kind == Kind::Revoked { "revoked" } else { "expired" };
        assert_eq!(told["params"]["reason"], reason, "{:?} {:?}", self.kind, self.form);
    }

    /// As a header.
    pub(super) fn header(&self) -> Option<(&'static str, String)> {
        let text = self.text.as_ref()?;
        Some(match self.form {
            Form::Token => ("authorization", format!("Bearer {text}")),
            Form::Key => ("x-api-key", text.clone()),
        })
    }
}
