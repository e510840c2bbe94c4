//! What works and what does not: facts in, a verdict out. Pure; [`Controller::health`] gathers the facts.
//! There is one judge: who asks and who is told by an event hear the same.

use std::time::Duration;

use base::CameraId;
use paths::{Ffmpeg, Steered};

use crate::{
    api::{CameraStatus, ComponentState, Health, Trouble},
    controller::Controller,
    error::Result,
    events::StorageLevel,
};

/// A recording that was cut short is told for so long: its cause shows by itself while it lasts.
const TOLD_FOR: Duration = Duration::from_mins(10);

/// Everything the verdict depends on.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// `None`: not known yet.
    pub(crate) ffmpeg: Option<Ffmpeg>,
    /// Viewers, or MediaMTX for them, find somebody at the RTSP port.
    pub(crate) rtsp_served: bool,
    /// How it is with MediaMTX; `None`: it does not serve the viewers.
    pub(crate) mediamtx: Option<Steered>,
    /// What is used of what can be used, in percent, and where that is; `None`: the disk does not answer.
    pub(crate) disk: Option<(f64, StorageLevel)>,
    /// The wall clock may be believed.
    pub(crate) clock_believed: bool,
    pub(crate) cameras: Vec<(CameraId, CameraStatus)>,
    /// Those of them whose newest recording ended before its time, and how long ago.
    pub(crate) cut_short: Vec<(CameraId, Duration)>,
}

/// The verdict.
pub(crate) fn judge(facts: &Facts) -> Health {
    let mut health = Health {
        camera_monitor: ComponentState::Running,
        media_server: ComponentState::Running,
        storage: ComponentState::Running,
        ffmpeg: ComponentState::Running,
        troubles: Vec::new(),
    };
    if !facts.rtsp_served {
        health.media_server = ComponentState::Error;
        health.troubles.push(Trouble::ViewersUnserved);
    }
    match facts.mediamtx {
        None | Some(Steered::Ready) => {}
        Some(Steered::Unknown) => health.media_server = ComponentState::Starting,
        Some(Steered::Drifted) => {
            health.media_server = ComponentState::Starting;
            health
                .troubles
                .push(Trouble::MediaServer("MediaMTX is not as it was told to be, and told again"));
        }
        Some(Steered::Open) => health.troubles.push(Trouble::MediaServer(
            "MediaMTX does not ask viewers for tickets: its authMethod must be jwt, without exceptions",
        )),
        Some(Steered::Down(why)) => {
            health.media_server = ComponentState::Error;
            health.troubles.push(Trouble::MediaServer(why));
        }
    }
    match &facts.ffmpeg {
        None => health.ffmpeg = ComponentState::Starting,
        Some(Ffmpeg::Version(_)) => {}
        Some(Ffmpeg::Unclear) => health.troubles.push(Trouble::FfmpegUnclear),
        Some(Ffmpeg::Missing) => {
            health.ffmpeg = ComponentState::Error;
            health.troubles.push(Trouble::FfmpegMissing);
        }
    }
    match facts.disk {
        None => {
            health.storage = ComponentState::Error;
            health.troubles.push(Trouble::DiskSilent);
        }
        Some((percent, StorageLevel::Full)) => {
            health.storage = ComponentState::Error;
            health.troubles.push(Trouble::DiskFull(percent));
        }
        Some((percent, StorageLevel::Low)) => health.troubles.push(Trouble::DiskFilling(percent)),
        Some((_, StorageLevel::Enough)) => {}
    }
    if !facts.clock_believed {
        health.troubles.push(Trouble::ClockJumped);
    }
    let unusable = facts.cameras.iter().filter(|(_, status)| *status == CameraStatus::Error);
    health.troubles.extend(unusable.map(|(camera, _)| Trouble::CameraUnusable(*camera)));
    let cut_short = facts.cut_short.iter().filter(|(_, ago)| *ago < TOLD_FOR);
    health.troubles.extend(cut_short.map(|(camera, _)| Trouble::CutShort(*camera)));
    health
}

/// When the verdict will be another one though nothing happens.
pub(crate) fn changes_in(facts: &Facts) -> Option<Duration> {
    facts
        .cut_short
        .iter()
        .filter_map(|(_, ago)| TOLD_FOR.checked_sub(*ago))
        .filter(|left| !left.is_zero())
        .min()
}

impl Controller {
    /// How the service is; who may not know all cameras hears what [`Health::seen_by`] leaves.
    pub async fn health(&self) -> Result<Health> {
        Ok(judge(&self.facts().await?))
    }

