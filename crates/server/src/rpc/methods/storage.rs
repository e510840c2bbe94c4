//! Single files, and the room they all take.

use control::api::ChosenRecordings;

use crate::{
    rpc::Caller,
    security::Folder,
    wire::{
        CleanUp, CleanedUp, Error, Nothing, OfFile, OfRecordings, Protected, RecordingInfo, Removed,
        Retention, SetRetention, SnapshotInfo, StorageInfo,
    },
};

/// Everything about one file of a recording.
pub(crate) async fn get_recording_info(caller: Caller, of: OfFile) -> Result<RecordingInfo, Error> {
    let found = caller.controller().recording(of.filename, caller.visible().as_deref()).await;
    let found = found.map_err(|error| caller.failed(error))?;
    let url = caller.download_url(Folder::Recordings, &found.file.filename, found.file.device);
    Ok(RecordingInfo::new(found, url))
}

/// Everything about one snapshot.
pub(crate) async fn get_snapshot_info(caller: Caller, of: OfFile) -> Result<SnapshotInfo, Error> {
    let found = caller.controller().snapshot(of.filename, caller.visible().as_deref()).await;
    let found = found.map_err(|error| caller.failed(error))?;
    let url = caller.download_url(Folder::Snapshots, &found.file.filename, found.file.device);
    Ok(SnapshotInfo::new(found, url))
}

/// Removes recordings.
pub(crate) async fn delete_recording(caller: Caller, of: OfRecordings) -> Result<Removed, Error> {
    let deleted = caller.controller().delete_recordings(of.0.clone(), caller.visible().as_deref()).await;
    deleted.map(|deleted| Removed::new(of.0, &deleted)).map_err(|error| caller.failed(error))
}

/// Removes one snapshot.
pub(crate) async fn delete_snapshot(caller: Caller, of: OfFile) -> Result<Removed, Error> {
    let deleted = caller.controller().delete_snapshot(of.filename.clone(), caller.visible().as_deref()).await;
    let chosen = ChosenRecordings::File(of.filename);
    deleted.map(|deleted| Removed::new(chosen, &deleted)).map_err(|error| caller.failed(error))
}

/// Keeps recordings from retention.
pub(crate) async fn protect_recording(caller: Caller, of: OfRecordings) -> Result<Protected, Error> {
    protect(caller, of, true).await
}

/// Gives recordings back to retention.
pub(crate) async fn unprotect_recording(caller: Caller, of: OfRecordings) -> Result<Protected, Error> {
    protect(caller, of, false).await
}

async fn protect(caller: Caller, of: OfRecordings, protected: bool) -> Result<Protected, Error> {
    let files = caller.controller().protect_recordings(of.0, protected, caller.visible().as_deref()).await;
    files.map(|files| Protected { protected, files }).map_err(|error| caller.failed(error))
}

/// Room on disk.
pub(crate) async fn get_storage_info(caller: Caller, _: Nothing) -> Result<StorageInfo, Error> {
    let storage = caller.controller().storage(caller.visible().as_deref()).await;
    storage.map(Into::into).map_err(|error| caller.failed(error))
}

/// Changes what is kept.
pub(crate) async fn set_retention_policy(caller: Caller, wish: SetRetention) -> Result<Retention, Error> {
    let policy = caller.controller().set_retention(wish.0).await;
    policy.map(Into::into).map_err(|error| caller.failed(error))
}

/// Applies what is kept now.
pub(crate) async fn cleanup_old_files(caller: Caller, wish: CleanUp) -> Result<CleanedUp, Error> {
    let cleanup = caller.controller().cleanup(wish.dry_run, caller.visible().as_deref()).await;
    cleanup.map(|cleanup| CleanedUp::new(cleanup, wish.dry_run)).map_err(|error| caller.failed(error))
}
