//! Tokens that are refused although they are signed and in time: by their `jti`, or all that a user was
//! given until some moment. Kept in the data folder until every such token would be too old anyway.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{api_keys::whole_ms, jwt::LEEWAY, private_file};

/// Entries at most.
const MAX_ENTRIES: usize = 10_000;
/// Longest `jti` that can be revoked.
pub(crate) const MAX_JTI_BYTES: usize = 256;
/// Larger than the file can get.
const MAX_BYTES: u64 = 1 << 24;
/// Layout of the file that this version writes.
const SCHEMA_VERSION: u32 = 1;
const NAME: &str = "revoked_tokens.json";

/// Which tokens to refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    /// The one of this `jti`.
    Jti(String),
    /// All that were issued to this user so far.
    User(String),
}

/// Why a token could not be revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotRevoked {
    /// The list is full.
    Full,
    /// It is refused until the next start, but the list could not be written; for the log.
    Unwritten(String),
}

/// The list, and where it lies.
#[derive(Debug)]
pub(crate) struct Revoked {
    path: PathBuf,
    list: RwLock<List>,
    /// One writer at a time.
    file: Mutex<()>,
    /// No token older than this is believed.
    max_age: Duration,
    /// Counts changes.
    changes: watch::Sender<u64>,
}

/// When each was revoked. Pure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct List {
    tokens: BTreeMap<String, SystemTime>,
    users: BTreeMap<String, SystemTime>,
}

/// The file as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    schema_version: u32,
    tokens: BTreeMap<String, String>,
    users: BTreeMap<String, String>,
}

impl Revoked {
    /// Reads the list kept in the data folder, which the caller holds. `changes` is told of every change.
    pub(crate) fn open(
        data_dir: &Path,
        max_age: Duration,
        changes: watch::Sender<u64>,
    ) -> Result<Self, String> {
        let path = data_dir.join(NAME);
        let shown = path.display();
        let text = private_file::read(&path, MAX_BYTES)
            .map_err(|cause| format!("{shown} cannot be read: {cause}"))?;
        let list = match text {
            None => List::default(),
            Some(text) => List::parse(&text).map_err(|what| format!("{shown}: {what}"))?,
        };
        Ok(Self { path, list: RwLock::new(list), file: Mutex::new(()), max_age, changes })
    }

    /// Is this token refused?
    pub(crate) fn holds(&self, user: &str, jti: Option<&str>, issued_at: SystemTime) -> bool {
        self.list.read().unwrap_or_else(PoisonError::into_inner).holds(user, jti, issued_at)
    }

    /// Refuses a token, or all of a user, from now on. Waits for the disk.
    pub(crate) fn revoke(&self, which: Which, now: SystemTime) -> Result<(), NotRevoked> {
        let _one_at_a_time = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list = self.list.read().unwrap_or_else(PoisonError::into_inner).clone();
        list.prune(now, self.max_age);
        list.add(which, now)?;
        // Believed before it is written: when the disk fails, refusing until the next start is better
        // than not refusing.
        *self.list.write().unwrap_or_else(PoisonError::into_inner) = list.clone();
        self.changes.send_modify(|count| *count += 1);
        list.to_text()
            .and_then(|text| private_file::replace(&self.path, &text).map_err(|cause| cause.to_string()))
            .map_err(|cause| NotRevoked::Unwritten(format!("{}: {cause}", self.path.display())))
    }
}

impl List {
    fn holds(&self, user: &str, jti: Option<&str>, issued_at: SystemTime) -> bool {
        jti.is_some_and(|jti| self.tokens.contains_key(jti))
            || self.users.get(user).is_some_and(|until| issued_at <= *until)
    }

    fn add(&mut self, which: Which, now: SystemTime) -> Result<(), NotRevoked> {
        let full = self.tokens.len() + self.users.len() >= MAX_ENTRIES;
        let (list, name) = match which {
            Which::Jti(jti) => (&mut self.tokens, jti),
            Which::User(user) => (&mut self.users, user),
        };
        if full && !list.contains_key(&name) {
            return Err(NotRevoked::Full);
        }
        let at = list.entry(name).or_insert(now);
        *at = whole_ms(now).max(*at);
        Ok(())
    }

    /// Forgets what is refused for its age by now, whatever clocks the tokens were made by.
    fn prune(&mut self, now: SystemTime, max_age: Duration) {
        let needed = |_: &String, at: &mut SystemTime| {
            now.duration_since(*at).map_or(true, |passed| passed <= max_age + 2 * LEEWAY)
        };
        self.tokens.retain(needed);
        self.users.retain(needed);
    }

