//! The two folders and what goes into them.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, ErrorKind, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use base::{CameraId, Error, Kind, Result};
use media::Container;

use crate::{
    adopt::{self, Adopted},
    browse::{RecordingNote, SnapshotNote},
    catalogue::Catalogue,
    config::{Config, Durability},
    folder::Folder,
    name,
    protection::Protection,
    removal,
    segment::{NewSegment, Progress, Segment},
    space::{self, Space},
};

/// Beginning of the names of snapshots and clips that are still being written.
pub(crate) const UNFINISHED: &str = ".unfinished-";

/// Recordings and snapshots. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Files(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    min_free_space: u64,
    pub(crate) durability: Durability,
    pub(crate) recordings: Folder,
    pub(crate) snapshots: Folder,
    /// Files being written, with how far they have come.
    pub(crate) writing: Arc<Mutex<BTreeMap<String, Arc<Progress>>>>,
    pub(crate) recordings_seen: Mutex<Catalogue<RecordingNote>>,
    pub(crate) snapshots_seen: Mutex<Catalogue<SnapshotNote>>,
    /// What is kept from retention, or why nobody knows.
    pub(crate) protection: Mutex<std::result::Result<Protection, String>>,
    unfinished: AtomicU64,
}

/// A place in the list of files being written; given back when dropped.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) name: String,
    pub(crate) progress: Arc<Progress>,
    all: Arc<Mutex<BTreeMap<String, Arc<Progress>>>>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        locked(&self.all).remove(&self.name);
    }
}

/// A finished picture on its way to the disk.
#[derive(Debug)]
pub struct NewSnapshot {
    /// The camera.
    pub device: CameraId,
    /// When the picture was taken.
    pub taken: SystemTime,
    /// Wanted name; `None`: made from camera and time.
    pub name: Option<String>,
    /// `jpg` or `png`.
    pub extension: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

/// A snapshot that lies in its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedSnapshot {
    /// Plain name.
    pub filename: String,
}

impl Files {
    /// Makes the folders if need be and mends what a killed service left there.
    pub fn open(config: &Config) -> Result<(Self, Vec<Adopted>)> {
        let recordings = Folder::open(&config.recordings_dir, "recordings")?;
        let snapshots = Folder::open(&config.snapshots_dir, "snapshots")?;
        let unread = |e: &io::Error| Error::io("a folder of the service cannot be read", e);
        let adopted = adopt::recordings(&recordings).map_err(|e| unread(&e))?;
        for folder in [&recordings, &snapshots] {
            adopt::unfinished(folder).map_err(|e| unread(&e))?;
        }
        let inner = Inner {
            min_free_space: config.min_free_space,
            durability: config.durability,
            protection: Mutex::new(removal::load(&recordings)),
            recordings,
            snapshots,
            writing: Arc::default(),
            recordings_seen: Mutex::new(Catalogue::new()),
            snapshots_seen: Mutex::new(Catalogue::new()),
            unfinished: AtomicU64::new(0),
        };
        Ok((Self(Arc::new(inner)), adopted))
    }

    /// Room where recordings lie.
    pub fn space(&self) -> Result<Space> {
        space::of(self.0.recordings.path())
    }

    /// Room where snapshots lie.
    pub fn snapshot_space(&self) -> Result<Space> {
        space::of(self.0.snapshots.path())
    }

    /// Bytes that must be free before a recording begins.
    pub fn required(&self) -> u64 {
        self.0.min_free_space
    }

    /// Begins a file of a recording.
    pub fn begin(&self, new: &NewSegment) -> Result<Segment> {
        Segment::begin(self, new)
    }

