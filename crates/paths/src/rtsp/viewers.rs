//! Who may watch: the question put to whoever knows, and the sessions that were let in by name, so that
//! they can be ended.

use std::{
    collections::BTreeMap,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use engine::rtsp::Credentials;
use tokio::sync::Notify;

use crate::path::PathName;

/// Who wants to watch what.
#[derive(Debug)]
pub struct Viewer<'a> {
    /// The path; there may be none of that name.
    pub path: &'a PathName,
    /// Where the viewer is.
    pub address: IpAddr,
    /// What it shows.
    pub credentials: &'a Credentials,
}

/// May it?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Yes, under these terms.
    Pass(Pass),
    /// Not with these credentials; it is asked for others.
    Unauthorized,
    /// For this viewer there is no such path.
    NotFound,
}

/// Under which terms somebody watches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pass {
    /// In whose name, for [`crate::Paths::end_viewers`]; `None`: in nobody's.
    pub principal: Option<String>,
    /// When it ends by itself.
    pub ends_at: Option<SystemTime>,
}

/// Answers who may watch, at once. Asked when a session begins, not for every picture.
pub type Authorize = Arc<dyn Fn(&Viewer<'_>) -> Verdict + Send + Sync>;

/// Viewers that were let in by name.
#[derive(Default)]
pub(crate) struct Viewers(Mutex<Listed>);

#[derive(Default)]
struct Listed {
    next: u64,
    /// How often somebody was ended.
    rounds: u64,
    by_number: BTreeMap<u64, (String, Arc<Notify>)>,
}

impl fmt::Debug for Viewers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Viewers({})", self.lock().by_number.len())
    }
}

impl Viewers {
    fn lock(&self) -> MutexGuard<'_, Listed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be asked before it is asked whether somebody may watch.
    pub(crate) fn round(&self) -> u64 {
        self.lock().rounds
    }

    /// From here on this session can be ended. `None`: others were ended since `round`, and who was let in
    /// before that may be one of them.
    pub(crate) fn enter(self: &Arc<Self>, principal: String, round: u64) -> Option<Entered> {
        let ended = Arc::new(Notify::new());
        let mut listed = self.lock();
        if listed.rounds != round {
            return None;
        }
        let number = listed.next;
        listed.next += 1;
        listed.by_number.insert(number, (principal, ended.clone()));
        drop(listed);
        Some(Entered { viewers: self.clone(), number, ended })
    }

    /// Ends the sessions of those whose names are `gone`; says how many.
    pub(crate) fn end(&self, gone: impl Fn(&str) -> bool) -> usize {
        let mut listed = self.lock();
        listed.rounds += 1;
        let theirs = listed.by_number.values().filter(|(name, _)| gone(name));
        theirs.inspect(|(_, ended)| ended.notify_one()).count()
    }
}

/// A session in the list. Dropping it leaves.
#[derive(Debug)]
pub(crate) struct Entered {
    viewers: Arc<Viewers>,
    number: u64,
    ended: Arc<Notify>,
}

impl Entered {
    /// Until it is ended.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.viewers.lock().by_number.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_principals_sessions_are_ended_and_nobody_elses() {
        let viewers = Arc::<Viewers>::default();
        let round = viewers.round();
        let enter = |name: &str| viewers.enter(name.into(), round);
        let (one, two, other) = (enter("a").unwrap(), enter("a").unwrap(), enter("b").unwrap());
        drop(enter("a"));
        assert_eq!(viewers.end(|name| name == "a"), 2);
        assert!(enter("a").is_none(), "let in before the end, listed after it");
        tokio::join!(one.ended(), two.ended());
        let other = tokio::time::timeout(std::time::Duration::ZERO, other.ended()).await;
        assert!(other.is_err());
        assert_eq!(viewers.end(|name| name == "c"), 0);
        assert!(viewers.enter("a".into(), viewers.round()).is_some());
    }
}
