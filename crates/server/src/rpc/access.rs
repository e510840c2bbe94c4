//! Judging credentials: verifies, counts wrong ones by address, and writes down who came and who was
//! turned away. A token never reaches a log.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Instant, SystemTime},
};

use crate::{
    security::{Failures, Noted, Principal, Tokens},
    wire::Error,
};

/// Whom to believe.
pub(crate) struct Access {
    tokens: Tokens,
    failures: Mutex<Failures>,
}

impl Access {
    pub(crate) fn new(tokens: Tokens, max_failures: u32) -> Self {
        Self { tokens, failures: Mutex::new(Failures::new(max_failures)) }
    }

    /// Who `token` stands for. `method`: what it was shown for, in words of ours.
    pub(crate) fn verify(&self, token: &str, address: IpAddr, method: &str) -> Result<Arc<Principal>, Error> {
        match self.tokens.verify(token, SystemTime::now()) {
            Ok(principal) => {
                let (user, role) = (principal.user.as_str(), principal.role.as_str());
                tracing::info!(target: "audit", event = "authentication", user, role, %address, method, outcome = "granted");
                Ok(Arc::new(principal))
            }
            Err(refusal) => Err(self.refuse(address, method, refusal.reason())),
        }
    }

    /// Notes a credential that cannot be one.
    pub(crate) fn refuse(&self, address: IpAddr, method: &str, reason: &str) -> Error {
        // A panic elsewhere cannot have left the counts unusable.
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = failures.note(address, Instant::now());
        match noted {
            Noted::Counted => {
                tracing::warn!(target: "audit", event = "authentication", %address, method, outcome = "refused", reason);
                Error::unauthenticated(reason)
            }
            Noted::Last => {
                // An attacker must not fill the log.
                let reason_logged = "refused for the last time in this minute; more are not logged";
                tracing::warn!(target: "audit", event = "authentication", %address, method, outcome = "refused", reason = reason_logged);
                Error::unauthenticated(reason)
            }
            Noted::TooMany { retry_after } => {
                Error::limited("too many wrong credentials from this address", retry_after)
            }
        }
    }
}
