//! The task that keeps MediaMTX as we wish: looks, mends, ends sessions, and says how it is. Looks are caused by
//! changes of ours and by the end of the connection that stays; in between an interval finds what MediaMTX
//! changed by itself, for it tells nobody.

use std::{
    collections::BTreeSet,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    Holder, Keys, MediaMtx, Shared, Steered, Told,
    breaker::Breaker,
    calls::SESSION_KINDS,
    client::{Client, Failure},
    plan::{Step, Terms, plan},
    wire::{self, Session},
};
use crate::{demand::Rules, owner::stopped, path::PathName};

/// From one look at the paths to the next: what a reload of MediaMTX's file took away is back within 2 s.
const LOOK_INTERVAL: Duration = Duration::from_millis(1500);
/// From mending to the look that proves it. Also how long drift is told at least.
const PROOF_DELAY: Duration = Duration::from_millis(250);
/// A connection that lived so long was a good one; others may come from a server that closes each at once.
const PROVEN: Duration = Duration::from_secs(1);
/// Sessions ended in one look; more of them wait for the next.
const MAX_KICKS: usize = 256;

/// Gives the paths wished for; `None`: nobody is left who wishes.
pub(crate) type Wished = Box<dyn Fn() -> Option<BTreeSet<PathName>> + Send + Sync>;

struct Driver<'a> {
    client: Client,
    terms: Terms,
    keys: Keys,
    shared: &'a Shared,
    wished: Wished,
    health_interval: Duration,
    /// What was as wished at the last look.
    good: BTreeSet<String>,
    /// It asks for tickets.
    is_closed: bool,
    /// When it was last looked at as a whole.
    whole_at: Option<Instant>,
    /// So many revocations its sessions have been looked through for. A look that fails does not count.
    revocations: u64,
    /// So many changes of our keys it was told of.
    key_changes: u64,
}

/// Steers until `stop`.
pub(crate) async fn steer(
    config: MediaMtx,
    (viewing, feed_port): (Rules, u16),
    keys: Keys,
    shared: &Shared,
    wished: Wished,
    mut stop: watch::Receiver<bool>,
) {
    let feed = std::net::SocketAddr::new(config.feed.ip(), feed_port);
    let mut driver = Driver {
        client: Client::new(config.api, config.request_timeout, keys.api_token.clone())
            .counted_in(shared.calls.clone()),
        terms: Terms {
            feed,
            password: keys.feed_password.clone(),
            start_timeout: viewing.start_timeout,
            close_after: viewing.close_after,
        },
        keys,
        shared,
        wished,
        health_interval: config.health_interval,
        good: BTreeSet::new(),
        is_closed: true,
        whole_at: None,
        revocations: 0,
        key_changes: 0,
    };
    let mut breaker = Breaker::default();
    let mut linked_at = Instant::now();
    loop {
        let looked = tokio::select! {
            looked = driver.look() => looked,
            () = stopped(&mut stop) => return,
        };
        let wait = match looked {
            Ok(None) => return,
            Ok(Some(wait)) => {
                if linked_at.elapsed() > PROVEN {
                    breaker.closed();
                }
                wait
            }
            Err(failure) => {
                driver.failed(&failure);
                breaker.opened(getrandom::u32().unwrap_or_default())
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shared.changed.notified() => {}
            // It has ended, or begun again: soon known.
            () = driver.client.closed() => {
                linked_at = Instant::now();
                driver.whole_at = None;
                let pause = breaker.opened(getrandom::u32().unwrap_or_default());
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stopped(&mut stop) => return,
                }
            }
            () = stopped(&mut stop) => return,
        }
    }
}

