//! Who may watch: what a viewer shows, judged as everywhere else, and tickets for addresses that work as
//! they are. Streams themselves know nothing of this; they ask. Where MediaMTX serves the viewers, it alone fetches
//! streams, and judges tickets by our public keys.

use std::{
    net::IpAddr,
    path::Path,
    sync::{Arc, OnceLock, Weak},
    time::{Duration, SystemTime},
};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use control::{Authorize, CameraId, Credentials, Holder, Keys, Pass, Verdict, Viewer};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    config::MediaAuth,
    rpc::Service,
    security::{MediaKeys, Principal, Secret, Ticket, Tickets, holder_name, holder_of, make_secret},
};

/// Secret in the data folder with which MediaMTX fetches streams.
const FEED_FILE: &str = "media_feed";
/// How often it is looked whether the keys for MediaMTX have signed for long enough.
const KEYS_INTERVAL: Duration = Duration::from_hours(6);

/// What is looked for in a log of attempts.
const SHOWN_FOR: &str = "rtsp";

/// Who needs credentials to watch, and who gets a ticket.
pub(crate) enum Viewing {
    /// Viewers come to us.
    Embedded { auth: MediaAuth, tickets: Box<Tickets> },
    /// They go to MediaMTX, which comes to us.
    MediaMtx { keys: Box<MediaKeys>, feed: Secret },
}

impl Viewing {
    /// For viewers who come to us.
    pub(crate) fn embedded(auth: MediaAuth, secret: &Secret) -> Self {
        Self::Embedded { auth, tickets: Box::new(Tickets::new(secret)) }
    }

    /// For viewers who go to MediaMTX; reads or makes what that needs.
    pub(crate) fn mediamtx(data_dir: &Path) -> Result<Self, String> {
        let keys = MediaKeys::open(data_dir, SystemTime::now())?;
        let (feed, _) = make_secret(&data_dir.join(FEED_FILE))?;
        if !feed.bytes().iter().all(u8::is_ascii_alphanumeric) {
            // It stands in an address.
            return Err(format!("{}: letters and digits only", data_dir.join(FEED_FILE).display()));
        }
        Ok(Self::MediaMtx { keys: Box::new(keys), feed })
    }

    /// Is a credential needed from this machine, or from another?
    pub(crate) fn is_guarded(&self, loopback: bool) -> bool {
        match self {
            Self::Embedded { auth, .. } => *auth == MediaAuth::Always || !loopback,
            Self::MediaMtx { .. } => true,
        }
    }

    /// A ticket for a camera of the principal's scope.
    pub(crate) fn ticket(&self, principal: &Principal, camera: CameraId) -> Option<Ticket> {
        match self {
            Self::Embedded { tickets, .. } => tickets.issue(principal, camera, SystemTime::now()),
            Self::MediaMtx { keys, .. } => keys.ticket(principal, camera, SystemTime::now()),
        }
    }

    /// Public keys for MediaMTX (RFC 7517); there are none for others.
    pub(crate) fn public_keys(&self) -> Value {
        self.media_keys().map_or_else(|| json!({"keys": []}), MediaKeys::public)
    }

    fn media_keys(&self) -> Option<&MediaKeys> {
        match self {
            Self::Embedded { .. } => None,
            Self::MediaMtx { keys, .. } => Some(keys),
        }
    }
}

/// Begins to steer MediaMTX, where that serves the viewers.
pub(crate) fn steer(service: &Arc<Service>) {
    let Viewing::MediaMtx { feed, .. } = &service.viewing else { return };
    // The driver lives as long as the Controller does, which is ours.
    let (token, gone) = (Arc::downgrade(service), Arc::downgrade(service));
    service.controller.steer(Keys {
        api_token: Arc::new(move || {
            let service = token.upgrade();
            let keys = service.as_ref().and_then(|service| service.viewing.media_keys());
            keys.and_then(|keys| keys.api_token(SystemTime::now())).unwrap_or_default()
        }),
        feed_password: String::from_utf8_lossy(feed.bytes()).into_owned(),
        is_gone: Arc::new(move |holder| gone.upgrade().is_some_and(|service| is_gone(&service, holder))),
    });
}

/// Keeps the keys for MediaMTX fresh until told to stop.
pub(crate) async fn keep_keys(service: Arc<Service>, mut stopping: watch::Receiver<bool>) {
    let Some(keys) = service.viewing.media_keys() else { return };
    loop {
        match keys.rotate(SystemTime::now()) {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!("another key signs for MediaMTX from now on");
                service.controller.media_keys_changed();
            }
            Err(error) => tracing::error!(error, "the keys for MediaMTX cannot be changed"),
        }
        tokio::select! {
            () = tokio::time::sleep(KEYS_INTERVAL) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// Who watches in this name, if what let them in was not revoked.
fn good_holder(service: &Service, name: &str) -> Option<Principal> {
    holder_of(name).filter(|holder| service.access.is_good(holder))
}

/// Must who watches at MediaMTX go?
fn is_gone(service: &Service, holder: &Holder<'_>) -> bool {
    let is_over =
        |name: &str| good_holder(service, name).is_none_or(|holder| holder.is_over(SystemTime::now()));
    match holder {
        Holder::Named(name) => is_over(name),
        Holder::Query(query) => {
            let name = service.viewing.media_keys().and_then(|keys| keys.holder_in(query));
            name.is_none_or(|name| is_over(&name))
        }
        // It could be anybody: those who may go on come back with a new ticket.
        Holder::Unknown => true,
    }
}

/// Sends viewers away whose credential is good no more.
pub(crate) fn end_revoked(service: &Service) {
    let ended = service.controller.end_viewers(|name| good_holder(service, name).is_none());
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
    let tickets = match &service.viewing {
        Viewing::Embedded { tickets, .. } => tickets,
        Viewing::MediaMtx { feed, .. } => return judge_feed(service, feed, viewer),
    };
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
        Credentials::Secret(secret) => believed(service, tickets, secret, viewer.address),
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

/// Only MediaMTX fetches streams here.
fn judge_feed(service: &Service, feed: &Secret, viewer: &Viewer<'_>) -> Verdict {
    match viewer.credentials {
        Credentials::Secret(secret) if verify_slices_are_equal(secret.as_bytes(), feed.bytes()).is_ok() => {
            Verdict::Pass(Pass::default())
        }
        Credentials::None => Verdict::Unauthorized,
        _ => {
            service.access.refuse(viewer.address, SHOWN_FOR, "not what MediaMTX fetches streams with");
            Verdict::Unauthorized
        }
    }
}

fn believed(service: &Service, tickets: &Tickets, secret: &str, address: IpAddr) -> Option<Arc<Principal>> {
    let judged = if Tickets::looks_like_one(secret) {
        let opened = tickets.open(secret, SystemTime::now());
        service.access.accept(opened, address, SHOWN_FOR)
    } else {
        service.access.verify(secret, address, SHOWN_FOR)
    };
    judged.ok()
}
