//! Controls of cameras: told, set for good, and put on every camera that comes. How they are set is the business of
//! `cameras`; here they are written down, and those of a camera that comes are applied without anybody's waiting.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base::CameraId;
use cameras::{Cameras, ControlError};
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, Semaphore, watch},
    task::JoinSet,
};

use crate::{
    Controller,
    api::{Control, ControlValue},
    error::{Error, Kind, Result},
    state::State,
};

/// Most calls that wait for drivers at once: each holds a blocking thread, of which files need some too.
const MAX_WAITING: usize = 8;

/// Below this the values of each camera are kept.
const KEY: &str = "camera.controls";

/// Where the values of one camera are kept.
pub(crate) fn key(id: CameraId) -> String {
    format!("{KEY}.{id}")
}

/// Sets controls and keeps them. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Controls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cameras: Cameras,
    state: Arc<State>,
    waiting: Arc<Semaphore>,
    /// Who writes down writes what is in mind then: so the last one to write leaves what holds.
    writing: Mutex<()>,
    /// Cameras that have come.
    come: Mutex<BTreeSet<CameraId>>,
    news: Notify,
}

/// Why controls could not be set.
#[derive(Debug)]
enum Failure {
    Camera(ControlError),
    Disk(io::Error),
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        Self::Camera(error)
    }
}

impl Controls {
    pub(crate) fn new(cameras: Cameras, state: Arc<State>) -> Self {
        Self(Arc::new(Inner {
            cameras,
            state,
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            writing: Mutex::default(),
            come: Mutex::default(),
            news: Notify::new(),
        }))
    }

    /// A camera can be used: what is kept of it is to be applied. Waits for nothing.
    pub(crate) fn come(&self, id: CameraId) {
        self.0.come().insert(id);
        self.0.news.notify_one();
    }

    /// Applies what is kept to the cameras that come, all of them at once, until `stop` says so.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut applying = JoinSet::new();
        loop {
            for id in std::mem::take(&mut *self.0.come()) {
                let controls = self.clone();
                // What could not be set is in the log already.
                let apply = move |inner: &Inner| Ok(inner.cameras.apply_controls(id));
                applying.spawn(async move { controls.blocking(apply).await });
            }
            tokio::select! {
                () = self.0.news.notified() => {}
                Some(_) = applying.join_next() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Drivers and disks are waited for in threads of their own, so many at once.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> std::result::Result<T, Failure> + Send + 'static,
    ) -> std::result::Result<T, Failure> {
        let place = self.0.waiting.clone().acquire_owned().await;
        let inner = self.0.clone();
        let done = tokio::task::spawn_blocking(move || {
            // Held until the work is done, even if its caller has left. An error: nobody closes it.
            let _place = place;
            work(&inner)
        })
        .await;
        done.unwrap_or_else(|cause| Err(Failure::Disk(io::Error::other(cause))))
    }
}

impl Inner {
    fn come(&self) -> MutexGuard<'_, BTreeSet<CameraId>> {
        self.come.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(
        &self,
        id: CameraId,
        wishes: BTreeMap<String, ControlValue>,
    ) -> std::result::Result<Vec<Control>, Failure> {
        let mut set = self.cameras.set_controls(id, wishes)?;
        let controls = std::mem::take(&mut set.controls);
        if let Err(cause) = self.write_down(id, set.kept.keys()) {
            self.cameras.take_back(id, set.was());
            return Err(Failure::Disk(cause));
        }
        Ok(controls)
    }

    fn write_down<'a>(&self, id: CameraId, names: impl Iterator<Item = &'a String>) -> io::Result<()> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = self.cameras.kept_controls(id);
        let value =
            |name: &String| kept.get(name).map(|value| (format!("{KEY}.{id}.{name}"), to_json(value)));
        let values: Vec<_> = names.filter_map(value).collect();
        if values.is_empty() { Ok(()) } else { self.state.set(values) }
    }

    fn reset(&self, id: CameraId) -> std::result::Result<Vec<Control>, Failure> {
        let mut reset = self.cameras.reset_controls(id)?;
        let controls = std::mem::take(&mut reset.controls);
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(cause) = self.state.reset(&key(id)) {
            self.cameras.take_back(id, reset.was());
            return Err(Failure::Disk(cause));
        }
        Ok(controls)
    }
}

fn to_json(value: &ControlValue) -> Value {
    match value {
        ControlValue::Boolean(flag) => json!(flag),
        ControlValue::Integer(number) => json!(number),
        ControlValue::Text(text) => json!(text),
    }
}

impl Controller {
    /// All controls of a camera, as its driver tells them now.
    pub async fn camera_controls(&self, id: CameraId) -> Result<Vec<Control>> {
        let told = self.controls().blocking(move |inner| Ok(inner.cameras.controls(id)?)).await;
        told.map_err(|failure| self.no_controls(id, failure))
    }

    /// Sets all of these or none, for good.
    pub async fn set_camera_controls(
        &self,
        id: CameraId,
        wishes: BTreeMap<String, ControlValue>,
    ) -> Result<Vec<Control>> {
        let set = self.controls().blocking(move |inner| inner.set(id, wishes)).await;
        set.map_err(|failure| self.no_controls(id, failure))
    }

    /// Sets everything back that can be, and keeps nothing.
    pub async fn reset_camera_controls(&self, id: CameraId) -> Result<Vec<Control>> {
        let reset = self.controls().blocking(move |inner| inner.reset(id)).await;
        reset.map_err(|failure| self.no_controls(id, failure))
    }

    fn no_controls(&self, id: CameraId, failure: Failure) -> Error {
        let camera = |retryable| Kind::Dependency { dependency: "camera", retryable };
        let error = match failure {
            Failure::Camera(error) => error,
            Failure::Disk(cause) => {
                let public = "what was set could not be written down, so it was put back";
                return Error::new(Kind::Internal, public).with_private(cause);
            }
        };
        match error {
            ControlError::NotThere => match self.known(id) {
                Ok(_) => self.not_plugged_in(id),
                Err(unknown) => unknown,
            },
            ControlError::NoControls => {
                Error::new(Kind::Unsupported { feature: "controls".into() }, "only USB cameras have controls")
            }
            ControlError::Refused { rule, why } => {
                Error::new(Kind::InvalidParam { param: "controls", rule }, why)
            }
            ControlError::Silent => {
                Error::new(camera(true), "the camera does not answer; nothing counts of what was asked of it")
            }
            ControlError::Failed { why, retryable } => Error::new(camera(retryable), why),
            ControlError::TooMany => {
                Error::new(Kind::TooMany, "too many cameras do not answer to ask yet another")
            }
        }
    }
}
