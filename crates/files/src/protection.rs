//! Which recordings are protected from retention: a list in a hidden file of the recordings folder, so
//! that it goes where they go. By what a file says of itself, not by its name: a renamed file stays
//! protected.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read, Write},
};

use serde_json::{Value, json};

use crate::folder::Folder;

const NAME: &str = ".protected.json";
const UNFINISHED: &str = ".protected.json.new";
/// Larger than any list of ours: a hundred thousand recordings.
const MAX_BYTES: u64 = 16 << 20;
const VERSION: u64 = 1;

/// What of one recording is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// All of it, files that are still to come included.
    All,
    /// These segments.
    Segments(BTreeSet<u32>),
}

/// The list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Protection(BTreeMap<String, Part>);

impl Protection {
    /// Reads the list. An error means that nothing is known of what is protected: then nothing may be
    /// removed by rule.
    pub(crate) fn load(folder: &Folder) -> io::Result<Self> {
        let mut text = Vec::new();
        match folder.read(NAME) {
            Ok((file, _)) => file.take(MAX_BYTES).read_to_end(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the list of protected files"))
    }

    /// Writes the list: the old one or the new one lies there, whatever happens meanwhile.
    pub(crate) fn save(&self, folder: &Folder) -> io::Result<()> {
        // Left by a crash.
        match folder.remove(UNFINISHED) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = folder.create(UNFINISHED)?;
        file.write_all(self.to_json().as_bytes())?;
        file.sync_all()?;
        folder.rename(UNFINISHED, NAME)
    }

    pub(crate) fn covers(&self, recording_id: &str, segment: u32) -> bool {
        match self.0.get(recording_id) {
            None => false,
            Some(Part::All) => true,
            Some(Part::Segments(segments)) => segments.contains(&segment),
        }
    }

    pub(crate) fn protect_all(&mut self, recording_id: &str) {
        self.0.insert(recording_id.to_owned(), Part::All);
    }

    pub(crate) fn protect(&mut self, recording_id: &str, segment: u32) {
        let part = self.0.entry(recording_id.to_owned()).or_insert_with(|| Part::Segments(BTreeSet::new()));
        if let Part::Segments(segments) = part {
            segments.insert(segment);
        }
    }

    pub(crate) fn release_all(&mut self, recording_id: &str) {
        self.0.remove(recording_id);
    }

    /// `others`: the recording's other segments, which stay protected if they are.
    pub(crate) fn release(&mut self, recording_id: &str, segment: u32, others: impl Iterator<Item = u32>) {
        let Some(part) = self.0.get_mut(recording_id) else { return };
        match part {
            Part::All => *part = Part::Segments(others.filter(|other| *other != segment).collect()),
            Part::Segments(segments) => {
                segments.remove(&segment);
            }
        }
        if matches!(part, Part::Segments(segments) if segments.is_empty()) {
            self.0.remove(recording_id);
        }
    }

    /// Forgets recordings of which nothing is left.
    pub(crate) fn retain(&mut self, exists: impl Fn(&str) -> bool) {
        self.0.retain(|recording_id, _| exists(recording_id));
    }

    fn to_json(&self) -> String {
        let parts: serde_json::Map<String, Value> = self
            .0
            .iter()
            .map(|(id, part)| {
                let value = match part {
                    Part::All => json!("all"),
                    Part::Segments(segments) => json!(segments),
                };
                (id.clone(), value)
            })
            .collect();
        json!({"v": VERSION, "recordings": parts}).to_string()
    }
}

fn parse(text: &[u8]) -> Option<Protection> {
    let value: Value = serde_json::from_slice(text).ok()?;
    value.get("v")?.as_u64().filter(|version| *version == VERSION)?;
    let part = |value: &Value| match value {
        Value::String(all) if all == "all" => Some(Part::All),
        Value::Array(segments) => segments
            .iter()
            .map(|n| u32::try_from(n.as_u64()?).ok())
            .collect::<Option<_>>()
            .map(Part::Segments),
        _ => None,
    };
    let recordings = value.get("recordings")?.as_object()?;
    recordings
        .iter()
        .map(|(id, value)| Some((id.clone(), part(value)?)))
        .collect::<Option<_>>()
        .map(Protection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_files_and_whole_recordings() {
        let mut list = Protection::default();
        list.protect("a", 2);
        assert!(list.covers("a", 2) && !list.covers("a", 1) && !list.covers("b", 2));
        list.protect_all("a");
        assert!(list.covers("a", 1) && list.covers("a", 99), "what is still to come, too");
        list.release("a", 1, [1, 2, 3].into_iter());
        assert!(!list.covers("a", 1) && list.covers("a", 2) && list.covers("a", 3) && !list.covers("a", 4));
        list.release("a", 2, [1, 3].into_iter());
        list.release("a", 3, [1].into_iter());
        assert_eq!(list, Protection::default());
        list.protect("b", 1);
        list.protect_all("c");
        assert_eq!(parse(list.to_json().as_bytes()), Some(list.clone()));
        list.retain(|id| id == "c");
        list.release_all("c");
        assert_eq!(list, Protection::default());
    }

    #[test]
    fn a_list_that_cannot_be_read_is_an_error_and_survives() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path(), "test").unwrap();
        assert_eq!(Protection::load(&folder).unwrap(), Protection::default());
        let mut list = Protection::default();
        list.protect_all("a");
        // Left by a crash in the middle of writing.
        std::fs::write(dir.path().join(UNFINISHED), "{").unwrap();
        list.save(&folder).unwrap();
        assert_eq!(Protection::load(&folder).unwrap(), list);
        for bad in ["", "{}", r#"{"v":2,"recordings":{}}"#, r#"{"v":1,"recordings":{"a":[-1]}}"#] {
            std::fs::write(dir.path().join(NAME), bad).unwrap();
            assert!(Protection::load(&folder).is_err(), "{bad}");
        }
    }
}
