//! One call from its request to its outcome, in the contract's order: credentials, method, rate, role
//! and camera scope, parameters, state.

use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc, time::SystemTime};

use control::{CameraId, Controller};
use futures_util::FutureExt;
use serde_json::{Map, Value};
use tracing::Instrument as _;

use super::{
    Access, Outcome,
    envelope::Request,
    error::{correlation_id, from_control},
    given::GivenParams,
    methods,
    table::{AUTHENTICATE, Effect, Method, SUBSCRIBE, encode, find},
};
use crate::{
    audit::{self, Audit, Entry, Pending},
    bridges::Bridges,
    events::{Hub, Subscriber},
    metrics::{Begun, Metrics},
    security::{Folder, Links, Principal, Role, Scope, Session},
    viewing::Viewing,
    wire::{Authenticate, Authenticated, Code, Device, Error, FromParams, Params, UrlBase},
};

/// What every call of every connection shares.
pub(crate) struct Service {
    pub(crate) controller: Controller,
    pub(crate) access: Access,
    pub(crate) audit: Audit,
    pub(crate) events: Arc<Hub>,
    pub(crate) bridges: Bridges,
    pub(crate) viewing: Viewing,
    pub(crate) links: Links,
    pub(crate) metrics: Metrics,
}

/// Where a caller is.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// The host it asked for, as it stands in a URL.
    pub(crate) host: String,
    /// Where its connection hears of events; `None`: it has no connection that could.
    pub(crate) subscriber: Option<Arc<Subscriber>>,
    pub(crate) transport: Transport,
}

/// What brings a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// A connection that stays: it has a session.
    WebSocket,
    /// One request by HTTP: nothing stays.
    Http,
}

/// Methods that are about a connection that stays.
const NEED_SESSION: [&str; 4] =
    [AUTHENTICATE, "subscribe_events", "unsubscribe_events", "get_subscription_stats"];

/// A request after the checks that belong to its connection.
pub(crate) enum Admitted {
    /// It is answered already.
    Answered(Outcome),
    /// It is to be done.
    Task(Box<Task>),
}

/// A call whose caller is known and allowed.
pub(crate) struct Task {
    method: &'static Method,
    caller: Caller,
    members: Map<String, Value>,
    begun: Begun,
    /// The line that a privileged call leaves.
    line: Option<Pending>,
}

/// Who calls, and with what they can be served.
pub(crate) struct Caller {
    pub(crate) service: Arc<Service>,
    pub(crate) principal: Arc<Principal>,
    pub(crate) urls: UrlBase,
    /// See [`Peer::subscriber`].
    pub(crate) subscriber: Option<Arc<Subscriber>>,
    /// Whose the session was when the call came; a token of the call's own does not count here.
    pub(crate) session: Option<Arc<Principal>>,
    /// Tells this call in logs, in the audit log and in an error that the caller may report.
    pub(crate) correlation_id: String,
}

impl Service {
    /// Checks credentials, method, rate and role. Must be called in the order in which requests arrived:
    /// `authenticate` counts for all that follow it.
    pub(crate) fn admit(self: &Arc<Self>, request: Request, session: &mut Session, peer: &Peer) -> Admitted {
        let begun = self.metrics.calls.begin(&request.method);
        let admitted = self.checked(request, begun, session, peer);
        let admitted = admitted.unwrap_or_else(|error| Admitted::Answered(Err(error)));
        if let Admitted::Answered(outcome) = &admitted {
            self.metrics.calls.end(begun, outcome.is_ok());
        }
        admitted
    }

