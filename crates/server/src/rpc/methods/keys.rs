//! API keys, and tokens that are taken back. Nobody gives away more than they have.

use std::time::SystemTime;

use tokio::task::spawn_blocking;

use crate::{
    rpc::Caller,
    security::{KeyOrder, KeyTrouble, NotRevoked, Scope},
    wire::{
        ApiKeyList, ApiKeyMade, ApiKeyRevoked, Code, CreateApiKey, Error, OfApiKey, RevokeToken,
        TokenRevoked, no_key,
    },
};

/// Makes a key.
pub(crate) async fn create_api_key(caller: Caller, wish: CreateApiKey) -> Result<ApiKeyMade, Error> {
    let now = SystemTime::now();
    if wish.role > caller.principal.role {
        return Err(Error::forbidden(wish.role, caller.principal.role));
    }
    if wish.expires_at.is_some_and(|at| at <= now) {
        return Err(Error::param("expires_at", "future", "must be in the future"));
    }
    let scope = wish.cameras.map_or_else(|| caller.scope().clone(), Scope::Only);
    if !caller.scope().includes(&scope) {
        return Err(Error::param("cameras", "unknown", "there is no such camera"));
    }
    let order = KeyOrder { name: wish.name, role: wish.role, scope, expires_at: wish.expires_at };
    let service = caller.service.clone();
    let made = spawn_blocking(move || service.access.keys().create(order, now)).await;
    match made {
        Ok(Ok(made)) => Ok(made.into()),
        Ok(Err(trouble)) => Err(troubled(&caller, trouble)),
        Err(panic) => Err(failed(&caller, &panic.to_string())),
    }
}

/// All keys that give no more than the caller has.
pub(crate) fn list_api_keys(caller: &Caller) -> ApiKeyList {
    let keys = caller.service.access.keys().list();
    ApiKeyList::new(keys.into_iter().filter(|key| caller.scope().includes(&key.scope)))
}

/// Takes a key back.
pub(crate) async fn revoke_api_key(caller: Caller, of: OfApiKey) -> Result<ApiKeyRevoked, Error> {
    let (service, scope, id) = (caller.service.clone(), caller.scope().clone(), of.id.clone());
    let revoked = spawn_blocking(move || {
        let keys = service.access.keys();
        keys.revoke(&id, |key| scope.includes(&key.scope))
    });
    match revoked.await {
        Ok(Ok(true)) => Ok(ApiKeyRevoked { id: of.id, revoked: true }),
        Ok(Ok(false)) => Err(no_key()),
        Ok(Err(trouble)) => Err(troubled(&caller, trouble)),
        Err(panic) => Err(failed(&caller, &panic.to_string())),
    }
}

/// Takes a token back, or all of a user so far.
pub(crate) async fn revoke_token(caller: Caller, of: RevokeToken) -> Result<TokenRevoked, Error> {
    let RevokeToken(which) = of;
    let (service, order, now) = (caller.service.clone(), which.clone(), SystemTime::now());
    let revoked = spawn_blocking(move || service.access.revoked().revoke(order, now)).await;
    match revoked {
        Ok(Ok(())) => Ok(TokenRevoked::new(which, now)),
        Ok(Err(NotRevoked::Full)) => {
            Err(full("as many tokens are revoked as can be remembered; change the secret instead"))
        }
        Ok(Err(NotRevoked::Unwritten(what))) => Err(failed(&caller, &what)),
        Err(panic) => Err(failed(&caller, &panic.to_string())),
    }
}

fn troubled(caller: &Caller, trouble: KeyTrouble) -> Error {
    match trouble {
        KeyTrouble::Full => full("there are as many keys as there may be; revoke one first"),
        KeyTrouble::Failed(what) => failed(caller, &what),
    }
}

fn full(reason: &str) -> Error {
    Error::new(Code::InvalidState, reason).with("state", "FULL").with("allowed_states", vec!["NOT_FULL"])
}

fn failed(caller: &Caller, what: &str) -> Error {
    tracing::error!(
        correlation_id = caller.correlation_id,
        detail = what,
        "keys or tokens could not be changed"
    );
    Error::internal(&caller.correlation_id)
}
