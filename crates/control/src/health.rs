//! What works and what does not: facts in, a verdict out. Pure (what is told of it is [`steady`]'s); [`Controller::health`] gathers the facts.
//! There is one judge: who asks and who is told by an event hear the same.

mod steady;

pub(crate) use steady::Steady;

use std::time::{Duration, Instant, SystemTime};

use base::CameraId;
use paths::{Ffmpeg, Steered};

use crate::{
    api::{CameraStatus, Component, Health, Trouble},
    controller::Controller,
    error::Result,
    events::StorageLevel,
};

/// A recording that was cut short is told for so long: its cause shows by itself while it lasts.
const TOLD_FOR: Duration = Duration::from_mins(10);

/// Everything the verdict depends on.
#[derive(Debug, Clone)]
struct Facts {
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
    pub(crate) audit_writable: bool,
    pub(crate) cameras: Vec<(CameraId, CameraStatus)>,
    /// Those of them whose stream has ended by itself and is not back yet.
    pub(crate) restarting: Vec<CameraId>,
    /// Those of them whose newest recording ended before its time, and how long ago.
    pub(crate) cut_short: Vec<(CameraId, Duration)>,
}

/// What the facts say.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) starting: Vec<Component>,
    pub(crate) troubles: Vec<Trouble>,
}

/// The verdict.
fn judge(facts: &Facts) -> Verdict {
    let mut verdict = Verdict::default();
    let Verdict { starting, troubles } = &mut verdict;
    if !facts.rtsp_served {
        troubles.push(Trouble::ViewersUnserved);
    }
    match facts.mediamtx {
        None | Some(Steered::Ready) => {}
        Some(Steered::Unknown) => starting.push(Component::MediaServer),
        Some(Steered::Drifted) => {
            starting.push(Component::MediaServer);
            troubles.push(Trouble::MediaServer("MediaMTX is not as it was told to be, and told again"));
        }
        Some(Steered::Open) => troubles.push(Trouble::MediaServer(
            "MediaMTX does not ask viewers for tickets: its authMethod must be jwt, without exceptions",
        )),
        Some(Steered::Down(why)) => troubles.push(Trouble::MediaServerDown(why)),
    }
    match &facts.ffmpeg {
        None => starting.push(Component::Ffmpeg),
        Some(Ffmpeg::Version(_)) => {}
        Some(Ffmpeg::Unclear) => troubles.push(Trouble::FfmpegUnclear),
        Some(Ffmpeg::Missing) => troubles.push(Trouble::FfmpegMissing),
    }
    match facts.disk {
        None => troubles.push(Trouble::DiskSilent),
        Some((percent, StorageLevel::Full)) => troubles.push(Trouble::DiskFull(percent)),
        Some((percent, StorageLevel::Low)) => troubles.push(Trouble::DiskFilling(percent)),
        Some((_, StorageLevel::Enough)) => {}
    }
    if !facts.clock_believed {
        troubles.push(Trouble::ClockJumped);
    }
    if !facts.audit_writable {
        troubles.push(Trouble::AuditUnwritable);
    }
    let unusable = facts.cameras.iter().filter(|(_, status)| *status == CameraStatus::Error);
    troubles.extend(unusable.map(|(camera, _)| Trouble::CameraUnusable(*camera)));
    let usable = |camera: &&CameraId| facts.cameras.contains(&(**camera, CameraStatus::Connected));
    troubles.extend(facts.restarting.iter().filter(usable).map(|camera| Trouble::SourceRestarts(*camera)));
    let cut_short = facts.cut_short.iter().filter(|(_, ago)| *ago < TOLD_FOR);
    troubles.extend(cut_short.map(|(camera, _)| Trouble::CutShort(*camera)));
    verdict
}