    fn to_text(&self) -> Result<String, String> {
        let times = |list: &BTreeMap<String, SystemTime>| {
            list.iter().map(|(name, at)| (name.clone(), control::time::rfc3339(*at))).collect()
        };
        let form = FileForm {
            schema_version: SCHEMA_VERSION,
            tokens: times(&self.tokens),
            users: times(&self.users),
        };
        serde_json::to_string_pretty(&form).map(|text| text + "\n").map_err(|cause| cause.to_string())
    }

    fn parse(text: &str) -> Result<Self, String> {
        let form: FileForm = serde_json::from_str(text).map_err(|mistake| {
            format!("not a list of revoked tokens (line {}, column {})", mistake.line(), mistake.column())
        })?;
        if form.schema_version != SCHEMA_VERSION || form.tokens.len() + form.users.len() > MAX_ENTRIES {
            return Err("a list of another version, or too long".into());
        }
        let times = |list: BTreeMap<String, String>| {
            list.into_iter()
                .map(|(name, at)| control::time::parse_rfc3339(&at).map(|at| (name, at)))
                .collect::<Option<BTreeMap<_, _>>>()
                .ok_or("a time in it is not RFC 3339")
        };
        Ok(Self { tokens: times(form.tokens)?, users: times(form.users)? })
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
    }

    fn open(dir: &Path) -> Revoked {
        Revoked::open(dir, DAY, watch::Sender::new(0)).unwrap()
    }

    #[test]
    fn one_token_or_all_of_a_user_so_far_and_over_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let revoked = open(dir.path());
        let mut changes = revoked.changes.subscribe();
        revoked.revoke(Which::Jti("a".into()), at(0)).unwrap();
        revoked.revoke(Which::User("ann".into()), at(10)).unwrap();
        assert!(changes.has_changed().unwrap() && *changes.borrow_and_update() == 2);
        for revoked in [revoked, open(dir.path())] {
            for (user, jti, issued, refused) in [
                ("ann", None, 10, true),
                ("ann", None, 11, false),
                ("bob", None, 0, false),
                ("bob", Some("b"), 0, false),
                ("bob", Some("a"), 99, true),
                ("ann", Some("b"), 99, false),
            ] {
                assert_eq!(revoked.holds(user, jti, at(issued)), refused, "{user} {jti:?} {issued}");
            }
        }
    }

    #[test]
    fn bounded_and_forgotten_when_nobody_can_show_them_any_more() {
        let mut list = List::default();
        for n in 0..MAX_ENTRIES {
            list.add(Which::Jti(n.to_string()), at(0)).unwrap();
        }
        assert_eq!(list.add(Which::User("ann".into()), at(1)), Err(NotRevoked::Full));
        list.add(Which::Jti("0".into()), at(1)).unwrap();
        let last = DAY + 2 * LEEWAY;
        list.prune(at(0) + last, DAY);
        assert_eq!(list.tokens.len(), MAX_ENTRIES);
        list.prune(at(1) + last, DAY);
        assert_eq!(list.tokens.into_keys().collect::<Vec<_>>(), ["0"]);
    }

    #[test]
    fn a_list_that_cannot_be_written_is_in_force_and_told() {
        let dir = tempfile::tempdir().unwrap();
        let revoked = open(dir.path());
        drop(dir);
        let outcome = revoked.revoke(Which::Jti("a".into()), at(0));
        assert!(matches!(outcome, Err(NotRevoked::Unwritten(_))), "{outcome:?}");
        assert!(revoked.holds("x", Some("a"), at(0)));
    }

    #[test]
    fn a_list_that_is_not_understood_is_named_and_not_quoted() {
        let dir = tempfile::tempdir().unwrap();
        for text in [
            "",
            "{\"schema_version\":1,\"tokens\":{\"hunter2\":\"hunter2\"},\"users\":{}}",
            "{\"schema_version\":2,\"tokens\":{},\"users\":{}}",
            "{\"hunter2\":1}",
        ] {
            std::fs::write(dir.path().join(NAME), text).unwrap();
            let what = Revoked::open(dir.path(), DAY, watch::Sender::new(0)).unwrap_err();
            assert!(what.contains(NAME) && !what.contains("hunter2"), "{what}");
        }
    }
}
