//! Recordings, and the files of both folders.

use control::api::FileQuery;

use crate::{
    rpc::Caller,
    security::Folder,
    wire::{
        Error, ExportRecording, Exported, FileList, ListFiles, OfCamera, RecordingEntry, SnapshotEntry,
        StartRecording, Started, Stopped,
    },
};

/// Begins a recording.
pub(crate) async fn start_recording(caller: Caller, wish: StartRecording) -> Result<Started, Error> {
    let started = caller.controller().start_recording(wish.device, wish.request).await;
    started.map(Into::into).map_err(|error| caller.failed(error))
}

/// Ends one; its files are complete when this returns.
pub(crate) async fn stop_recording(caller: Caller, of: OfCamera) -> Result<Stopped, Error> {
    let stopped = caller.controller().stop_recording(of.device).await;
    stopped.map(Into::into).map_err(|error| caller.failed(error))
}

/// A clip out of a camera's recordings; it lies in their folder when this returns.
pub(crate) async fn export_recording(caller: Caller, wish: ExportRecording) -> Result<Exported, Error> {
    let device = wish.device;
    let clip = caller.controller().export_recording(device, wish.request).await;
    let clip = clip.map_err(|error| caller.failed(error))?;
    let url = caller.download_url(Folder::Recordings, &clip.filename, device);
    Ok(Exported::new(clip, url))
}

/// Files of recordings.
pub(crate) async fn list_recordings(
    caller: Caller,
    list: ListFiles,
) -> Result<FileList<RecordingEntry>, Error> {
    let (limit, offset) = (list.limit, list.offset);
    let page = caller.controller().list_recordings(query(&caller, list)).await;
    let page = page.map_err(|error| caller.failed(error))?;
    Ok(FileList::new(page, limit, offset, |file| {
        let url = caller.download_url(Folder::Recordings, &file.filename, file.device);
        RecordingEntry::new(file, url)
    }))
}

/// Snapshots.
pub(crate) async fn list_snapshots(
    caller: Caller,
    list: ListFiles,
) -> Result<FileList<SnapshotEntry>, Error> {
    let (limit, offset) = (list.limit, list.offset);
    let page = caller.controller().list_snapshots(query(&caller, list)).await;
    let page = page.map_err(|error| caller.failed(error))?;
    Ok(FileList::new(page, limit, offset, |file| {
        let url = caller.download_url(Folder::Snapshots, &file.filename, file.device);
        SnapshotEntry::new(file, url)
    }))
}

fn query(caller: &Caller, list: ListFiles) -> FileQuery {
    // A camera that was named has been found within the caller's scope.
    let devices = list.device.map(|device| vec![device]).or_else(|| caller.visible());
    let ListFiles { limit, offset, cursor, since, until, .. } = list;
    FileQuery { limit, offset, cursor, devices, since, until }
}
