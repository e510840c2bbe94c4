//! Judging credentials: verifies, counts wrong ones by address, and writes down who came and who was
//! turned away. A token never reaches a log.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Instant, SystemTime},
};

use super::correlation_id;
use crate::{
    audit::{Audit, Entry, Event, Outcome},
    security::{Failures, Noted, Principal, Tokens},
    wire::Error,
};

/// Whom to believe.
pub(crate) struct Access {
    tokens: Tokens,
    failures: Mutex<Failures>,
    audit: Audit,
}

impl Access {
    pub(crate) fn new(tokens: Tokens, max_failures: u32, audit: Audit) -> Self {
        Self { tokens, failures: Mutex::new(Failures::new(max_failures)), audit }
    }

    /// Who `credential` stands for. `method`: what it was shown for, in words of ours.
    pub(crate) fn verify(
        &self,
        credential: &str,
        address: IpAddr,
        method: &'static str,
    ) -> Result<Arc<Principal>, Error> {
        match self.tokens.verify(credential, SystemTime::now()) {
            Ok(principal) => {
                let principal = Arc::new(principal);
                self.note(Some(principal.clone()), address, method, Outcome::Granted, None);
                Ok(principal)
            }
            Err(refusal) => Err(self.refuse(address, method, refusal.reason())),
        }
    }

    /// Counts and notes what somebody else has judged: a ticket, opened.
    pub(crate) fn accept(
        &self,
        opened: Result<Principal, &'static str>,
        address: IpAddr,
        method: &'static str,
    ) -> Result<Arc<Principal>, Error> {
        let principal = Arc::new(opened.map_err(|reason| self.refuse(address, method, reason))?);
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
        self.audit.note(&Entry {
            event: Event::Authentication,
            who,
            address,
            method,
            device: None,
            filename: None,
            outcome,
            reason: reason.map(str::to_owned),
            correlation_id: correlation_id(),
        });
    }
}
