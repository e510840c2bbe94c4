//! The API keys of this service: the file they are kept in, and what of it is believed now. The command
//! line and a running service change the same file, one at a time.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError, RwLock},
    time::SystemTime,
};

use tokio::sync::{Notify, watch};

use super::{
    ApiKey, KeyOrder, NewKey, Principal,
    api_keys::{Book, NoKey},
    private_file,
};

/// Larger than the file can get with as many keys as there may be.
const MAX_BYTES: u64 = 1 << 23;

/// The keys, and where they lie.
#[derive(Debug)]
pub(crate) struct Keyring {
    path: PathBuf,
    book: RwLock<Book>,
    /// Held while the file is changed or read again, so that what is believed follows what lies there.
    file: Mutex<()>,
    /// When keys were used since the file was last written. No more of them than there are keys.
    used: Mutex<BTreeMap<String, SystemTime>>,
    used_again: Notify,
    /// Counts changes of what keys give.
    changes: watch::Sender<u64>,
}

/// Why keys cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyTrouble {
    /// There are as many as there may be.
    Full,
    /// For the log, or for a person at this machine.
    Failed(String),
}

impl fmt::Display for KeyTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("there are as many keys as there may be; revoke one first"),
            Self::Failed(what) => f.write_str(what),
        }
    }
}

impl From<NoKey> for KeyTrouble {
    fn from(no_key: NoKey) -> Self {
        match no_key {
            NoKey::Full => Self::Full,
            NoKey::Random(cause) => Self::Failed(format!("no random numbers to be had: {cause}")),
        }
    }
}

/// A panic elsewhere cannot have left a book or a table half changed: they are replaced, not edited.
fn own<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Keyring {
    /// Reads the keys; where there is no file, there are none. `changes` is told of every change.
    pub(crate) fn open(path: PathBuf, changes: watch::Sender<u64>) -> Result<Self, String> {
        let book = read(&path)?;
        Ok(Self {
            path,
            book: RwLock::new(book),
            file: Mutex::new(()),
            used: Mutex::default(),
            used_again: Notify::new(),
            changes,
        })
    }

    fn with_book<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who holds the key of this text; a refusal's text may be told.
    pub(crate) fn verify(&self, text: &str, now: SystemTime) -> Result<Principal, &'static str> {
        let principal = self.with_book(|book| book.verify(text, now))?;
        if let super::Credential::Key { id } = &principal.credential {
            own(&self.used).insert(id.clone(), now);
            self.used_again.notify_one();
        }
        Ok(principal)
    }

    /// Is what this key gave `principal` still given?
    pub(crate) fn is_good(&self, id: &str, principal: &Principal, now: SystemTime) -> bool {
        self.with_book(|book| {
            book.get(id).is_some_and(|key| key.judge(now).is_ok() && key.still_gives(principal))
        })
    }

    /// Is there such a key, and is it good?
    pub(crate) fn lives(&self, id: &str, now: SystemTime) -> bool {
        self.with_book(|book| book.get(id).is_some_and(|key| key.judge(now).is_ok()))
    }

    /// All keys, oldest first.
    pub(crate) fn list(&self) -> Vec<ApiKey> {
        let mut keys = self.with_book(Book::list);
        let used = own(&self.used);
        for key in &mut keys {
            key.last_used_at = key.last_used_at.max(used.get(&key.id).copied());
        }
        keys
    }

    /// Makes a key. Waits for the disk.
    pub(crate) fn create(&self, order: KeyOrder, now: SystemTime) -> Result<NewKey, KeyTrouble> {
        self.change(|book| book.create(order, now).map_err(KeyTrouble::from))
    }

    /// Revokes a key, at once; `false`: there is none of this id, or not for who asks. Waits for the disk.
    pub(crate) fn revoke(&self, id: &str, may: impl FnOnce(&ApiKey) -> bool) -> Result<bool, KeyTrouble> {
        self.change(|book| Ok(book.get(id).is_some_and(may) && book.revoke(id)))
    }

    /// Writes down when keys were used. Waits for the disk.
    pub(crate) fn save_used(&self) -> Result<(), KeyTrouble> {
        if own(&self.used).is_empty() {
            return Ok(());
        }
        self.change(|_| Ok(()))
    }

    /// Waits until a key has been used since that was last written down.
    pub(crate) async fn used(&self) {
        self.used_again.notified().await;
    }

    /// Reads the file again, because somebody changed it; says what is different, a few words for each key.
    /// What is not understood changes nothing.
    pub(crate) fn reload(&self) -> Result<Vec<String>, String> {
        let _one_at_a_time = own(&self.file);
        let book = read(&self.path)?;
        let told = self.with_book(|before| differences(&before.list(), &book.list()));
        self.believe(book);
        Ok(told)
    }

    /// Changes the file, and with it what is believed. When the file cannot be written, nothing changes.
    fn change<T>(&self, edit: impl FnOnce(&mut Book) -> Result<T, KeyTrouble>) -> Result<T, KeyTrouble> {
        let _one_at_a_time = own(&self.file);
        let shown = self.path.display();
        let failed =
            |cause: std::io::Error| KeyTrouble::Failed(format!("{shown} cannot be changed: {cause}"));
        let _no_other_process = private_file::lock(&self.path).map_err(failed)?;
        // Read again: the command line may have changed it a moment ago.
        let before = read(&self.path).map_err(KeyTrouble::Failed)?;
        let mut book = before.clone();
        let done = edit(&mut book)?;
        let used = own(&self.used).clone();
        book.note_used(&used);
        if book != before {
            let text = book.to_text().map_err(KeyTrouble::Failed)?;
            private_file::replace(&self.path, &text).map_err(failed)?;
        }
        // What was used meanwhile stays for the next time.
        own(&self.used).retain(|id, at| used.get(id) != Some(at));
        self.believe(book);
        Ok(done)
    }

    fn believe(&self, book: Book) {
        let mut believed = self.book.write().unwrap_or_else(PoisonError::into_inner);
        let same = believed.gives_the_same_as(&book);
        *believed = book;
        drop(believed);
        if !same {
            self.changes.send_modify(|count| *count += 1);
        }
    }
}

fn differences(before: &[ApiKey], after: &[ApiKey]) -> Vec<String> {
    let find = |keys: &[ApiKey], id: &str| keys.iter().find(|key| key.id == id).cloned();
    let new = after.iter().filter_map(|key| {
        let id = &key.id;
        match find(before, id) {
            None => Some(format!("{id} made ({})", key.role.as_str())),
            Some(old) if key.revoked && !old.revoked => Some(format!("{id} revoked")),
            Some(mut old) => {
                old.last_used_at = key.last_used_at;
                (old != *key).then(|| format!("{id} changed"))
            }
        }
    });
    let gone = before.iter().filter(|key| find(after, &key.id).is_none());
    new.chain(gone.map(|key| format!("{} removed", key.id))).collect()
}

fn read(path: &Path) -> Result<Book, String> {
    let text = private_file::read(path, MAX_BYTES)
        .map_err(|cause| format!("{} cannot be read: {cause}", path.display()))?;
    match text {
        None => Ok(Book::default()),
        Some(text) => Book::parse(&text).map_err(|what| format!("{}: {what}", path.display())),
    }
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