    pub(crate) async fn facts(&self) -> Result<Facts> {
        let room = self.room().clone();
        let disk = self.blocking(move |_| Ok(room.level())).await?;
        Ok(Facts {
            ffmpeg: self.ffmpeg(),
            rtsp_served: self.serves_rtsp(),
            mediamtx: self.steered(),
            disk: disk.ok().flatten(),
            clock_believed: self.retention().believes_the_clock(),
            cameras: self.cameras().into_iter().map(|camera| (camera.id, camera.status)).collect(),
            cut_short: self.cut_short(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Condition;

    fn well() -> Facts {
        Facts {
            ffmpeg: Some(Ffmpeg::Version("7.1".into())),
            rtsp_served: true,
            mediamtx: None,
            disk: Some((50.0, StorageLevel::Enough)),
            clock_believed: true,
            cameras: vec![(CameraId(0), CameraStatus::Connected), (CameraId(1), CameraStatus::Disconnected)],
            cut_short: Vec::new(),
        }
    }

    #[test]
    fn all_is_well_and_an_unplugged_camera_is_no_trouble_of_ours() {
        let health = judge(&well());
        assert_eq!((health.condition(), &*health.troubles), (Condition::Healthy, &[] as &[Trouble]));
        assert_eq!(health.ffmpeg, ComponentState::Running);
    }

    #[test]
    fn each_trouble_has_its_reason_and_its_weight() {
        let verdict = |change: &dyn Fn(&mut Facts)| {
            let mut facts = well();
            change(&mut facts);
            let health = judge(&facts);
            assert!(health.troubles.len() <= 1, "{health:?}");
            (health.condition(), health.troubles.iter().map(ToString::to_string).collect::<String>())
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
            verdict(&|facts| facts.mediamtx = Some(Steered::Down("MediaMTX cannot be reached"))),
            told(Condition::Degraded, "MediaMTX cannot be reached")
        );
        for well in [None, Some(Steered::Unknown), Some(Steered::Ready)] {
            assert_eq!(verdict(&|facts| facts.mediamtx = well), told(Condition::Healthy, ""));
        }
        for ill in [Steered::Drifted, Steered::Open] {
            assert_eq!(verdict(&|facts| facts.mediamtx = Some(ill)).0, Condition::Degraded);
        }
        assert_eq!(
            verdict(&|facts| facts.disk = Some((80.0, StorageLevel::Low))),
            told(Condition::Degraded, "the disk for recordings is 80 % full")
        );
        assert_eq!(
            verdict(&|facts| facts.disk = Some((95.0, StorageLevel::Full))),
            told(Condition::Unhealthy, "the disk for recordings is 95 % full: no recording begins")
        );
        assert_eq!(
            verdict(&|facts| facts.disk = None),
            told(Condition::Unhealthy, "the disk for recordings does not answer")
        );
        assert_eq!(
            verdict(&|facts| facts.cameras[0].1 = CameraStatus::Error),
            told(Condition::Degraded, "camera0 cannot be used")
        );
        assert_eq!(
            verdict(&|facts| facts.clock_believed = false),
            told(Condition::Degraded, "the clock has jumped: nothing is removed for its age")
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
        let facts =
            Facts { ffmpeg: None, rtsp_served: false, disk: Some((85.0, StorageLevel::Low)), ..well() };
        let health = judge(&facts);
        assert_eq!((health.condition(), health.troubles.len()), (Condition::Unhealthy, 2));
        assert_eq!(
            (health.media_server, health.storage, health.ffmpeg),
            (ComponentState::Error, ComponentState::Running, ComponentState::Starting)
        );
    }

    #[test]
    fn news_is_what_changes_anything_but_a_figure_for_who_may_know() {
        let before = judge(&well());
        let filling = judge(&Facts { disk: Some((81.0, StorageLevel::Low)), ..well() });
        let fuller = judge(&Facts { disk: Some((82.0, StorageLevel::Low)), ..well() });
        assert!(filling.differs(&before) && before.differs(&filling) && !fuller.differs(&filling));
        let mut facts = well();
        facts.cameras[0].1 = CameraStatus::Error;
        let broken = judge(&facts);
        let seen = |health: &Health, cameras: &[CameraId]| health.clone().seen_by(Some(cameras));
        assert!(broken.differs(&before));
        assert!(seen(&broken, &[CameraId(0)]).differs(&seen(&before, &[CameraId(0)])));
        assert!(!seen(&broken, &[CameraId(1)]).differs(&seen(&before, &[CameraId(1)])));
        assert_eq!(seen(&broken, &[CameraId(1)]).condition(), Condition::Healthy);
        let starting = judge(&Facts { ffmpeg: None, ..well() });
        assert!(!before.differs(&starting), "it has come up");
        assert!(judge(&Facts { ffmpeg: Some(Ffmpeg::Missing), ..well() }).differs(&starting));
    }

    #[test]
    fn what_passes_by_itself_is_waited_for() {
        assert_eq!(changes_in(&well()), None);
        let cut_short = [1, 400, 600, 700].map(|s| (CameraId(0), Duration::from_secs(s))).to_vec();
        assert_eq!(changes_in(&Facts { cut_short, ..well() }), Some(Duration::from_secs(200)));
    }
}
