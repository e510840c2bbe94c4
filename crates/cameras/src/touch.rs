//! Calls into the drivers of cameras: each in a thread of its own, because it cannot be called back, and one at a time
//! for each camera, because two would be in each other's way. Who waits does so for a limited time. A driver that
//! hangs keeps one thread, and its camera is refused until it answers.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use base::{CameraId, Error, Kind, Result};
use tokio::sync::oneshot;

use crate::{
    camera::{Kind as Attached, Status},
    registry::Cameras,
    v4l2::{Ask, Grabbed, holders},
};

/// Beyond the time a picture may take: for the driver to end what it has begun.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// The doors to all cameras' drivers.
#[derive(Debug, Default)]
pub(crate) struct Doors(Mutex<BTreeMap<CameraId, Arc<tokio::sync::Mutex<()>>>>);

impl Doors {
    /// Calls `work` when nobody else is with that camera's driver, and waits for it for as long as `limit` in all.
    pub(crate) async fn through<T: Send + 'static>(
        &self,
        id: CameraId,
        limit: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let door = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default().clone();
        let silent = |_| Error::new(Kind::Timeout, "the device does not answer");
        let called = async {
            let inside = door.lock_owned().await;
            let (tell, told) = oneshot::channel();
            let started = thread::Builder::new().name(format!("{id}-call")).spawn(move || {
                let made = work();
                drop(inside);
                // Nobody waits any more.
                let _ = tell.send(made);
            });
            started.map_err(|e| Error::new(Kind::Internal, "no thread for a camera").with_private(e))?;
            told.await.map_err(|_| Error::new(Kind::Internal, "looking at the camera failed"))
        };
        tokio::time::timeout(limit, called).await.map_err(silent)?
    }

    /// Of a camera that is forgotten.
    pub(crate) fn forget(&self, id: CameraId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

impl Cameras {
    /// Waits until nobody of ours uses the camera otherwise, and sees that no other program does. `thoroughly`: begins
    /// a stream for a moment, to find out why it fails. [`Kind::Busy`]: another program has it, or the bus is full.
    /// What is no device of this machine is always ready.
    pub async fn ready(&self, id: CameraId, thoroughly: bool) -> Result<()> {
        let Some(ask) = self.get(id).and_then(|camera| camera.stream) else { return Ok(()) };
        let look = move || if thoroughly { ask.try_out() } else { ask.is_free() };
        self.doors().through(id, self.detection_timeout(), look).await?
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
        self.doors().through(id, limit + AFTERWARDS, work).await?
    }

    /// The first program that has the camera open, as far as can be seen. Blocks while `/proc` is read.
    pub fn holder(&self, id: CameraId) -> Option<String> {
        let holders = holders(&self.get(id)?.stream?.path);
        holders.first().map(|holder| format!("{} (process {})", holder.program, holder.pid))
    }

    fn still_of(&self, id: CameraId) -> Option<Ask> {
        let camera = self.get(id)?;
        camera.still.filter(|_| camera.kind == Attached::V4l2 && camera.status == Status::Connected)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const ONE: CameraId = CameraId(1);
    const OTHER: CameraId = CameraId(2);

    #[tokio::test]
    async fn one_that_hangs_is_waited_for_no_longer_than_told_and_holds_up_no_other() {
        let doors = Doors::default();
        let (answer, driver) = mpsc::channel::<()>();
        let limit = Duration::from_millis(50);
        let hung = doors.through(ONE, limit, move || driver.recv()).await;
        assert_eq!(hung.unwrap_err().kind, Kind::Timeout);
        // Its thread is still in there, and nobody else goes in.
        assert_eq!(doors.through(ONE, limit, || 1).await.unwrap_err().kind, Kind::Timeout);
        let minute = Duration::from_mins(1);
        assert_eq!(doors.through(OTHER, minute, || 2).await.unwrap(), 2);
        answer.send(()).unwrap();
        assert_eq!(doors.through(ONE, minute, || 3).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_call_that_panics_is_an_error_and_the_next_one_goes_on() {
        let doors = Doors::default();
        let minute = Duration::from_mins(1);
        let panicked = doors.through(ONE, minute, || assert_eq!(1, 2, "a bug")).await;
        assert_eq!(panicked.unwrap_err().kind, Kind::Internal);
        assert_eq!(doors.through(ONE, minute, || 1).await.unwrap(), 1);
    }
}
