//! What the API changes about cameras: their names, which are remembered, and how often they are looked
//! for.

use std::time::Duration;

use base::CameraId;
use serde_json::json;

use crate::{
    Controller,
    api::{Camera, CameraModes, CameraStatus},
    controls,
    error::{Error, Kind, Result},
};

impl Controller {
    /// What one camera offers, plugged in or not.
    pub fn camera_modes(&self, id: CameraId) -> Result<CameraModes> {
        let camera = self.known(id)?;
        Ok(CameraModes {
            status: self.listed(&camera).status,
            formats: camera.formats,
            sizes: camera.sizes,
            modes: camera.modes.into_iter().map(|mode| (mode.format, mode.size, mode.fps)).collect(),
            input: camera.input,
            driver: camera.driver,
            bus_info: camera.bus_info,
        })
    }

    /// Gives a camera a name for people, for good.
    pub async fn name_camera(&self, id: CameraId, name: String) -> Result<Camera> {
        self.known(id)?;
        self.keep([(format!("camera.names.{id}"), json!(name))]).await?;
        self.all_cameras().rename(id, &name);
        self.plugged().tell();
        Ok(self.listed(&self.known(id)?))
    }

    /// Forgets a camera that is not plugged in; its files stay.
    pub async fn forget_camera(&self, id: CameraId) -> Result<()> {
        let status = self.listed(&self.known(id)?).status;
        let cameras = self.all_cameras().clone();
        // It is written down that it is gone, and a disk may block.
        let forgotten = tokio::task::spawn_blocking(move || cameras.forget(id)).await;
        if forgotten.unwrap_or(false) {
            self.plugged().tell();
            self.drop_kept(controls::key(id)).await?;
            return self.drop_kept(format!("camera.names.{id}")).await;
        }
        let state = match status {
            CameraStatus::Error => "ERROR",
            // Not plugged in: then it came back just now.
            CameraStatus::Connected | CameraStatus::Disconnected => "CONNECTED",
        };
        let kind = Kind::InvalidState { state, allowed: &["DISCONNECTED"] };
        Err(Error::new(kind, "only a camera that is not plugged in can be forgotten"))
    }

    /// Looks for cameras this often, for good.
    pub async fn set_discovery_interval(&self, interval: Duration) -> Result<()> {
        self.keep([("camera.scan_interval".to_owned(), json!(interval.as_secs()))]).await?;
        self.plugged().set_interval(interval);
        Ok(())
    }

    async fn keep<const N: usize>(&self, values: [(String, serde_json::Value); N]) -> Result<()> {
        let state = self.state();
        written(tokio::task::spawn_blocking(move || state.set(values)).await)
    }

    async fn drop_kept(&self, key: String) -> Result<()> {
        let state = self.state();
        written(tokio::task::spawn_blocking(move || state.reset(&key).map(drop)).await)
    }
}

fn written(outcome: std::result::Result<std::io::Result<()>, tokio::task::JoinError>) -> Result<()> {
    let failed = |cause: String| {
        Error::new(Kind::Internal, "what was set could not be written down").with_private(cause)
    };
    outcome.map_err(|cause| failed(cause.to_string()))?.map_err(|cause| failed(cause.to_string()))
}
