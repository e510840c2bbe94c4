//! Controls of cameras by number: asked in turn, set, and kept in mind, so that they hold again when a device comes back.
//! Where they are written down is the Controller's business.

use std::path::PathBuf;

use base::CameraId;

use super::Cameras;
use crate::{
    camera::{Kind, Status},
    control::{Control, ControlError, Unapplied},
    kept::Values,
    turns::{Claim, NoAnswer},
    v4l2::controls::{self, Device},
};

/// What came of setting controls.
#[derive(Debug)]
pub struct ControlsSet {
    /// All controls afterwards.
    pub controls: Vec<Control>,
    /// What was set and is kept, as the driver took it. Without what moves or triggers something.
    pub kept: Values,
    was: Was,
}

/// What came of setting controls back.
#[derive(Debug)]
pub struct ControlsReset {
    /// All controls afterwards.
    pub controls: Vec<Control>,
    was: Was,
}

/// How it was before, for who cannot write down that it is different.
#[derive(Debug)]
pub struct Was {
    /// On the device.
    values: Values,
    /// In mind.
    kept: Values,
}

impl ControlsSet {
    /// For [`Cameras::take_back`].
    pub fn was(self) -> Was {
        self.was
    }
}

impl ControlsReset {
    /// For [`Cameras::take_back`].
    pub fn was(self) -> Was {
        self.was
    }
}

impl Cameras {
    /// All controls of a camera, as its driver tells them. Blocks until it answers, at most
    /// `camera.detection_timeout`, as everything here.
    pub fn controls(&self, id: CameraId) -> Result<Vec<Control>, ControlError> {
        self.with_device(id, |device, _| controls::list(device))
    }

    /// Sets all of these, or none, and keeps them in mind.
    pub fn set_controls(&self, id: CameraId, wishes: Values) -> Result<ControlsSet, ControlError> {
        let cameras = self.clone();
        self.with_device(id, move |device, claim| {
            let changed = controls::set(device, &wishes, claim)?;
            let mut state = cameras.state();
            let kept = state.controls.entry(id).or_default();
            let was = Was { values: changed.before, kept: kept.clone() };
            kept.extend(changed.taken.clone());
            Ok(ControlsSet { controls: changed.controls, kept: changed.taken, was })
        })
    }

    /// Sets everything to what the driver calls the default, and keeps nothing in mind. What refuses is told in the log
    /// and stays.
    pub fn reset_controls(&self, id: CameraId) -> Result<ControlsReset, ControlError> {
        let cameras = self.clone();
        self.with_device(id, move |device, claim| {
            let changed = controls::reset(device, claim)?;
            for Unapplied { control, why } in changed.left {
                tracing::warn!(camera = %id, control, why, "a control could not be set back");
            }
            let kept = cameras.state().controls.remove(&id).unwrap_or_default();
            Ok(ControlsReset { controls: changed.controls, was: Was { values: changed.before, kept } })
        })
    }

    /// Puts device and mind back to what they were.
    pub fn take_back(&self, id: CameraId, was: Was) {
        let Was { values, kept } = was;
        self.state().controls.insert(id, kept);
        let put_back = self.with_device(id, move |device, _| controls::take_back(device, &values));
        match put_back {
            Ok(lost) if lost.is_empty() => {}
            outcome => tracing::warn!(camera = %id, ?outcome, "controls of a camera could not be put back"),
        }
    }

    /// What is kept in mind for a camera.
    pub fn kept_controls(&self, id: CameraId) -> Values {
        self.state().controls.get(&id).cloned().unwrap_or_default()
    }

    /// Puts what is kept on the camera's device as far as that is possible, and gives what is not. Does nothing where
    /// nothing is kept, and writes nothing that is so already. Each failure is logged once, until it is another.
    pub fn apply_controls(&self, id: CameraId) -> Vec<Unapplied> {
        let kept = self.kept_controls(id);
        if kept.is_empty() {
            return Vec::new();
        }
        let cameras = self.clone();
        let applied = self.with_device(id, move |device, claim| {
            // Those of now: somebody may have set others while we waited.
            controls::apply(device, &cameras.kept_controls(id), claim)
        });
        let is_gone = applied == Err(ControlError::NotThere);
        let left = applied.unwrap_or_else(|error| {
            let why = match error {
                ControlError::Refused { why, .. } | ControlError::Failed { why, .. } => why,
                ControlError::NotThere => "the camera is not there".into(),
                ControlError::NoControls => "only USB cameras have controls".into(),
                ControlError::Silent | ControlError::TooMany => "the camera does not answer".into(),
            };
            kept.into_keys().map(|control| Unapplied { control, why: why.clone() }).collect()
        });
        if is_gone {
            // Others tell that.
            return left;
        }
        let told = self.state().unapplied.insert(id, left.clone()).unwrap_or_default();
        for Unapplied { control, why } in left.iter().filter(|left| !told.contains(left)) {
            tracing::warn!(camera = %id, control, why, "what is kept of a camera's controls could not be set");
        }
        left
    }

    /// Does `work` with the camera's device when it is its turn.
    fn with_device<T: Send + 'static>(
        &self,
        id: CameraId,
        work: impl FnOnce(&Device, &Claim) -> Result<T, ControlError> + Send + 'static,
    ) -> Result<T, ControlError> {
        self.place(id)?;
        let cameras = self.clone();
        let done = self.0.turns.take(id, move |claim| {
            // Again: while it waited its node may have become another's.
            let (path, bus_info) = cameras.place(id)?;
            work(&controls::open(&path, bus_info.as_deref())?, claim)
        });
        done.unwrap_or_else(|none| match none {
            NoAnswer::Silent => Err(ControlError::Silent),
            NoAnswer::TooMany => Err(ControlError::TooMany),
        })
    }

    /// Its node, and where that is plugged in.
    fn place(&self, id: CameraId) -> Result<(PathBuf, Option<String>), ControlError> {
        let camera = self.get(id).ok_or(ControlError::NotThere)?;
        match (camera.kind, camera.status, camera.device_path) {
            (Kind::Rtsp | Kind::Test, ..) => Err(ControlError::NoControls),
            (Kind::V4l2, Status::Connected | Status::Error, Some(path)) => Ok((path, camera.bus_info)),
            (Kind::V4l2, ..) => Err(ControlError::NotThere),
        }
    }
}