impl Driver<'_> {
    /// Looks once, mends what is not as wished, and says when to look again; `None`: nobody wishes any more.
    async fn look(&mut self) -> Result<Option<Duration>, Failure> {
        let revocations = self.shared.revocations.load(Ordering::Relaxed);
        let revoked = revocations != self.revocations;
        let now = Instant::now();
        let key_changes = self.shared.key_changes.load(Ordering::Relaxed);
        if key_changes != self.key_changes {
            self.client.refresh_keys().await?;
            self.key_changes = key_changes;
        }
        let whole = self.whole_at.is_none_or(|at| now >= at + self.health_interval);
        if whole {
            self.look_at_whole().await?;
            self.whole_at = Some(now);
        }
        let defaults = self.client.defaults().await?;
        let there = self.client.configured().await?;
        let Some(wished) = (self.wished)() else { return Ok(None) };
        let steps = plan(&self.terms, &wished, &there, &defaults);
        let lost = steps.iter().filter(|step| self.is_drift(step)).count();
        if lost > 0 {
            self.say(Steered::Drifted);
            tracing::warn!(paths = lost, "MediaMTX is not as it was told to be: it is told again");
        }
        for step in &steps {
            self.carry_out(step).await?;
        }
        self.good = wished.iter().map(ToString::to_string).collect();
        let running = self.client.running().await?;
        wire::take(&mut self.shared.lock_seen(), &running);
        let watched = running.iter().any(|path| !path.readers.is_empty());
        let all_gone = !(whole || revoked) || !watched || self.look_at_sessions(revoked).await?;
        if revoked && all_gone {
            self.revocations = revocations;
        }
        if !steps.is_empty() {
            tracing::info!(paths = steps.len(), "MediaMTX was told what to serve");
            return Ok(Some(PROOF_DELAY));
        }
        self.say(if self.is_closed { Steered::Ready } else { Steered::Open });
        Ok(Some(LOOK_INTERVAL.min(self.health_interval)))
    }

    async fn look_at_whole(&mut self) -> Result<(), Failure> {
        let version = self.client.version().await?;
        let global = self.client.global().await?;
        self.shared.tell(Told { version, rtsp: global.rtsp, webrtc: global.webrtc, hls: global.hls });
        self.is_closed = global.auth_method == "jwt" && global.auth_jwt_exclude.is_empty();
        Ok(())
    }

    /// Was it as wished, without our having changed the wish?
    fn is_drift(&self, step: &Step) -> bool {
        match step {
            Step::Replace(name) => self.good.contains(name),
            Step::Delete(_) => false,
        }
    }

    async fn carry_out(&mut self, step: &Step) -> Result<(), Failure> {
        match step {
            Step::Replace(name) => self.client.replace(name, self.terms.body(name)).await,
            Step::Delete(name) => self.client.delete(name).await,
        }
    }

    /// Ends the sessions of those who must go; `false`: there are more than one look ends.
    async fn look_at_sessions(&mut self, revoked: bool) -> Result<bool, Failure> {
        let mut left = MAX_KICKS;
        for kind in SESSION_KINDS {
            for session in self.client.sessions(kind).await? {
                if (self.keys.is_gone)(&holder(&session)) && (revoked || is_known(&session)) {
                    if left == 0 {
                        return Ok(false);
                    }
                    self.client.kick(kind, &session.id).await?;
                    left -= 1;
                    tracing::info!(path = session.path, "a viewer at MediaMTX was sent away");
                }
            }
        }
        Ok(true)
    }

    fn failed(&mut self, failure: &Failure) {
        // It may have begun anew, and forgotten everything.
        self.whole_at = None;
        if self.say(Steered::Down(failure.public())) {
            tracing::warn!(%failure, "MediaMTX cannot be steered; cameras and recordings go on");
            self.shared.lock_seen().clear();
        } else {
            tracing::debug!(%failure, "MediaMTX still cannot be steered");
        }
    }

    /// Says how it is; was it another way?
    fn say(&self, now: Steered) -> bool {
        let before = self.shared.say(now);
        if let Some(before) = before {
            tracing::info!(?now, ?before, "MediaMTX");
        }
        before.is_some()
    }
}

fn holder(session: &Session) -> Holder<'_> {
    let told = |text: &'_ Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    match session {
        Session { user: Some(user), .. } if told(&session.user) => Holder::Named(user),
        Session { query: Some(query), .. } if told(&session.query) => Holder::Query(query),
        _ => Holder::Unknown,
    }
}

fn is_known(session: &Session) -> bool {
    holder(session) != Holder::Unknown
}
