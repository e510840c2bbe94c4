//! The Controller's calls about files that lie there, and the room they take.

use files::{Chosen, Files, Rule, Space};

use crate::{
    api::{
        ChosenRecordings, Cleanup, Deleted, RecordingDetail, RetentionChange, RetentionPolicy, RetentionRule,
        SnapshotDetail, Storage, StoredFile, Visible,
    },
    controller::Controller,
    convert,
    error::{Error, Kind, Result},
};

/// When a disk is too full, in percent of what can be used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// A warning is due.
    pub(crate) warn_percent: f64,
    /// No recording begins.
    pub(crate) block_percent: f64,
}

impl Limits {
    pub(crate) fn read(settings: &mut base::config::Settings) -> Self {
        let mut section = settings.section("storage");
        Self {
            warn_percent: section.number("warn_percent", 80.0, 1.0..=100.0),
            block_percent: section.number("block_percent", 95.0, 1.0..=100.0),
        }
    }

    /// Bytes that must be free for a recording to begin, `least` at the least.
    pub(crate) fn required(self, space: Space, least: u64) -> u64 {
        least.max((space.usable() as f64 * (100.0 - self.block_percent) / 100.0) as u64)
    }
}

/// As df(1) counts it, see [`Space::usable`].
pub(crate) fn usage_percent(space: Space) -> f64 {
    let usable = space.usable();
    if usable == 0 { 100.0 } else { space.used as f64 * 100.0 / usable as f64 }
}

impl Controller {
    /// One file of a recording, if the caller may know it.
    pub async fn recording(&self, filename: String, visible: Visible<'_>) -> Result<RecordingDetail> {
        let (name, cameras) = (filename.clone(), visible.map(<[_]>::to_vec));
        let found = self.blocking(move |files| files.recording(&name, cameras.as_deref())).await?;
        found.map(convert::recording_detail).map_err(|e| convert::file_error(&e, &filename))
    }

    /// One snapshot, if the caller may know it.
    pub async fn snapshot(&self, filename: String, visible: Visible<'_>) -> Result<SnapshotDetail> {
        let (name, cameras) = (filename.clone(), visible.map(<[_]>::to_vec));
        let found = self.blocking(move |files| files.snapshot(&name, cameras.as_deref())).await?;
        found.map(convert::snapshot_detail).map_err(|e| convert::file_error(&e, &filename))
    }

    /// Opens a file of a recording for reading, if the caller may know it.
    pub async fn open_recording(&self, filename: String, visible: Visible<'_>) -> Result<StoredFile> {
        let (name, cameras) = (filename.clone(), visible.map(<[_]>::to_vec));
        let opened = self.blocking(move |files| files.open_recording(&name, cameras.as_deref())).await?;
        opened.map(stored).map_err(|e| convert::file_error(&e, &filename))
    }

    /// Opens a snapshot for reading, if the caller may know it.
    pub async fn open_snapshot(&self, filename: String, visible: Visible<'_>) -> Result<StoredFile> {
        let (name, cameras) = (filename.clone(), visible.map(<[_]>::to_vec));
        let opened = self.blocking(move |files| files.open_snapshot(&name, cameras.as_deref())).await?;
        opened.map(stored).map_err(|e| convert::file_error(&e, &filename))
    }

    /// Removes recordings; none of them when one is being written.
    pub async fn delete_recordings(&self, chosen: ChosenRecordings, visible: Visible<'_>) -> Result<Deleted> {
        let named = name_of(&chosen).to_owned();
        let (chosen, cameras) = (to_files(chosen), visible.map(<[_]>::to_vec));
        let removed =
            self.blocking(move |files| files.delete_recordings(&chosen, cameras.as_deref())).await?;
        removed.map(|removed| deleted(&removed)).map_err(|error| match error.kind {
            base::Kind::Busy => self.being_recorded(&error.private),
            _ => convert::file_error(&error, &named),
        })
    }

    /// Removes one snapshot.
    pub async fn delete_snapshot(&self, filename: String, visible: Visible<'_>) -> Result<Deleted> {
        let (name, cameras) = (filename.clone(), visible.map(<[_]>::to_vec));
        let removed = self.blocking(move |files| files.delete_snapshot(&name, cameras.as_deref())).await?;
        removed.map(|removed| deleted(&removed)).map_err(|e| convert::file_error(&e, &filename))
    }

