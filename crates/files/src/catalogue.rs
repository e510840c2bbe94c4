//! What lies in a folder, remembered between listings. Each listing asks the folder again; a file is
//! read again only when it has changed. So a file that a person removes or puts back shows at once.

use std::{
    collections::HashMap,
    fs::{File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    time::SystemTime,
};

use crate::folder::Folder;

/// By this a changed file is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    len: u64,
    modified: SystemTime,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Self { inode: metadata.ino(), len: metadata.len(), modified }
    }
}

/// Files of one folder with what was read of each; `None` for a file that is not ours.
#[derive(Debug)]
pub(crate) struct Catalogue<T> {
    known: HashMap<String, (Stamp, Option<T>)>,
}

/// One file of ours as it lies there now.
#[derive(Debug, Clone)]
pub(crate) struct Entry<T> {
    pub(crate) name: String,
    pub(crate) len: u64,
    pub(crate) modified: SystemTime,
    pub(crate) note: T,
}

impl<T: Clone> Catalogue<T> {
    pub(crate) fn new() -> Self {
        Self { known: HashMap::new() }
    }

    /// Every file of ours. `read` tells what a file is; one that cannot be read is left out. What is
    /// not `settled` is not remembered.
    pub(crate) fn look(
        &mut self,
        folder: &Folder,
        read: impl Fn(&str, &mut File) -> io::Result<Option<T>>,
        settled: impl Fn(&T) -> bool,
    ) -> io::Result<Vec<Entry<T>>> {
        let mut before = std::mem::take(&mut self.known);
        let mut entries = Vec::new();
        for name in folder.names()? {
            // What begins with a dot is being made.
            if name.starts_with('.') {
                continue;
            }
            let Ok(stamp) = folder.metadata(&name).map(|metadata| Stamp::of(&metadata)) else { continue };
            let known = before.remove(&name).filter(|(seen, _)| *seen == stamp).map(|(_, note)| note);
            let note = match known {
                Some(note) => note,
                None => match folder.read(&name).and_then(|(mut file, _)| read(&name, &mut file)) {
                    Ok(note) => note,
                    Err(error) => {
                        tracing::debug!(name, %error, "a file was left out of a listing");
                        continue;
                    }
                },
            };
            if let Some(note) = &note {
                let entry = Entry {
                    name: name.clone(),
                    len: stamp.len,
                    modified: stamp.modified,
                    note: note.clone(),
                };
                entries.push(entry);
            }
            if note.as_ref().is_none_or(&settled) {
                self.known.insert(name, (stamp, note));
            }
        }
        Ok(entries)
    }
}
