//! Taking files away: by name, by recording, by rule; and keeping some from the rules.

use std::time::SystemTime;

use base::{CameraId, Error, Kind, Result};

use crate::{
    browse::{may_know, unknown},
    folder::Folder,
    listing::{RecordingInfo, Status},
    protection::Protection,
    retention::{self, Candidate, Disk, Policy, Rule},
    space,
    store::{Files, locked},
};

/// Which files of recordings are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// One file by its name.
    File(String),
    /// All files of one recording.
    Recording(String),
}

/// Files that are gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Their names.
    pub files: Vec<String>,
    /// What they held, in bytes.
    pub bytes: u64,
}

/// What all files of ours take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Files of recordings.
    pub recordings: usize,
    /// What they hold, in bytes.
    pub recordings_bytes: u64,
    /// Snapshots.
    pub snapshots: usize,
    /// What they hold, in bytes.
    pub snapshots_bytes: u64,
}

/// What went, or would go, by rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Names and rules, in the order in which they went.
    pub files: Vec<(String, Rule)>,
    /// What they held, in bytes.
    pub bytes: u64,
    /// Names of files that should have gone and could not be removed.
    pub failed: Vec<String>,
}

impl Files {
    /// Removes what was chosen; nothing when any of it is being written ([`Kind::Busy`]). `cameras`:
    /// those that may be known; `None`: all.
    pub fn delete_recordings(&self, chosen: &Chosen, cameras: Option<&[CameraId]>) -> Result<Removed> {
        let files = choose(self.all_recordings()?, chosen, cameras)?;
        if let Some(busy) = files.iter().find(|file| file.status == Status::Recording) {
            return Err(Error::new(Kind::Busy, "this file is being written").with_private(&busy.filename));
        }
        let mut removed = Removed::default();
        for file in files {
            self.0
                .recordings
                .remove(&file.filename)
                .map_err(|e| Error::io("the recording could not be removed", &e))?;
            removed.bytes += file.file_size;
            removed.files.push(file.filename);
        }
        Ok(removed)
    }

    /// Removes one snapshot; `cameras` as for [`Self::delete_recordings`].
    pub fn delete_snapshot(&self, filename: &str, cameras: Option<&[CameraId]>) -> Result<Removed> {
        let file = self.snapshot(filename, cameras)?.info;
        self.0
            .snapshots
            .remove(&file.filename)
            .map_err(|e| Error::io("the snapshot could not be removed", &e))?;
        Ok(Removed { bytes: file.file_size, files: vec![file.filename] })
    }

    /// Keeps what was chosen from every rule, or gives it back to them; names the files it is about.
    /// `cameras` as for [`Self::delete_recordings`].
    pub fn protect(&self, chosen: &Chosen, on: bool, cameras: Option<&[CameraId]>) -> Result<Vec<String>> {
        let all = self.all_recordings()?;
        let files = choose(all.clone(), chosen, cameras)?;
        let mut list = locked(&self.0.protection);
        let mut next = list.as_ref().map_err(unreadable)?.clone();
        match (chosen, on) {
            (Chosen::Recording(id), true) => next.protect_all(id),
            (Chosen::Recording(id), false) => next.release_all(id),
            (Chosen::File(_), on) => {
                for file in &files {
                    let (id, segment) = (file.recording_id.as_str(), file.segment);
                    let others =
                        all.iter().filter(|other| other.recording_id == id).map(|other| other.segment);
                    if on { next.protect(id, segment) } else { next.release(id, segment, others) }
                }
            }
        }
        next.retain(|id| all.iter().any(|file| file.recording_id == id));
        next.save(&self.0.recordings)
            .map_err(|e| Error::io("the list of protected recordings could not be written", &e))?;
        *list = Ok(next);
        Ok(files.into_iter().map(|file| file.filename).collect())
    }