/// When the verdict will be another one though nothing happens.
fn changes_in(facts: &Facts) -> Option<Duration> {
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
        Ok(self.health_until().await?.0)
    }

    /// The same, and when it will be another thing by itself.
    pub(crate) async fn health_until(&self) -> Result<(Health, Option<Instant>)> {
        let facts = self.facts().await?;
        let now = Instant::now();
        let (health, settles) = self.steady().update(now, SystemTime::now(), judge(&facts));
        let changes = changes_in(&facts).map(|left| now + left);
        Ok((health, changes.into_iter().chain(settles).min()))
    }

    async fn facts(&self) -> Result<Facts> {
        let room = self.room().clone();
        let disk = self.blocking(move |_| Ok(room.level())).await?;
        Ok(Facts {
            ffmpeg: self.ffmpeg(),
            rtsp_served: self.serves_rtsp(),
            mediamtx: self.steered(),
            disk: disk.ok().flatten(),
            clock_believed: self.retention().believes_the_clock(),
            audit_writable: self.audit_writable(),
            cameras: self.cameras().into_iter().map(|camera| (camera.id, camera.status)).collect(),
            restarting: self.restarting(),
            cut_short: self.cut_short(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ComponentState, Condition};

    /// As it is told at once.
    fn health(facts: &Facts) -> Health {
        Steady::default().update(Instant::now(), SystemTime::UNIX_EPOCH, judge(facts)).0
    }

    fn well() -> Facts {
        Facts {
            ffmpeg: Some(Ffmpeg::Version("7.1".into())),
            rtsp_served: true,
            mediamtx: None,
            disk: Some((50.0, StorageLevel::Enough)),
            clock_believed: true,
            audit_writable: true,
            restarting: Vec::new(),
            cameras: vec![(CameraId(0), CameraStatus::Connected), (CameraId(1), CameraStatus::Disconnected)],
            cut_short: Vec::new(),
        }
    }

    #[test]
    fn all_is_well_and_an_unplugged_camera_is_no_trouble_of_ours() {
        let health = health(&well());
        assert_eq!((health.condition(), health.reasons.len()), (Condition::Healthy, 0));
        assert_eq!(health.component(Component::Ffmpeg), ComponentState::Running);
    }

    #[test]
    fn each_trouble_has_its_reason_and_its_weight() {
        let verdict = |change: &dyn Fn(&mut Facts)| {
            let mut facts = well();
            change(&mut facts);
            let health = health(&facts);
            assert!(health.reasons.len() <= 1, "{health:?}");
            let reasons = health.reasons.iter().map(|reason| reason.trouble.to_string());
            (health.condition(), reasons.collect::<String>())
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
        assert_eq!(
            verdict(&|facts| facts.audit_writable = false),
            told(Condition::Degraded, "the audit log cannot be written: privileged calls are refused")
        );
        assert_eq!(
            verdict(&|facts| facts.restarting = vec![CameraId(0), CameraId(1)]),
            told(Condition::Degraded, "the stream of camera0 has ended by itself, and is being started anew")
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
        let health = health(&facts);
        assert_eq!((health.condition(), health.reasons.len()), (Condition::Unhealthy, 2));
        let parts = [Component::MediaServer, Component::Storage, Component::Ffmpeg, Component::Clock];
        assert_eq!(
            parts.map(|part| health.component(part)),
            [
                ComponentState::Error,
                ComponentState::Running,
                ComponentState::Starting,
                ComponentState::Running
            ]
        );
    }

    #[test]
    fn news_is_what_changes_anything_but_a_figure_for_who_may_know() {
        let before = health(&well());
        let filling = health(&Facts { disk: Some((81.0, StorageLevel::Low)), ..well() });
        let fuller = health(&Facts { disk: Some((82.0, StorageLevel::Low)), ..well() });
        assert!(filling.differs(&before) && before.differs(&filling) && !fuller.differs(&filling));
        let mut facts = well();
        facts.cameras[0].1 = CameraStatus::Error;
        let broken = health(&facts);
        let seen = |health: &Health, cameras: &[CameraId]| health.clone().seen_by(Some(cameras));
        assert!(broken.differs(&before));
        assert!(seen(&broken, &[CameraId(0)]).differs(&seen(&before, &[CameraId(0)])));
        assert!(!seen(&broken, &[CameraId(1)]).differs(&seen(&before, &[CameraId(1)])));
        assert_eq!(seen(&broken, &[CameraId(1)]).condition(), Condition::Healthy);
        let starting = health(&Facts { ffmpeg: None, ..well() });
        assert!(!before.differs(&starting), "it has come up");
        assert!(health(&Facts { ffmpeg: Some(Ffmpeg::Missing), ..well() }).differs(&starting));
    }

    #[test]
    fn what_passes_by_itself_is_waited_for() {
        assert_eq!(changes_in(&well()), None);
        let cut_short = [1, 400, 600, 700].map(|s| (CameraId(0), Duration::from_secs(s))).to_vec();
        assert_eq!(changes_in(&Facts { cut_short, ..well() }), Some(Duration::from_secs(200)));
    }
}