    /// Keeps recordings from retention, or gives them back to it; names the files.
    pub async fn protect_recordings(
        &self,
        chosen: ChosenRecordings,
        on: bool,
        visible: Visible<'_>,
    ) -> Result<Vec<String>> {
        let named = name_of(&chosen).to_owned();
        let (chosen, cameras) = (to_files(chosen), visible.map(<[_]>::to_vec));
        let names = self.blocking(move |files| files.protect(&chosen, on, cameras.as_deref())).await?;
        names.map_err(|e| convert::file_error(&e, &named))
    }

    /// Room on disk, and what the files the caller may know take of it.
    pub async fn storage(&self, visible: Visible<'_>) -> Result<Storage> {
        let cameras = visible.map(<[_]>::to_vec);
        let asked =
            self.blocking(move |files| Ok((files.space()?, files.usage(cameras.as_deref())?))).await?;
        let (space, usage) = asked.map_err(|e: base::Error| convert::file_error(&e, ""))?;
        self.room().seen(space);
        let usage_percent = usage_percent(space);
        Ok(Storage {
            total: space.total,
            used: space.used,
            available: space.available,
            usage_percent,
            recordings_size: usage.recordings_bytes,
            snapshots_size: usage.snapshots_bytes,
            recordings_count: usage.recordings,
            snapshots_count: usage.snapshots,
            low: usage_percent >= self.limits().warn_percent,
            retention: self.retention().policy(),
        })
    }

    /// Room on the disk for recordings; what the files there take is not looked at.
    pub async fn space(&self) -> Result<crate::api::Space> {
        let space = self.blocking(Files::space).await?.map_err(|e| convert::file_error(&e, ""))?;
        let Space { total, available, .. } = space;
        Ok(crate::api::Space { total, available, usage_percent: usage_percent(space) })
    }

    /// Changes what is kept; the change outlives the service.
    pub async fn set_retention(&self, change: RetentionChange) -> Result<RetentionPolicy> {
        let retention = self.retention().clone();
        let changed = self.blocking(move |_| Ok(retention.change(change))).await?;
        let changed = changed.map_err(|e: base::Error| convert::file_error(&e, ""))?;
        changed.map_err(|e| {
            Error::new(Kind::Internal, "the policy could not be kept, and was not changed").with_private(e)
        })
    }

    /// Applies the policy now to what the caller may know; with `dry_run` only tells what would go.
    pub async fn cleanup(&self, dry_run: bool, visible: Visible<'_>) -> Result<Cleanup> {
        let (retention, cameras) = (self.retention().clone(), visible.map(<[_]>::to_vec));
        let cleaned = self.blocking(move |_| retention.clean(dry_run, cameras.as_deref())).await?;
        let cleaned = cleaned.map_err(|e| convert::file_error(&e, ""))?;
        let rule = |rule| match rule {
            Rule::Age => RetentionRule::Age,
            Rule::Size => RetentionRule::Size,
            Rule::FreeSpace => RetentionRule::FreeSpace,
        };
        Ok(Cleanup {
            files: cleaned.files.into_iter().map(|(name, why)| (name, rule(why))).collect(),
            space_freed: cleaned.bytes,
            failed: cleaned.failed,
        })
    }

    /// A disk may block: not on the runtime's own threads.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> base::Result<T> + Send + 'static,
    ) -> Result<base::Result<T>> {
        let files = self.files().clone();
        tokio::task::spawn_blocking(move || work(&files))
            .await
            .map_err(|e| Error::new(Kind::Internal, "the files could not be looked at").with_private(e))
    }
}

fn name_of(chosen: &ChosenRecordings) -> &str {
    let (ChosenRecordings::File(name) | ChosenRecordings::Recording(name)) = chosen;
    name
}

fn stored(opened: files::Opened) -> StoredFile {
    let files::Opened { file, len, modified, inode } = opened;
    StoredFile { file, length: len, modified, inode }
}

fn to_files(chosen: ChosenRecordings) -> Chosen {
    match chosen {
        ChosenRecordings::File(name) => Chosen::File(name),
        ChosenRecordings::Recording(id) => Chosen::Recording(id),
    }
}

fn deleted(removed: &files::Removed) -> Deleted {
    Deleted { files: removed.files.len(), space_freed: removed.bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_blocks_before_it_is_full() {
        let limits = Limits { warn_percent: 80.0, block_percent: 95.0 };
        // 100 kept for root: 900 can be used.
        let space = Space { total: 1000, used: 450, available: 450 };
        assert!((usage_percent(space) - 50.0).abs() < 1e-9);
        assert_eq!((limits.required(space, 10), limits.required(space, 100)), (45, 100));
        assert!((usage_percent(Space { total: 0, used: 0, available: 0 }) - 100.0).abs() < 1e-9);
    }
}
