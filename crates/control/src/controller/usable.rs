//! Can a camera be used, and if not, why? What a stream or a picture was refused for, in the contract's words.

use base::CameraId;
use cameras::Cameras;
use paths::{Attempt, Prepare};

use super::Controller;
use crate::error::{Error, Kind, Result};

impl Controller {
    pub(crate) fn known(&self, id: CameraId) -> Result<cameras::Camera> {
        self.0.cameras.get(id).ok_or_else(|| self.not_found(id, None, "there is no such camera"))
    }

    /// A camera from which frames can be had.
    pub(super) fn usable(&self, id: CameraId) -> Result<()> {
        let camera = self.known(id)?;
        match camera.status {
            cameras::Status::Connected => {
                // Found this moment: its stream is about to be made.
                self.0.plugged.follow_up(&camera);
                Ok(())
            }
            cameras::Status::Disconnected => Err(self.not_plugged_in(id)),
            cameras::Status::Error => {
                let kind = Kind::Dependency { dependency: "camera", retryable: false };
                Err(Error::new(kind, camera.error.unwrap_or_else(|| "this camera cannot be used".into())))
            }
        }
    }

    /// What came of a call. What it was refused for, now that the world may be another: the camera may have been pulled
    /// while it was waited for, and who holds it can be looked up.
    pub(super) async fn explained<T>(&self, id: CameraId, outcome: Result<T>) -> Result<T> {
        let error = match outcome {
            Err(error) => error,
            done => return done,
        };
        let unplugged = || {
            let camera = self.0.cameras.get(id);
            camera.is_some_and(|camera| camera.status == cameras::Status::Disconnected)
        };
        Err(match error.kind {
            Kind::Dependency { dependency: "camera", .. } | Kind::Internal if unplugged() => {
                self.not_plugged_in(id).with_private(error)
            }
            Kind::DeviceBusy { device, holder: None } => {
                let cameras = self.0.cameras.clone();
                let holder = tokio::task::spawn_blocking(move || cameras.holder(device)).await.ok().flatten();
                Error { kind: Kind::DeviceBusy { device, holder }, ..error }
            }
            _ => error,
        })
    }

    pub(crate) fn not_plugged_in(&self, id: CameraId) -> Error {
        self.not_found(id, Some("DISCONNECTED"), "this camera is not plugged in")
    }

    fn not_found(&self, id: CameraId, state: Option<&'static str>, public: &str) -> Error {
        let available = self.0.cameras.list().iter().map(|camera| camera.id).collect();
        Error::new(Kind::CameraNotFound { device: Some(id), state, available }, public)
    }
}

/// Fewer than so many of the frames it was asked for are worth a word.
const FEW: f64 = 0.6;

/// What is to be said of a camera that works. `fps`: as measured.
pub(super) fn notice(camera: &cameras::Camera, fps: Option<f64>) -> Option<String> {
    let measured = fps.filter(|_| camera.kind == cameras::Kind::V4l2)?;
    (measured < camera.fps * FEW).then(|| {
        let (measured, asked) = (measured.round(), camera.fps.round());
        format!(
            "it gives {measured} of {asked} frames a second: many cameras expose longer in dim light; more light helps, \
             or a fixed exposure"
        )
    })
}

/// What an admin may know of a camera's device, and who shares its bus, whose bandwidth is for all of them.
pub(super) fn host_details(camera: &cameras::Camera, all: &[cameras::Camera]) -> Option<String> {
    let path = camera.device_path.as_ref()?;
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".into());
    let beside = |other: &&cameras::Camera| {
        other.id != camera.id && other.device_path.is_some() && other.shares_bus_with(camera)
    };
    let beside: Vec<String> = all.iter().filter(beside).map(|other| other.id.to_string()).collect();
    let beside = if beside.is_empty() { "no other camera".into() } else { beside.join(", ") };
    let (driver, bus) = (known(&camera.driver), known(&camera.bus_info));
    Some(format!("{} driver={driver} bus={bus} shared with {beside}", path.display()))
}

/// What is done with a camera before its stream begins.
pub(super) fn prepare(cameras: &Cameras) -> Prepare {
    let cameras = cameras.clone();
    Prepare::new(move |name, attempt| {
        let (cameras, name) = (cameras.clone(), name.clone());
        Box::pin(async move {
            // A stream's name is its camera's id.
            let Ok(id) = name.as_str().parse() else { return Ok(()) };
            cameras.ready(id, attempt == Attempt::AfterFailure).await?;
            // A driver may have forgotten what was set, and a program of somebody's may have set something else. What
            // cannot be set is told in the log, and is no reason for no picture.
            let applied = tokio::task::spawn_blocking(move || cameras.apply_controls(id)).await;
            applied.map(drop).map_err(|e| base::Error::new(base::Kind::Internal, "controls").with_private(e))
        })
    })
}