    fn checked(
        self: &Arc<Self>,
        request: Request,
        begun: Begun,
        session: &mut Session,
        peer: &Peer,
    ) -> Result<Admitted, Error> {
        let Request { method: name, mut params, .. } = request;
        if name == AUTHENTICATE && peer.transport == Transport::WebSocket {
            let outcome = self.authenticate(params, session, peer)?;
            return Ok(Admitted::Answered(encode(Ok(outcome))));
        }
        let method = find(&name);
        let token = params.members.remove("auth_token").filter(|token| !token.is_null());
        let inline = token.is_some();
        let principal = match token {
            None => session
                .principal(SystemTime::now())
                .filter(|principal| self.access.is_good(principal))
                .ok_or_else(|| Error::unauthenticated("call authenticate first, or send auth_token"))?,
            Some(token) => {
                let shown_for = method.map_or("(unknown)", |method| method.name);
                let principal = self.inline(&token, shown_for, peer)?;
                session.prove();
                principal
            }
        };
        let session_of = session.principal(SystemTime::now());
        if peer.transport == Transport::Http && NEED_SESSION.contains(&name.as_str()) {
            let reason = "this needs a connection that stays: use the WebSocket";
            return Err(Error::new(Code::Unsupported, reason).with("feature", "session"));
        }
        let method = method.ok_or_else(|| Error::new(Code::MethodNotFound, "there is no such method"))?;
        self.access.ask(method.name, (!inline).then_some(session), Some(&principal), peer.address)?;
        let caller = Caller { session: session_of, ..self.caller(principal, peer) };
        if caller.principal.role < method.least {
            self.audit.note(&caller.entry(peer, method.name, (None, None), audit::Event::Refusal));
            return Err(Error::forbidden(method.least, caller.principal.role));
        }
        let members = params.named()?;
        let line = self.privileged(&caller, method, &members, peer)?;
        Ok(Admitted::Task(Box::new(Task { method, caller, members, begun, line })))
    }

    /// Somebody who calls, with what they can be served.
    pub(crate) fn caller(self: &Arc<Self>, principal: Arc<Principal>, peer: &Peer) -> Caller {
        Caller {
            service: self.clone(),
            principal,
            urls: UrlBase::new(&self.controller.viewing(), &peer.host),
            subscriber: peer.subscriber.clone(),
            session: None,
            correlation_id: correlation_id(),
        }
    }

    /// Who an inline token stands for.
    fn inline(&self, token: &Value, shown_for: &'static str, peer: &Peer) -> Result<Arc<Principal>, Error> {
        match token {
            Value::String(token) => self.access.verify(token, peer.address, shown_for),
            _ => Err(self.access.refuse(peer.address, shown_for, "auth_token must be a string")),
        }
    }

    /// A privileged call is done only when its line in the audit log is sure.
    fn privileged(
        &self,
        caller: &Caller,
        method: &Method,
        members: &Map<String, Value>,
        peer: &Peer,
    ) -> Result<Option<Pending>, Error> {
        if method.least == Role::Viewer {
            return Ok(None);
        }
        let entry = caller.entry(peer, method.name, Entry::named(members), audit::Event::Call);
        self.audit.reserve(entry).map(Some).map_err(|audit::Unwritable| {
            Error::new(
                Code::DependencyFailed,
                "the audit log cannot be written; privileged calls are refused",
            )
            .with("dependency", "audit_log")
            .with("retryable", true)
        })
    }

