//! What cameras offer and what they are called; and, said honestly, what this build cannot do yet.

use control::api::CameraKind;

use crate::{
    rpc::Caller,
    wire::{
        AddStream, Camera, Capabilities, Code, Controls, DiscoverStreams, DiscoveryInterval, Error,
        ExternalStreams, Forgotten, OfCamera, SetCamera, SetControls, SetDiscoveryInterval,
    },
};

/// What one camera offers.
pub(crate) fn get_camera_capabilities(caller: &Caller, of: &OfCamera) -> Result<Capabilities, Error> {
    let offered = caller.controller().camera_modes(of.device);
    offered.map(|offered| Capabilities::new(of.device, offered)).map_err(|error| caller.failed(error))
}

/// Gives a camera a name.
pub(crate) async fn set_camera(caller: Caller, wish: SetCamera) -> Result<Camera, Error> {
    let named = caller.controller().name_camera(wish.device, wish.name).await;
    named.map(|camera| Camera::new(camera, &caller.urls)).map_err(|error| caller.failed(error))
}

/// Forgets a camera that is gone.
pub(crate) async fn forget_camera(caller: Caller, of: OfCamera) -> Result<Forgotten, Error> {
    let forgotten = caller.controller().forget_camera(of.device).await;
    let device = of.device.to_string();
    forgotten.map(|()| Forgotten { device, forgotten: true }).map_err(|error| caller.failed(error))
}

/// Changes how often cameras are looked for.
pub(crate) async fn set_discovery_interval(
    caller: Caller,
    wish: SetDiscoveryInterval,
) -> Result<DiscoveryInterval, Error> {
    let set = caller.controller().set_discovery_interval(wish.0).await;
    set.map(|()| DiscoveryInterval { interval: wish.0.as_secs() }).map_err(|error| caller.failed(error))
}

/// Cameras that are streams of elsewhere.
pub(crate) fn get_external_streams(caller: &Caller) -> ExternalStreams {
    let mut cameras = caller.controller().cameras();
    cameras.retain(|camera| camera.kind == CameraKind::Rtsp && caller.scope().holds(camera.id));
    ExternalStreams { streams: cameras.into_iter().map(|camera| Camera::new(camera, &caller.urls)).collect() }
}

/// Controls of a camera.
pub(crate) async fn get_camera_controls(caller: Caller, of: OfCamera) -> Result<Controls, Error> {
    let told = caller.controller().camera_controls(of.device).await;
    told.map(|controls| Controls::new(of.device, controls)).map_err(|error| caller.failed(error))
}

/// Sets them.
pub(crate) async fn set_camera_controls(caller: Caller, wish: SetControls) -> Result<Controls, Error> {
    let set = caller.controller().set_camera_controls(wish.device, wish.controls).await;
    set.map(|controls| Controls::new(wish.device, controls)).map_err(|error| caller.failed(error))
}

/// Sets them back.
pub(crate) async fn reset_camera_controls(caller: Caller, of: OfCamera) -> Result<Controls, Error> {
    let reset = caller.controller().reset_camera_controls(of.device).await;
    reset.map(|controls| Controls::new(of.device, controls)).map_err(|error| caller.failed(error))
}

/// Looks for streams on the network.
pub(crate) fn discover_external_streams(_: &Caller, _: &DiscoverStreams) -> Result<(), Error> {
    Err(no_streams())
}

/// Adds one.
pub(crate) fn add_external_stream(_: &Caller, _: &AddStream) -> Result<(), Error> {
    Err(no_streams())
}

/// Takes one away.
pub(crate) fn remove_external_stream(_: &Caller, _: &OfCamera) -> Result<(), Error> {
    Err(no_streams())
}

fn no_streams() -> Error {
    Error::new(
        Code::Unsupported,
        "in this build network cameras stand in camera.sources of the configuration",
    )
    .with("feature", "external_streams")
}
