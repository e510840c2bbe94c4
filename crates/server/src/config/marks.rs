//! What changed between two configurations, by key. Secrets are compared by hash, so that a reload can
//! name a changed password without anybody keeping the old one.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
};

use control::settings::Shown;
use serde_json::Value;

/// One for the process: hashes are compared, never stored.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A hash of every value as given, by key.
#[derive(Debug, Default)]
pub(crate) struct Marks(BTreeMap<String, u64>);

impl Marks {
    /// Notes `value` and all below it.
    pub(crate) fn note(&mut self, key: &str, value: &Value) {
        let below = |inner: &str| if key.is_empty() { inner.to_owned() } else { format!("{key}.{inner}") };
        match value {
            Value::Object(map) => map.iter().for_each(|(inner, value)| self.note(&below(inner), value)),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.for_each(|(index, value)| self.note(&format!("{key}[{index}]"), value));
            }
            _ => self.note_bytes(key, value.to_string().as_bytes()),
        }
    }

    /// Notes what a key stands for, such as the content of a file; with what was noted before.
    pub(crate) fn note_bytes(&mut self, key: &str, bytes: &[u8]) {
        let hash = self.0.entry(key.to_owned()).or_default();
        *hash = HASHER.hash_one((*hash, bytes));
    }
}

/// Keys of which the shown values differ, or what is not shown.
pub(crate) fn differing(older: (&[Shown], &Marks), newer: (&[Shown], &Marks)) -> Vec<String> {
    let values = |shown: &[Shown], marks: &Marks| -> BTreeMap<String, (String, Option<u64>)> {
        shown
            .iter()
            .map(|shown| {
                // A default written out is no change; so the hash counts only where the text hides it.
                let hidden = shown.value == "(hidden)"
                    || shown.key.ends_with("_file")
                    || shown.key.ends_with("_files");
                let hash = hidden.then(|| marks.0.get(&shown.key).copied()).flatten();
                (shown.key.clone(), (shown.value.clone(), hash))
            })
            .collect()
    };
    let (older, newer) = (values(older.0, older.1), values(newer.0, newer.1));
    let keys: BTreeSet<&String> = older.keys().chain(newer.keys()).collect();
    keys.into_iter().filter(|key| older.get(*key) != newer.get(*key)).cloned().collect()
}
