//! Judging credentials: verifies tokens and keys, counts wrong ones by address and requests by caller,
//! and writes down who came and who was turned away. A credential never reaches a log.

use std::{
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Instant, SystemTime},
};

use control::settings::Problem;
use tokio::sync::watch;

use crate::{
    audit::{Audit, Entry, Event, Outcome},
    config::Security,
    security::{
        Asker, Credential, Failures, Keyring, Limiter, Noted, Owner, Principal, Refusal, Revoked, Session,
        Tokens, block, looks_like_key,
    },
    wire::Error,
};

/// Whom to believe.
pub(crate) struct Access {
    tokens: Tokens,
    keys: Keyring,
    revoked: Revoked,
    failures: Mutex<Failures>,
    limiter: Mutex<Limiter>,
    /// Counts revocations and other changes of what credentials give.
    changes: watch::Sender<u64>,
    audit: Audit,
}

impl Access {
    /// Reads API keys and revoked tokens. A file that is not understood is an error: without it, nobody
    /// knows whom to turn away.
    pub(crate) fn open(
        tokens: Tokens,
        security: &Security,
        data_dir: &Path,
        audit: Audit,
    ) -> Result<Self, Problem> {
        let problem = |key: &str| {
            let key = key.to_owned();
            move |what| Problem { key, what }
        };
        let changes = watch::Sender::new(0);
        let keys = Keyring::open(security.api_keys_file(data_dir), changes.clone())
            .map_err(problem("security.api_keys_file"))?;
        let revoked = Revoked::open(data_dir, security.max_token_age, changes.clone())
            .map_err(problem("revoked_tokens.json"))?;
        Ok(Self {
            tokens,
            keys,
            revoked,
            failures: Mutex::new(Failures::new(security.max_auth_failures)),
            limiter: Mutex::new(Limiter::new(security.limits.clone())),
            changes,
            audit,
        })
    }

    /// Takes what a changed configuration says of limits, and reads the keys again. An error changes
    /// nothing. Waits for the disk.
    pub(crate) fn reconfigure(&self, security: &Security) -> Result<(), String> {
        self.reload_keys()?;
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner).set(security.limits.clone());
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.set_max(security.max_auth_failures);
        Ok(())
    }

    /// Reads the file of API keys again, which the command line may have changed. An error changes nothing.
    /// Waits for the disk.
    pub(crate) fn reload_keys(&self) -> Result<(), String> {
        let told = self.keys.reload()?;
        if !told.is_empty() {
            self.audit.keys_changed(&told);
        }
        Ok(())
    }

    /// The API keys.
    pub(crate) fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// The tokens that are refused.
    pub(crate) fn revoked(&self) -> &Revoked {
        &self.revoked
    }

    /// Tells when somebody may have lost what they had; then ask [`Self::is_good`].
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// May `principal` still do what its credential once let it do?
    pub(crate) fn is_good(&self, principal: &Principal) -> bool {
        let now = SystemTime::now();
        !principal.is_over(now)
            && match &principal.credential {
                Credential::Token { id, issued_at } => {
                    !self.revoked.holds(&principal.user, id.as_deref(), *issued_at)
                }
                Credential::Key { id } => self.keys.is_good(id, principal, now),
            }
    }

    /// Was whoever had this name ([`Principal::key`]) at `since` turned out meanwhile? A single token that is
    /// revoked turns its user out of nothing but its own sessions.
    pub(crate) fn was_turned_out(&self, name: &str, since: SystemTime) -> bool {
        match Owner::of(name) {
            Some(Owner::User(user)) => self.revoked.holds(user, None, since),
            Some(Owner::Key(id)) => !self.keys.lives(id, SystemTime::now()),
            None => true,
        }
    }

    fn judge(&self, credential: &str) -> Result<Principal, &'static str> {
        let now = SystemTime::now();
        if looks_like_key(credential) {
            return self.keys.verify(credential, now);
        }
        let principal = self.tokens.verify(credential, now).map_err(Refusal::reason)?;
        if self.is_good(&principal) { Ok(principal) } else { Err("the token was revoked") }
    }

    /// Counts a request against the limits. `session`: unless the request came with a credential of its
    /// own; `principal`: as far as it is known yet.
    pub(crate) fn ask(
        &self,
        method: &'static str,
        session: Option<&mut Session>,
        principal: Option<&Arc<Principal>>,
        address: IpAddr,
    ) -> Result<(), Error> {
        let key = principal.map(|principal| principal.key());
        let nobody = format!("address:{}", block(address));
        let asker = Asker {
            session: session.and_then(Session::buckets),
            principal: key.as_deref(),
            name: key.as_deref().unwrap_or(&nobody),
        };
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = limiter.ask(asker, method, Instant::now());
        drop(limiter);
        outcome.map_err(|over| {
            if over.noted {
                let why = "over the rate limit; more in this minute are not logged";
                let line = Entry::about(
                    Event::Refusal,
                    principal.cloned(),
                    address,
                    method,
                    Outcome::Refused,
                    Some(why),
                );
                self.audit.note(&line);
            }
            Error::limited("too many requests; come again after retry_after_ms", over.retry_after)
        })
    }

    /// Who `credential` stands for. `method`: what it was shown for, in words of ours.
    pub(crate) fn verify(
        &self,
        credential: &str,
        address: IpAddr,
        method: &'static str,
    ) -> Result<Arc<Principal>, Error> {
        match self.judge(credential) {
            Ok(principal) => {
                let principal = Arc::new(principal);
                self.note(Some(principal.clone()), address, method, Outcome::Granted, None);
                Ok(principal)
            }
            Err(reason) => Err(self.refuse(address, method, reason)),
        }
    }

    /// Counts and notes what somebody else has judged: a ticket, opened.
    pub(crate) fn accept(
        &self,
        opened: Result<Principal, &'static str>,
        address: IpAddr,
        method: &'static str,
    ) -> Result<Arc<Principal>, Error> {
        let believed = opened.and_then(|principal| {
            if self.is_good(&principal) {
                Ok(principal)
            } else {
                Err("what the ticket was given for was revoked")
            }
        });
        let principal = Arc::new(believed.map_err(|reason| self.refuse(address, method, reason))?);
        self.note(Some(principal.clone()), address, method, Outcome::Granted, None);
        Ok(principal)
    }

    /// Notes a credential that cannot be one.
    pub(crate) fn refuse(&self, address: IpAddr, method: &'static str, reason: &str) -> Error {
        // A panic elsewhere cannot have left the counts unusable.
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = failures.note(address, Instant::now());
        drop(failures);
        match noted {
            Noted::Counted => {
                self.note(None, address, method, Outcome::Refused, Some(reason));
                Error::unauthenticated(reason)
            }
            Noted::Last => {
                // An attacker must not fill the log.
                let last = "refused for the last time in this minute; more are not logged";
                self.note(None, address, method, Outcome::Refused, Some(last));
                Error::unauthenticated(reason)
            }
            Noted::TooMany { retry_after } => {
                Error::limited("too many wrong credentials from this address", retry_after)
            }
        }
    }

    fn note(
        &self,
        who: Option<Arc<Principal>>,
        address: IpAddr,
        method: &'static str,
        outcome: Outcome,
        reason: Option<&str>,
    ) {
        self.audit.note(&Entry::about(Event::Authentication, who, address, method, outcome, reason));
    }
}
