//! Which camera had which number: one small file in the data folder, so that a number stays with its
//! camera when the service, the machine or the camera goes and comes back.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base::CameraId;
use serde_json::{Value, json};

use crate::camera::Kind;

/// Version of the file. A later one is not understood and stays as it is.
const SCHEMA: u64 = 1;
/// Larger than any file of ours.
const MAX_BYTES: u64 = 1 << 20;
/// Cameras remembered at most; who sees more of them has other troubles.
const MAX_ENTRIES: usize = 1024;

/// One camera that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: CameraId,
    /// What tells it from others where no serial number does: its name and where it is plugged in.
    pub(crate) key: String,
    /// Its serial number, which goes with it wherever it is plugged in.
    pub(crate) serial: Option<String>,
    /// As it called itself.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// When it was last there, as far as that was worth writing down.
    pub(crate) seen: Option<SystemTime>,
}

/// All cameras that were seen.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// `None`: nothing is kept.
    file: Option<PathBuf>,
    entries: Vec<Entry>,
    /// Something is not in the file yet.
    changed: bool,
}

impl Known {
    /// What the file holds; empty where there is none.
    pub(crate) fn open(file: PathBuf) -> io::Result<Self> {
        let mut text = String::new();
        match File::open(&file) {
            Ok(open) => open.take(MAX_BYTES).read_to_string(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { file: Some(file), ..Self::default() });
            }
            Err(error) => return Err(error),
        };
        let entries = parse(&text).ok_or_else(|| {
            let what = format!("{} is not a list of cameras of this version", file.display());
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        Ok(Self { file: Some(file), entries, changed: false })
    }

    /// What is noted from here on is not kept.
    pub(crate) fn read_only(self) -> Self {
        Self { file: None, ..self }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn id_of(&self, key: &str) -> Option<CameraId> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| entry.id)
    }

    /// The device that calls itself `name`. `alone`: no other one that is there has its name and serial
    /// number (makers of cheap cameras give all of them the same).
    pub(crate) fn id_of_device(
        &self,
        key: &str,
        name: &str,
        serial: Option<&str>,
        alone: bool,
    ) -> Option<CameraId> {
        let here = |entry: &&Entry| entry.key == key;
        let same = |entry: &&Entry| entry.serial.as_deref() == serial;
        let exactly = self.entries.iter().find(|entry| here(entry) && same(entry));
        let elsewhere = || {
            let mut all = self.entries.iter().filter(|entry| same(entry) && entry.name == name);
            let first = all.next().filter(|_| alone && serial.is_some())?;
            all.next().is_none().then_some(first)
        };
        // Its number was not told then, or is not now.
        let unnumbered =
            || self.entries.iter().filter(here).find(|entry| entry.serial.is_none() || serial.is_none());
        exactly.or_else(elsewhere).or_else(unnumbered).map(|entry| entry.id)
    }

    /// Remembers a camera that is there. Another one with its key or its number is forgotten.
    pub(crate) fn note(&mut self, entry: Entry) {
        let same = |old: &Entry| Entry { seen: None, ..old.clone() } == Entry { seen: None, ..entry.clone() };
        if self.entries.iter().any(same) {
            return;
        }
        let entry = Entry { seen: entry.seen.or_else(|| Some(SystemTime::now())), ..entry };
        // One with a serial number of its own, which was plugged in there before, stays known.
        let another =
            |old: &Entry| old.serial.is_some() && entry.serial.is_some() && old.serial != entry.serial;
        self.entries.retain(|old| old.id != entry.id && (old.key != entry.key || another(old)));
        if self.entries.len() < MAX_ENTRIES {
            self.entries.push(entry);
            self.entries.sort_by_key(|entry| entry.id);
        }
        self.changed = true;
    }

    /// Remembers when a camera was last there.
    pub(crate) fn saw(&mut self, id: CameraId, at: Option<SystemTime>) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id)
            && let Some(at) = at
        {
            entry.seen = Some(at);
            self.changed = true;
        }
    }

    pub(crate) fn forget(&mut self, id: CameraId) {
        self.entries.retain(|entry| entry.id != id);
        self.changed = true;
    }

    /// What is new and not in the file yet; from here on it counts as written.
    pub(crate) fn unsaved(&mut self) -> Option<Unsaved> {
        let file = self.file.clone().filter(|_| self.changed)?;
        self.changed = false;
        Some(Unsaved { file, text: to_text(&self.entries) })
    }

    /// It could not be written after all.
    pub(crate) fn not_saved(&mut self) {
        self.changed = true;
    }
}