    /// A new, empty, locked file for a recording that begins at `start`.
    pub(crate) fn create_recording(
        &self,
        device: CameraId,
        start: SystemTime,
        container: Container,
    ) -> Result<(File, Writing)> {
        let failed = |error: &io::Error| Error::io("the recording's file could not be made", error);
        for twin in 1..=name::MAX_TWINS {
            let name = name::make(device, start, twin, container.extension());
            let progress = Arc::<Progress>::default();
            // Listed as being written from before it exists: nobody ever sees it as something else.
            if locked(&self.0.writing).contains_key(&name) {
                continue;
            }
            locked(&self.0.writing).insert(name.clone(), progress.clone());
            let writing = Writing { name, progress, all: self.0.writing.clone() };
            match self.0.recordings.create(&writing.name) {
                Ok(file) => {
                    // Tells another service on this folder that the file is not for adoption. A file
                    // system without locks has no such neighbour.
                    let _ = file.try_lock();
                    self.settle_recordings().map_err(|e| failed(&e))?;
                    return Ok((file, writing));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        Err(Error::new(Kind::AlreadyExists, "too many recordings of one camera begin at the same moment"))
    }

    /// Waits until the recordings' names are on the disk if a power cut may come.
    pub(crate) fn settle_recordings(&self) -> io::Result<()> {
        match self.0.durability {
            Durability::Process => Ok(()),
            Durability::Power => self.0.recordings.sync(),
        }
    }

    /// A name for a file that is being made: no listing shows it.
    pub(crate) fn unfinished(&self) -> String {
        let number = self.0.unfinished.fetch_add(1, Ordering::Relaxed);
        format!("{UNFINISHED}{}-{number}", std::process::id())
    }

    /// Takes back a file into which nothing could be written.
    pub(crate) fn give_up(&self, writing: &Writing) {
        if let Err(error) = self.0.recordings.remove(&writing.name) {
            tracing::warn!(name = writing.name, %error, "an empty recording was left");
        }
    }

    /// Puts a picture into its folder: as a whole or not at all.
    pub fn save_snapshot(&self, new: &NewSnapshot) -> Result<SavedSnapshot> {
        let failed = |e: &io::Error| Error::io("the snapshot's file could not be written", e);
        let unfinished = self.unfinished();
        let written = self.0.snapshots.create(&unfinished).and_then(|mut file| file.write_all(&new.bytes));
        let saved = match written {
            Ok(()) => self.name_snapshot(&unfinished, new),
            Err(error) => Err(failed(&error)),
        };
        if let Err(error) = self.0.snapshots.remove(&unfinished) {
            tracing::debug!(%error, "an unfinished snapshot was left");
        }
        saved
    }

    fn name_snapshot(&self, unfinished: &str, new: &NewSnapshot) -> Result<SavedSnapshot> {
        if let Some(name) = &new.name {
            return self
                .place_snapshot(unfinished, name, new)
                .map(|()| SavedSnapshot { filename: name.clone() });
        }
        for twin in 1..=name::MAX_TWINS {
            let filename = name::make(new.device, new.taken, twin, new.extension);
            match self.place_snapshot(unfinished, &filename, new) {
                Err(error) if error.kind == Kind::AlreadyExists => {}
                placed => return placed.map(|()| SavedSnapshot { filename }),
            }
        }
        Err(Error::new(Kind::AlreadyExists, "too many snapshots of one camera at the same moment"))
    }

    fn place_snapshot(&self, unfinished: &str, name: &str, new: &NewSnapshot) -> Result<()> {
        let folder = &self.0.snapshots;
        let placed = match folder.link(unfinished, name) {
            // File systems without hard links (FAT on a memory card): the name first, then the bytes.
            Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => {
                folder.create(name).and_then(|mut file| {
                    let written = file.write_all(&new.bytes);
                    if written.is_err() {
                        // Half a picture is none.
                        let _ = folder.remove(name);
                    }
                    written
                })
            }
            placed => placed,
        };
        placed.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                Error::new(Kind::AlreadyExists, "there is a snapshot of this name already")
            }
            _ => Error::io("the snapshot's file could not be written", &error),
        })
    }
}

/// What these mutexes guard stays whole whatever panics meanwhile.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