    /// A failed attempt leaves the session as it was.
    fn authenticate(
        &self,
        params: GivenParams,
        session: &mut Session,
        peer: &Peer,
    ) -> Result<Authenticated, Error> {
        // Before the credential is looked at: guessing is limited like asking.
        self.access.ask(AUTHENTICATE, Some(session), None, peer.address)?;
        let Authenticate { auth_token } = Params::new(params.named()?, &|_| Err(nameless())).read()?;
        let principal = self.access.verify(&auth_token, peer.address, AUTHENTICATE)?;
        self.access.ask(AUTHENTICATE, None, Some(&principal), peer.address)?;
        session.begin(principal.clone());
        Ok(methods::authenticated(&principal, session))
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

    /// Does it begin what must not be heard of before its answer?
    pub(crate) fn holds_events(&self) -> bool {
        self.method.name == SUBSCRIBE
    }

    /// Does it. A panic inside is our mistake and the caller's bad luck, not the service's end.
    pub(crate) async fn run(self) -> Outcome {
        let Self { method, caller, members, begun, line } = self;
        let service = caller.service.clone();
        let correlation_id = caller.correlation_id.clone();
        tracing::debug!(correlation_id, method = method.name, caller = caller.principal.key(), "call");
        let work = async move { (method.start)(caller, members)?.await };
        // What it causes in other rooms says so in the log.
        let span = tracing::info_span!("call", correlation_id);
        let outcome = guarded(method.name, &correlation_id, work).instrument(span).await;
        service.metrics.calls.end(begun, outcome.is_ok());
        if let Some(line) = line {
            match &outcome {
                Ok(result) => line.finish(audit::Outcome::Done, None, Some(result)),
                Err(error) => line.finish(audit::Outcome::Failed, Some(error.reason().to_owned()), None),
            }
        }
        outcome
    }
}

async fn guarded(method: &str, correlation_id: &str, work: impl Future<Output = Outcome>) -> Outcome {
    // What the work owned is gone after a panic; what it shared is behind locks that survive one.
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(correlation_id, method, "a call panicked");
        Err(Error::internal(correlation_id))
    })
}

impl Caller {
    /// Reads parameters in this caller's eyes.
    pub(crate) fn read<T: FromParams>(&self, members: Map<String, Value>) -> Result<T, Error> {
        Params::new(members, &|device| self.resolve(device)).read()
    }

    /// The door to cameras, streams and files.
    pub(crate) fn controller(&self) -> &Controller {
        &self.service.controller
    }

    /// Which cameras this caller may know.
    pub(crate) fn scope(&self) -> &Scope {
        &self.principal.scope
    }

    /// The cameras this caller may know; `None`: all.
    pub(crate) fn visible(&self) -> Option<Vec<CameraId>> {
        self.scope().cameras()
    }

    /// Where the caller, or whom they hand it to, gets a file of `device`'s for a while.
    pub(crate) fn download_url(&self, folder: Folder, filename: &str, device: CameraId) -> String {
        self.service.links.url(&self.principal, folder, filename, device, SystemTime::now())
    }

    /// The answer to a call that failed.
    pub(crate) fn failed(&self, error: control::Error) -> Error {
        from_control(error, self.scope(), &self.correlation_id)
    }

    /// A line of the audit log about this call.
    fn entry(
        &self,
        peer: &Peer,
        method: &'static str,
        (device, filename): (Option<String>, Option<String>),
        event: audit::Event,
    ) -> Entry {
        Entry {
            event,
            who: Some(self.principal.clone()),
            address: peer.address,
            method,
            device,
            filename,
            outcome: audit::Outcome::Refused,
            reason: None,
            correlation_id: self.correlation_id.clone(),
        }
    }

    /// A camera out of scope and one that does not exist are refused by the same line.
    fn resolve(&self, device: &Device) -> Result<CameraId, Error> {
        let (id, named) = match device {
            Device::Id(text, id) => (*id, Some(text.as_str())),
            Device::Path(path) => (self.controller().alias(path), None),
        };
        id.filter(|id| self.scope().holds(*id) && self.controller().knows(*id)).ok_or_else(|| {
            let seen = self.controller().cameras().into_iter().map(|camera| camera.id);
            Error::no_camera(named, &seen.filter(|id| self.scope().holds(*id)).collect::<Vec<_>>())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_internal_error() {
        let outcome = guarded("ping", "0123456789abcdef", async {
            panic!("a test of panics: this line in the output is wanted")
        })
        .await;
        let error = outcome.unwrap_err().to_value();
        assert_eq!(error["code"], -32603);
        assert_eq!(error["data"]["correlation_id"], "0123456789abcdef");
        assert!(!error.to_string().contains("a test of panics"));
    }
}
