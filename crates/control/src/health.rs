//! What works and what does not: facts in, a verdict out. Pure; [`Controller::health`] gathers the facts.

use std::time::Duration;

use base::CameraId;
use paths::Ffmpeg;

use crate::{
    api::{CameraStatus, ComponentState, Condition, Health, Visible},
    controller::Controller,
    error::Result,
    storage::{self, Limits},
};

/// A recording that was cut short is told for so long: its cause shows by itself while it lasts.
const TOLD_FOR: Duration = Duration::from_mins(10);

/// Everything the verdict depends on.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// `None`: not known yet.
    pub(crate) ffmpeg: Option<Ffmpeg>,
    /// Viewers find somebody at the RTSP port.
    pub(crate) rtsp_served: bool,
    /// What is used of what can be used; `None`: the disk does not answer.
    pub(crate) disk_usage_percent: Option<f64>,
    pub(crate) limits: Limits,
    /// Cameras the caller may know.
    pub(crate) cameras: Vec<(CameraId, CameraStatus)>,
    /// Those of them whose newest recording ended before its time, and how long ago.
    pub(crate) cut_short: Vec<(CameraId, Duration)>,
}

/// The verdict.
pub(crate) fn judge(facts: &Facts) -> Health {
    let mut health = Health {
        condition: Condition::Healthy,
        camera_monitor: ComponentState::Running,
        media_server: ComponentState::Running,
        storage: ComponentState::Running,
        ffmpeg: ComponentState::Running,
        reasons: Vec::new(),
    };
    if !facts.rtsp_served {
        health.media_server = ComponentState::Error;
        health.worsen(Condition::Unhealthy, "viewers are not served");
    }
    match &facts.ffmpeg {
        None => health.ffmpeg = ComponentState::Starting,
        Some(Ffmpeg::Version(_)) => {}
        Some(Ffmpeg::Unclear) => {
            health.worsen(Condition::Degraded, "ffmpeg does not tell its version");
        }
        Some(Ffmpeg::Missing) => {
            health.ffmpeg = ComponentState::Error;
            health.worsen(Condition::Degraded, "ffmpeg is not installed: only network cameras work");
        }
    }
    let Limits { warn_percent, block_percent } = facts.limits;
    match facts.disk_usage_percent {
        None => {
            health.storage = ComponentState::Error;
            health.worsen(Condition::Unhealthy, "the disk for recordings does not answer");
        }
        Some(percent) if percent >= block_percent => {
            health.storage = ComponentState::Error;
            health.worsen(
                Condition::Unhealthy,
                format!("the disk for recordings is {percent:.0} % full: no recording begins"),
            );
        }
        Some(percent) if percent >= warn_percent => {
            health.worsen(Condition::Degraded, format!("the disk for recordings is {percent:.0} % full"));
        }
        Some(_) => {}
    }
    for (camera, _) in facts.cameras.iter().filter(|(_, status)| *status == CameraStatus::Error) {
        health.worsen(Condition::Degraded, format!("{camera} cannot be used"));
    }
    for (camera, _) in facts.cut_short.iter().filter(|(_, ago)| *ago < TOLD_FOR) {
        health.worsen(Condition::Degraded, format!("a recording of {camera} was cut short"));
    }
    health
}

impl Controller {
    /// How the service is, as far as the caller may know.
    pub async fn health(&self, visible: Visible<'_>) -> Result<Health> {
        let space = self.blocking(files::Files::space).await?;
        let may_know = |camera: CameraId| visible.is_none_or(|cameras| cameras.contains(&camera));
        Ok(judge(&Facts {
            ffmpeg: self.ffmpeg(),
            rtsp_served: self.serves_rtsp(),
            disk_usage_percent: space.ok().map(storage::usage_percent),
            limits: self.limits(),
            cameras: self
                .cameras()
                .into_iter()
                .filter(|camera| may_know(camera.id))
                .map(|camera| (camera.id, camera.status))
                .collect(),
            cut_short: self.cut_short().into_iter().filter(|(camera, _)| may_know(*camera)).collect(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> Facts {
        Facts {
            ffmpeg: Some(Ffmpeg::Version("7.1".into())),
            rtsp_served: true,
            disk_usage_percent: Some(50.0),
            limits: Limits { warn_percent: 80.0, block_percent: 95.0 },
            cameras: vec![(CameraId(0), CameraStatus::Connected), (CameraId(1), CameraStatus::Disconnected)],
            cut_short: Vec::new(),
        }
    }

    #[test]
    fn all_is_well_and_an_unplugged_camera_is_no_trouble_of_ours() {
        let health = judge(&well());
        assert_eq!((health.condition, health.reasons), (Condition::Healthy, Vec::new()));
        assert_eq!(health.ffmpeg, ComponentState::Running);
    }

    #[test]
    fn each_trouble_has_its_reason_and_its_weight() {
        let verdict = |change: &dyn Fn(&mut Facts)| {
            let mut facts = well();
            change(&mut facts);
            let health = judge(&facts);
            assert!(health.reasons.len() <= 1, "{health:?}");
            (health.condition, health.reasons.concat())
        };
        let told = |condition, reason: &str| (condition, reason.to_owned());
        assert_eq!(
            verdict(&|facts| facts.ffmpeg = Some(Ffmpeg::Missing)),
            told(Condition::Degraded, "ffmpeg is not installed: only network cameras work")
        );
        assert_eq!(
            verdict(&|facts| facts.rtsp_served = false),
            told(Condition::Unhealthy, "viewers are not served")
        );
        assert_eq!(
            verdict(&|facts| facts.disk_usage_percent = Some(80.0)),
            told(Condition::Degraded, "the disk for recordings is 80 % full")
        );
        assert_eq!(
            verdict(&|facts| facts.disk_usage_percent = Some(95.0)),
            told(Condition::Unhealthy, "the disk for recordings is 95 % full: no recording begins")
        );
        assert_eq!(
            verdict(&|facts| facts.disk_usage_percent = None),
            told(Condition::Unhealthy, "the disk for recordings does not answer")
        );
        assert_eq!(
            verdict(&|facts| facts.cameras[0].1 = CameraStatus::Error),
            told(Condition::Degraded, "camera0 cannot be used")
        );
        let ended = |ago| move |facts: &mut Facts| facts.cut_short = vec![(CameraId(1), ago)];
        assert_eq!(
            verdict(&ended(Duration::from_secs(1))),
            told(Condition::Degraded, "a recording of camera1 was cut short")
        );
        assert_eq!(verdict(&ended(TOLD_FOR)), told(Condition::Healthy, ""));
    }

    #[test]
    fn the_worst_counts_and_all_are_told() {
        let facts = Facts { ffmpeg: None, rtsp_served: false, disk_usage_percent: Some(85.0), ..well() };
        let health = judge(&facts);
        assert_eq!((health.condition, health.reasons.len()), (Condition::Unhealthy, 2));
        assert_eq!(
            (health.media_server, health.storage, health.ffmpeg),
            (ComponentState::Error, ComponentState::Running, ComponentState::Starting)
        );
    }
}
