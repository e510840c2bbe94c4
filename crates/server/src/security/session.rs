//! Who a caller is: the principal a credential stands for, and the session of one connection.

use std::{collections::BTreeSet, sync::Arc, time::SystemTime};

use control::CameraId;

use super::{Buckets, Role};

/// Which cameras a caller may know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of them.
    All,
    /// These; the others do not exist for this caller.
    Only(BTreeSet<CameraId>),
}

impl Scope {
    /// Which; `None`: all.
    pub(crate) fn cameras(&self) -> Option<Vec<CameraId>> {
        match self {
            Self::All => None,
            Self::Only(cameras) => Some(cameras.iter().copied().collect()),
        }
    }

    pub(crate) fn holds(&self, camera: CameraId) -> bool {
        match self {
            Self::All => true,
            Self::Only(cameras) => cameras.contains(&camera),
        }
    }

    /// Does it hold every camera `other` holds, those included that are not known yet?
    pub(crate) fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Only(_), Self::All) => false,
            (Self::Only(mine), Self::Only(theirs)) => theirs.is_subset(mine),
        }
    }
}

/// What a principal showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A token.
    Token {
        /// Its `jti`, by which it can be revoked alone.
        id: Option<String>,
        /// Its `iat`.
        issued_at: SystemTime,
    },
    /// An API key.
    Key {
        /// Its id, by which it is listed and revoked.
        id: String,
    },
}

/// Who a good credential stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    /// Their name, for the log.
    pub(crate) user: String,
    pub(crate) role: Role,
    pub(crate) scope: Scope,
    pub(crate) credential: Credential,
    /// The credential's own end; `None`: it has none.
    pub(crate) expires_at: Option<SystemTime>,
    /// From here on it is refused: its end and the leeway it is given.
    pub(crate) ends_at: Option<SystemTime>,
}

impl Principal {
    /// Is its time over?
    pub(crate) fn is_over(&self, now: SystemTime) -> bool {
        self.ends_at.is_some_and(|at| now >= at)
    }

    /// Whose limits and leases count as one: all tokens of a user are one caller, each key is another.
    pub(crate) fn key(&self) -> String {
        match &self.credential {
            Credential::Token { .. } => format!("{OF_USER}{}", self.user),
            Credential::Key { id } => format!("{OF_KEY}{id}"),
        }
    }
}

const OF_USER: &str = "user:";
const OF_KEY: &str = "key:";

/// Whose a [`Principal::key`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner<'a> {
    /// The holder of tokens of this user.
    User(&'a str),
    /// The holder of the API key of this id.
    Key(&'a str),
}

impl<'a> Owner<'a> {
    /// Reads what [`Principal::key`] gives.
    pub(crate) fn of(key: &'a str) -> Option<Self> {
        let user = key.strip_prefix(OF_USER).map(Self::User);
        user.or_else(|| key.strip_prefix(OF_KEY).map(Self::Key))
    }
}

/// One connection's session: at first nobody's.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    principal: Option<Arc<Principal>>,
    /// There has been a request with good credentials.
    proven: bool,
    /// What was asked in it lately; `None`: only its principal's limits count.
    buckets: Option<Buckets>,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its time was over.
    Expired,
    /// Its credential was taken back.
    Revoked,
}

impl Ended {
    /// The word in `session_expired`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl Session {
    pub(crate) fn new(id: String) -> Self {
        Self { id, principal: None, proven: false, buckets: Some(Buckets::default()) }
    }

    /// One that lives as long as a request over HTTP: its principal's limits are the only ones.
    pub(crate) fn of_request(id: String) -> Self {
        Self { buckets: None, ..Self::new(id) }
    }

    /// Its own account of what was asked.
    pub(crate) fn buckets(&mut self) -> Option<&mut Buckets> {
        self.buckets.as_mut()
    }

    /// Makes it `principal`'s.
    pub(crate) fn begin(&mut self, principal: Arc<Principal>) {
        self.principal = Some(principal);
        self.proven = true;
    }

    /// A request brought good credentials of its own.
    pub(crate) fn prove(&mut self) {
        self.proven = true;
    }

    /// Has there been a request with good credentials?
    pub(crate) fn is_proven(&self) -> bool {
        self.proven
    }

    /// Whose it is now. One whose time is over is nobody's.
    pub(crate) fn principal(&self, now: SystemTime) -> Option<Arc<Principal>> {
        self.principal.clone().filter(|principal| !principal.is_over(now))
    }

    /// When it will end by itself.
    pub(crate) fn ends_at(&self) -> Option<SystemTime> {
        self.principal.as_ref().and_then(|principal| principal.ends_at)
    }

    /// Ends it when its time is over, or its credential good no more; how, if it was ended by this call.
    pub(crate) fn expire(
        &mut self,
        now: SystemTime,
        is_good: impl FnOnce(&Principal) -> bool,
    ) -> Option<Ended> {
        let principal = self.principal.as_ref()?;
        let ended = if principal.is_over(now) {
            Ended::Expired
        } else if is_good(principal) {
            return None;
        } else {
            Ended::Revoked
        };
        self.principal = None;
        Some(ended)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_session_ends_once_at_its_time() {
        let now = SystemTime::now();
        let ends_at = now + Duration::from_secs(30);
        let principal = Arc::new(Principal {
            user: "a".into(),
            role: Role::Viewer,
            scope: Scope::Only([CameraId(1)].into()),
            credential: Credential::Token { id: None, issued_at: now },
            expires_at: Some(now),
            ends_at: Some(ends_at),
        });
        let mut session = Session::new("s".into());
        assert!(session.principal(now).is_none() && !session.is_proven());
        assert_eq!(session.expire(now, |_| true), None);
        session.begin(principal.clone());
        assert!(session.principal(now).is_some() && session.is_proven());
        assert_eq!(session.expire(now, |_| true), None);
        assert!(session.principal(ends_at).is_none());
        assert_eq!(session.expire(ends_at, |_| false), Some(Ended::Expired));
        assert_eq!(session.expire(ends_at, |_| false), None);
        assert!(session.is_proven() && session.ends_at().is_none());
        session.begin(principal);
        assert_eq!(session.expire(now, |_| false), Some(Ended::Revoked));
        assert!(session.principal(now).is_none());
    }

    #[test]
    fn scopes() {
        let one = Scope::Only([CameraId(1)].into());
        assert!(one.holds(CameraId(1)) && !one.holds(CameraId(0)) && Scope::All.holds(CameraId(0)));
        let two = Scope::Only([CameraId(1), CameraId(2)].into());
        assert!(two.includes(&one) && !one.includes(&two) && !two.includes(&Scope::All));
        assert!(Scope::All.includes(&two) && Scope::All.includes(&Scope::All));
    }
}