/// What is to be written, apart from what goes on meanwhile. One at a time may write.
#[derive(Debug)]
#[must_use]
pub(crate) struct Unsaved {
    file: PathBuf,
    text: String,
}

impl Unsaved {
    pub(crate) fn write(&self) -> io::Result<()> {
        write(&self.file, &self.text)
    }
}

/// The old file or the new one lies there, whatever happens.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let unfinished = file.with_extension("new");
    let mut open =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(&unfinished)?;
    open.write_all(text.as_bytes())?;
    open.sync_all()?;
    fs::rename(unfinished, file)?;
    match file.parent() {
        // The new name is on the disk only when the folder is.
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn to_text(entries: &[Entry]) -> String {
    let cameras: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let kind = kinds().into_iter().find(|(_, kind)| *kind == entry.kind).map(|(word, _)| word);
            let seen = entry.seen.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let seen_ms = seen.map(|since| since.as_millis() as u64);
            json!({
                "id": entry.id.to_string(), "key": entry.key, "serial": entry.serial, "name": entry.name, "kind": kind,
                "seen_ms": seen_ms
            })
        })
        .collect();
    json!({"schema": SCHEMA, "cameras": cameras}).to_string()
}

fn kinds() -> [(&'static str, Kind); 3] {
    [("v4l2", Kind::V4l2), ("rtsp", Kind::Rtsp), ("test", Kind::Test)]
}

fn parse(text: &str) -> Option<Vec<Entry>> {
    let value: Value = serde_json::from_str(text).ok()?;
    (value.get("schema")?.as_u64()? == SCHEMA).then_some(())?;
    let cameras = value.get("cameras")?.as_array().filter(|all| all.len() <= MAX_ENTRIES)?;
    let entry = |camera: &Value| {
        let text = |key: &str| camera.get(key).and_then(Value::as_str);
        let kind = kinds().into_iter().find(|(word, _)| text("kind") == Some(word))?.1;
        Some(Entry {
            id: text("id")?.parse().ok()?,
            key: text("key")?.into(),
            // Absent in what the first versions wrote.
            serial: text("serial").map(Into::into),
            name: text("name")?.into(),
            kind,
            // The same. Whatever stands there, it stays a date.
            seen: camera
                .get("seen_ms")
                .and_then(Value::as_u64)
                .filter(|ms| *ms < 253_402_300_800_000)
                .map(|ms| UNIX_EPOCH + Duration::from_millis(ms)),
        })
    };
    cameras.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cameras.json");
        let mut known = Known::open(file.clone()).unwrap();
        let entry = |id, key: &str| Entry {
            id: CameraId(id),
            key: key.into(),
            serial: Some("7".into()),
            name: "Cam".into(),
            kind: Kind::V4l2,
            seen: Some(UNIX_EPOCH + Duration::from_millis(1_795_483_519_123)),
        };
        known.note(entry(3, "a"));
        known.note(entry(0, "b"));
        known.unsaved().unwrap().write().unwrap();
        let mut again = Known::open(file.clone()).unwrap();
        assert_eq!(again.entries(), [entry(0, "b"), entry(3, "a")]);
        assert_eq!((again.id_of("a"), again.id_of("x")), (Some(CameraId(3)), None));
        // A key has one number, a number one key.
        again.note(entry(0, "a"));
        again.forget(CameraId(9));
        again.unsaved().unwrap().write().unwrap();
        assert_eq!(Known::open(file.clone()).unwrap().entries(), [entry(0, "a")]);
        let later = UNIX_EPOCH + Duration::from_millis(1_795_483_600_000);
        again.saw(CameraId(0), Some(later));
        again.saw(CameraId(5), Some(later));
        again.unsaved().unwrap().write().unwrap();
        let kept = Known::open(file.clone()).unwrap();
        assert_eq!(kept.entries(), [Entry { seen: Some(later), ..entry(0, "a") }]);
        // It is still the same camera.
        let mut kept = kept;
        kept.note(entry(0, "a"));
        assert_eq!(kept.entries()[0].seen, Some(later));
        fs::write(
            &file,
            r#"{"schema": 1, "cameras": [{"id": "camera2", "key": "k", "name": "n", "kind": "test"}]}"#,
        )
        .unwrap();
        assert_eq!(Known::open(file.clone()).unwrap().entries()[0].seen, None);
        for bad in ["", "[]", r#"{"schema": 2, "cameras": []}"#, r#"{"schema": 1, "cameras": [{"id": "x"}]}"#]
        {
            fs::write(&file, bad).unwrap();
            assert!(Known::open(file.clone()).is_err(), "{bad}");
        }
    }
}