    /// What the files of these cameras take; `None`: of all.
    pub fn usage(&self, cameras: Option<&[CameraId]>) -> Result<Usage> {
        let (mut recordings, mut snapshots) = (self.all_recordings()?, self.all_snapshots()?);
        recordings.retain(|file| may_know(cameras, file.device));
        snapshots.retain(|file| may_know(cameras, file.device));
        Ok(Usage {
            recordings: recordings.len(),
            recordings_bytes: recordings.iter().map(|file| file.file_size).sum(),
            snapshots: snapshots.len(),
            snapshots_bytes: snapshots.iter().map(|file| file.file_size).sum(),
        })
    }

    /// Removes what `policy` does not keep; with `dry_run` only tells what. Never touches a file that is
    /// protected, being written, of another camera than `cameras` (`None`: all) or not ours.
    pub fn clean(
        &self,
        policy: &Policy,
        now: SystemTime,
        dry_run: bool,
        cameras: Option<&[CameraId]>,
    ) -> Result<Cleaned> {
        // Nothing may go while nobody knows what is protected.
        locked(&self.0.protection).as_ref().map_err(unreadable)?;
        let (disks, snapshots_disk) = self.disks()?;
        let mut kept_bytes = 0;
        let mut named: Vec<(&Folder, String)> = Vec::new();
        let mut candidates = Vec::new();
        for file in self.all_recordings()? {
            if file.protected || file.status == Status::Recording || !may_know(cameras, file.device) {
                kept_bytes += file.file_size;
            } else {
                candidates.push(Candidate { created: file.created, bytes: file.file_size, disk: 0 });
                named.push((&self.0.recordings, file.filename));
            }
        }
        for file in self.all_snapshots()? {
            if !may_know(cameras, file.device) {
                kept_bytes += file.file_size;
                continue;
            }
            let disk = snapshots_disk;
            candidates.push(Candidate { created: file.created, bytes: file.file_size, disk });
            named.push((&self.0.snapshots, file.filename));
        }
        let mut cleaned = Cleaned::default();
        for (index, rule) in retention::plan(&candidates, kept_bytes, &disks, policy, now) {
            let (folder, name) = &named[index];
            if !dry_run && let Err(error) = folder.remove(name) {
                tracing::warn!(name, %error, "a file should go by retention and could not be removed");
                cleaned.failed.push(name.clone());
                continue;
            }
            cleaned.bytes += candidates[index].bytes;
            cleaned.files.push((name.clone(), rule));
        }
        Ok(cleaned)
    }

    /// The disks the two folders lie on, and the index of the snapshots' one.
    fn disks(&self) -> Result<(Vec<Disk>, usize)> {
        let of = |folder: &Folder| space::of(folder.path()).map(Disk::from);
        let mut disks = vec![of(&self.0.recordings)?];
        if self.0.recordings.same_disk(&self.0.snapshots) {
            return Ok((disks, 0));
        }
        disks.push(of(&self.0.snapshots)?);
        Ok((disks, 1))
    }
}

/// Those of `files` that are meant and may be known, by segment.
fn choose(
    mut files: Vec<RecordingInfo>,
    chosen: &Chosen,
    cameras: Option<&[CameraId]>,
) -> Result<Vec<RecordingInfo>> {
    files.retain(|file| {
        let meant = match chosen {
            Chosen::File(name) => file.filename == *name,
            Chosen::Recording(id) => file.recording_id == *id,
        };
        meant && may_know(cameras, file.device)
    });
    files.sort_by_key(|file| file.segment);
    if files.is_empty() { Err(unknown("recording")) } else { Ok(files) }
}

fn unreadable(why: &String) -> Error {
    Error::new(Kind::Io, "the list of protected recordings cannot be read").with_private(why)
}

/// The list as it is kept: what could not be read stays unread until a person mends it.
pub(crate) fn load(folder: &Folder) -> std::result::Result<Protection, String> {
    Protection::load(folder).map_err(|error| {
        tracing::error!(%error, "the list of protected recordings cannot be read; nothing is removed by rule");
        error.to_string()
    })
}
