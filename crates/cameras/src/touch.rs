//! Using a camera without a stream: is it free, why does it fail, one picture. Each is a call into its driver, made in
//! turn.

use std::time::{Duration, Instant};

use base::{CameraId, Error, Kind, Result};

use crate::{
    camera::Status,
    registry::Cameras,
    turns::NoAnswer,
    v4l2::{Ask, Grabbed, holders},
};

/// Beyond the time a picture may take: for the driver to end what it has begun.
const AFTERWARDS: Duration = Duration::from_secs(1);

impl Cameras {
    /// Waits until nobody of ours uses the camera otherwise, and sees that no other program does. `thoroughly`: begins
    /// a stream for a moment, to find out why it fails. [`Kind::Busy`]: another program has it, or the bus is full.
    /// What is no device of this machine is always ready.
    pub async fn ready(&self, id: CameraId, thoroughly: bool) -> Result<()> {
        let Some(ask) = self.get(id).and_then(|camera| camera.stream) else { return Ok(()) };
        let look = move || if thoroughly { ask.try_out() } else { ask.is_free() };
        self.turns().call(self.detection_timeout(), id, look).await.map_err(no_answer)?
    }

    /// Can [`Cameras::grab`] have a picture of it?
    pub fn can_grab(&self, id: CameraId) -> bool {
        self.still_of(id).is_some()
    }

    /// One picture, without a stream: the first of which `look` makes something. `may`: asked once nobody of ours is
    /// with the camera; [`Kind::WrongState`] if it says no. [`Kind::Unsupported`]: of such a camera it cannot be had;
    /// [`Kind::Busy`]: another program has it; [`Kind::Timeout`]: none came that was good within `limit`.
    pub async fn grab<T: Send + 'static>(
        &self,
        id: CameraId,
        limit: Duration,
        may: impl FnOnce() -> bool + Send + 'static,
        look: impl FnMut(Grabbed<'_>) -> Option<T> + Send + 'static,
    ) -> Result<T> {
        let unsupported = || Error::new(Kind::Unsupported, "a picture of this camera needs a stream");
        let ask = self.still_of(id).ok_or_else(unsupported)?;
        let deadline = Instant::now() + limit;
        let work = move || {
            if !may() {
                return Err(Error::new(Kind::WrongState, "a stream of this camera has begun"));
            }
            ask.grab(deadline, look)
        };
        self.turns().call(limit + AFTERWARDS, id, work).await.map_err(no_answer)?
    }

    /// The first program that has the camera open, as far as can be seen. Blocks while `/proc` is read.
    pub fn holder(&self, id: CameraId) -> Option<String> {
        let holders = holders(&self.get(id)?.stream?.path);
        holders.first().map(|holder| format!("{} (process {})", holder.program, holder.pid))
    }

    fn still_of(&self, id: CameraId) -> Option<Ask> {
        let camera = self.get(id)?;
        camera.still.filter(|_| camera.status == Status::Connected)
    }
}

fn no_answer(none: NoAnswer) -> Error {
    match none {
        NoAnswer::Silent => Error::new(Kind::Timeout, "the device does not answer"),
        NoAnswer::TooMany => Error::new(Kind::Limit, "too many devices do not answer"),
    }
}
