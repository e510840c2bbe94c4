//! Cameras and their pictures.

use crate::{
    rpc::Caller,
    security::{Folder, Role},
    wire::{CameraList, CameraStatusOf, Error, GetCameraStatus, Snapshot, TakeSnapshot},
};

/// All cameras the caller may know.
pub(crate) fn get_camera_list(caller: &Caller) -> CameraList {
    let mut cameras = caller.controller().cameras();
    cameras.retain(|camera| caller.scope().holds(camera.id));
    CameraList::new(cameras, &caller.urls)
}

/// Everything about one.
pub(crate) fn get_camera_status(caller: &Caller, wish: &GetCameraStatus) -> Result<CameraStatusOf, Error> {
    let detail = caller.controller().camera(wish.device).map_err(|error| caller.failed(error))?;
    let debug = wish.debug && caller.principal.role == Role::Admin;
    Ok(CameraStatusOf::new(detail, debug, &caller.urls))
}

/// A picture of now.
pub(crate) async fn take_snapshot(caller: Caller, wish: TakeSnapshot) -> Result<Snapshot, Error> {
    let taken = caller.controller().take_snapshot(wish.device, wish.request).await;
    let taken = taken.map_err(|error| caller.failed(error))?;
    let url = caller.download_url(Folder::Snapshots, &taken.filename, taken.device);
    Ok(Snapshot::new(taken, url))
}
