//! One call from its request to its outcome, in the contract's order: credentials, method, role and
//! camera scope, parameters, state.

use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc, time::SystemTime};

use control::{CameraId, Controller};
use futures_util::FutureExt;
use serde_json::{Map, Value};

use super::{
    Access, Outcome,
    envelope::{GivenParams, Request},
    error::{correlation_id, from_control},
    methods,
    table::{AUTHENTICATE, Effect, Method, encode, find},
};
use crate::{
    security::{Principal, Scope, Session},
    wire::{Authenticate, Authenticated, Code, Device, Error, FromParams, Params, UrlBase},
};

/// What every call of every connection shares.
pub(crate) struct Service {
    pub(crate) controller: Controller,
    pub(crate) access: Access,
}

/// Where a caller is.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// The host it asked for, as it stands in a URL.
    pub(crate) host: String,
}

/// A request after the checks that belong to its connection.
pub(crate) enum Admitted {
    /// It is answered already.
    Answered(Outcome),
    /// It is to be done.
    Task(Task),
}

/// A call whose caller is known and allowed.
pub(crate) struct Task {
    method: &'static Method,
    caller: Caller,
    members: Map<String, Value>,
}

/// Who calls, and with what they can be served.
pub(crate) struct Caller {
    pub(crate) controller: Controller,
    pub(crate) principal: Arc<Principal>,
    pub(crate) urls: UrlBase,
}

impl Service {
    /// Checks credentials, method and role. Must be called in the order in which requests arrived:
    /// `authenticate` counts for all that follow it.
    pub(crate) fn admit(&self, request: Request, session: &mut Session, peer: &Peer) -> Admitted {
        match self.checked(request, session, peer) {
            Ok(admitted) => admitted,
            Err(error) => Admitted::Answered(Err(error)),
        }
    }

    fn checked(&self, request: Request, session: &mut Session, peer: &Peer) -> Result<Admitted, Error> {
        let Request { method: name, params, .. } = request;
        if name == AUTHENTICATE {
            let outcome = self.authenticate(named(params)?, session, peer)?;
            return Ok(Admitted::Answered(encode(Ok(outcome))));
        }
        let method = find(&name);
        let mut params = params;
        let token = match &mut params {
            GivenParams::ByName(members) => members.remove("auth_token").filter(|token| !token.is_null()),
            GivenParams::ByPosition => None,
        };
        let principal = match token {
            None => session
                .principal(SystemTime::now())
                .ok_or_else(|| Error::unauthenticated("call authenticate first, or send auth_token"))?,
            Some(token) => {
                let shown_for = method.map_or("(unknown)", |method| method.name);
                let principal = match &token {
                    Value::String(token) => self.access.verify(token, peer.address, shown_for)?,
                    _ => {
                        return Err(self.access.refuse(
                            peer.address,
                            shown_for,
                            "auth_token must be a string",
                        ));
                    }
                };
                session.prove();
                principal
            }
        };
        let method = method.ok_or_else(|| Error::new(Code::MethodNotFound, "there is no such method"))?;
        if principal.role < method.least {
            return Err(Error::forbidden(method.least, principal.role));
        }
        let urls = UrlBase::new(&self.controller.viewing(), &peer.host);
        let caller = Caller { controller: self.controller.clone(), principal, urls };
        Ok(Admitted::Task(Task { method, caller, members: named(params)? }))
    }

    /// A failed attempt leaves the session as it was.
    fn authenticate(
        &self,
        members: Map<String, Value>,
        session: &mut Session,
        peer: &Peer,
    ) -> Result<Authenticated, Error> {
        let Authenticate { auth_token } = Params::new(members, &|_| Err(nameless())).read()?;
        let principal = self.access.verify(&auth_token, peer.address, AUTHENTICATE)?;
        session.begin(principal.clone());
        Ok(methods::authenticated(&principal, session))
    }
}

/// Parameters by name; nothing here takes them by position.
fn named(params: GivenParams) -> Result<Map<String, Value>, Error> {
    match params {
        GivenParams::ByName(members) => Ok(members),
        GivenParams::ByPosition => Err(Error::param("params", "by_name", "parameters are given by name")),
    }
}

fn nameless() -> Error {
    Error::param("device", "unknown", "this method has no such parameter")
}

impl Task {
    /// Must it be finished even when nobody waits for the answer?
    pub(crate) fn effect(&self) -> Effect {
        self.method.effect
    }

    /// Does it. A panic inside is our mistake and the caller's bad luck, not the service's end.
    pub(crate) async fn run(self) -> Outcome {
        let Self { method, caller, members } = self;
        guarded(method.name, async move { (method.start)(caller, members)?.await }).await
    }
}

async fn guarded(method: &str, work: impl Future<Output = Outcome>) -> Outcome {
    // What the work owned is gone after a panic; what it shared is behind locks that survive one.
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
        let id = correlation_id();
        tracing::error!(correlation_id = id, method, "a call panicked");
        Err(Error::internal(&id))
    })
}

impl Caller {
    /// Reads parameters in this caller's eyes.
    pub(crate) fn read<T: FromParams>(&self, members: Map<String, Value>) -> Result<T, Error> {
        Params::new(members, &|device| self.resolve(device)).read()
    }

    /// Which cameras this caller may know.
    pub(crate) fn scope(&self) -> &Scope {
        &self.principal.scope
    }

    /// The cameras this caller may know; `None`: all.
    pub(crate) fn visible(&self) -> Option<Vec<CameraId>> {
        match self.scope() {
            Scope::All => None,
            Scope::Only(cameras) => Some(cameras.iter().copied().collect()),
        }
    }

    /// The answer to a call that failed.
    pub(crate) fn failed(&self, error: control::Error) -> Error {
        from_control(error, self.scope())
    }

    /// A camera out of scope and one that does not exist are refused by the same line.
    fn resolve(&self, device: &Device) -> Result<CameraId, Error> {
        let (id, named) = match device {
            Device::Id(text, id) => (*id, Some(text.as_str())),
            Device::Path(path) => (self.controller.alias(path), None),
        };
        id.filter(|id| self.scope().holds(*id) && self.controller.knows(*id)).ok_or_else(|| {
            let seen = self.controller.cameras().into_iter().map(|camera| camera.id);
            Error::no_camera(named, &seen.filter(|id| self.scope().holds(*id)).collect::<Vec<_>>())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_internal_error() {
        let outcome =
            guarded("ping", async { panic!("a test of panics: this line in the output is wanted") }).await;
        let error = outcome.unwrap_err().to_value();
        assert_eq!(error["code"], -32603);
        assert_eq!(error["data"]["correlation_id"].as_str().unwrap().len(), 16);
        assert!(!error.to_string().contains("a test of panics"));
    }
}
