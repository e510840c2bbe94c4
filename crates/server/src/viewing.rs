//! Who may watch: what a viewer shows, judged as everywhere else, and tickets for addresses that work as
//! they are. Streams themselves know nothing of this; they ask.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock, Weak},
    time::SystemTime,
};

use control::{Authorize, CameraId, Credentials, Pass, Verdict, Viewer};

use crate::{
    config::MediaAuth,
    rpc::Service,
    security::{Principal, Secret, Ticket, Tickets, holder_name, holder_of},
};

/// What is looked for in a log of attempts.
const SHOWN_FOR: &str = "rtsp";

/// Who needs credentials to watch, and who gets a ticket.
pub(crate) struct Viewing {
    auth: MediaAuth,
    tickets: Tickets,
}

impl Viewing {
    pub(crate) fn new(auth: MediaAuth, secret: &Secret) -> Self {
        Self { auth, tickets: Tickets::new(secret) }
    }

    /// Is a credential needed from this machine, or from another?
    pub(crate) fn is_guarded(&self, loopback: bool) -> bool {
        self.auth == MediaAuth::Always || !loopback
    }

    /// A ticket for a camera of the principal's scope.
    pub(crate) fn ticket(&self, principal: &Principal, camera: CameraId) -> Option<Ticket> {
        self.tickets.issue(principal, camera, SystemTime::now())
    }
}

/// Sends viewers away whose credential is good no more.
pub(crate) fn end_revoked(service: &Service) {
    let is_gone = |name: &str| holder_of(name).is_none_or(|holder| !service.access.is_good(&holder));
    let ended = service.controller.end_viewers(is_gone);
    if ended > 0 {
        tracing::info!(ended, "viewers were sent away: what let them in was revoked");
    }
}

/// The function that streams ask. The service is not there yet when they begin to: until it is, nobody is
/// let in.
pub(crate) fn authorize(service: Arc<OnceLock<Weak<Service>>>) -> Authorize {
    Arc::new(move |viewer: &Viewer<'_>| match service.get().and_then(Weak::upgrade) {
        Some(service) => judge(&service, viewer),
        None => Verdict::Unauthorized,
    })
}

fn judge(service: &Service, viewer: &Viewer<'_>) -> Verdict {
    if !service.viewing.is_guarded(viewer.address.is_loopback()) {
        return Verdict::Pass(Pass::default());
    }
    let principal = match viewer.credentials {
        // Players ask first and show it then: that is no failed attempt.
        Credentials::None => None,
        Credentials::Unreadable => {
            service.access.refuse(viewer.address, SHOWN_FOR, "not a credential that viewers can show");
            None
        }
        Credentials::Secret(secret) => believed(service, secret, viewer.address),
    };
    let Some(principal) = principal else { return Verdict::Unauthorized };
    // Out of scope is the same as unknown; and no path but a camera's is anybody's.
    let camera = viewer.path.as_str().parse::<CameraId>();
    if camera.is_ok_and(|camera| principal.scope.holds(camera)) {
        Verdict::Pass(Pass { principal: Some(holder_name(&principal)), ends_at: principal.ends_at })
    } else {
        Verdict::NotFound
    }
}

fn believed(service: &Service, secret: &str, address: IpAddr) -> Option<Arc<Principal>> {
    let judged = if Tickets::looks_like_one(secret) {
        let opened = service.viewing.tickets.open(secret, SystemTime::now());
        service.access.accept(opened, address, SHOWN_FOR)
    } else {
        service.access.verify(secret, address, SHOWN_FOR)
    };
    judged.ok()
}
