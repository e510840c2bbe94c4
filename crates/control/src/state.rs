//! Values set through the API: they outlive the service, win over file and environment, and are dropped
//! by key. One JSON object in one file; the old one or the new one lies there, whatever happens.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde_json::{Map, Value};

const NAME: &str = "state.json";
const UNFINISHED: &str = "state.json.new";
/// Larger than any state of ours; a stranger's file is not read into memory.
const MAX_BYTES: u64 = 1 << 20;

/// Where the values lie, by dotted key, such as `storage.retention.enabled`.
#[derive(Debug)]
pub(crate) struct State {
    dir: PathBuf,
    /// One writer at a time.
    writing: Mutex<()>,
}

impl State {
    /// An error: what was set before cannot be understood.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        read(dir)?;
        Ok(Self { dir: dir.to_owned(), writing: Mutex::new(()) })
    }

    /// Keeps these values; when that fails, none of them counts.
    pub(crate) fn set<K: Into<String>>(&self, new: impl IntoIterator<Item = (K, Value)>) -> io::Result<()> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // Read again: a value may have been dropped meanwhile, by the command for it.
        let mut values = read(&self.dir)?;
        values.extend(new.into_iter().map(|(key, value)| (key.into(), value)));
        write(&self.dir, &values)
    }

    /// Drops what was set for `key` and all below it; `false`: nothing was.
    pub(crate) fn reset(&self, key: &str) -> io::Result<bool> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        reset(&self.dir, key)
    }
}

/// What was set through the API in this data folder, by dotted key. Empty where there is no such folder.
pub fn read(dir: &Path) -> io::Result<Map<String, Value>> {
    let mut text = String::new();
    match File::open(dir.join(NAME)) {
        Ok(file) => file.take(MAX_BYTES).read_to_string(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(error) => return Err(error),
    };
    match serde_json::from_str(&text) {
        Ok(Value::Object(values)) => Ok(values),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not a JSON object")),
    }
}

/// Drops a key and all below it, for the command line, which is another process.
pub fn reset(dir: &Path, key: &str) -> io::Result<bool> {
    let mut values = read(dir)?;
    let before = values.len();
    values.retain(|kept, _| {
        kept.strip_prefix(key).is_none_or(|rest| !(rest.is_empty() || rest.starts_with('.')))
    });
    let was_there = values.len() < before;
    if was_there {
        write(dir, &values)?;
    }
    Ok(was_there)
}

fn write(dir: &Path, values: &Map<String, Value>) -> io::Result<()> {
    let text = Value::Object(values.clone()).to_string();
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than is ever read again"));
    }
    let unfinished = dir.join(UNFINISHED);
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(unfinished, dir.join(NAME))?;
    // The new name is on the disk only when the folder is.
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_outlive_the_service_and_are_dropped_by_key() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(&dir.path().join("none")).unwrap().is_empty());
        let state = State::open(dir.path()).unwrap();
        state.set([("a.b", json!(1)), ("a.c", json!(null))]).unwrap();
        state.set([("a.b", json!(2))]).unwrap();
        let values = read(dir.path()).unwrap();
        assert_eq!(Value::Object(values), json!({"a.b": 2, "a.c": null}));
        assert_eq!((reset(dir.path(), "a.b").unwrap(), state.reset("a.b").unwrap()), (true, false));
        assert_eq!(Value::Object(read(dir.path()).unwrap()), json!({"a.c": null}));
    }

    #[test]
    fn a_key_is_dropped_with_all_below_it_and_no_other_that_begins_like_it() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        let keys = ["c.camera1.gain", "c.camera1.hue", "c.camera10.gain", "c.camera1"];
        state.set(keys.map(|key| (key, json!(1)))).unwrap();
        assert!(reset(dir.path(), "c.camera1.hue").unwrap() && !reset(dir.path(), "c.cam").unwrap());
        assert!(state.reset("c.camera1").unwrap());
        assert_eq!(Value::Object(read(dir.path()).unwrap()), json!({"c.camera10.gain": 1}));
    }

    #[test]
    fn more_than_is_read_again_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        state.set([("a", json!(1))]).unwrap();
        assert!(state.set([("b", json!("x".repeat(MAX_BYTES as usize)))]).is_err());
        assert_eq!(Value::Object(read(dir.path()).unwrap()), json!({"a": 1}));
    }

    #[test]
    fn a_file_that_is_not_understood_is_an_error_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        for bad in ["", "[]", "{", "\u{0}"] {
            std::fs::write(dir.path().join(NAME), bad).unwrap();
            assert!(State::open(dir.path()).is_err(), "{bad:?}");
            assert!(reset(dir.path(), "a").is_err());
            assert_eq!(std::fs::read_to_string(dir.path().join(NAME)).unwrap(), bad);
        }
    }
}
