//! The service as a whole.

use std::fmt;

use base::CameraId;

use super::Visible;

/// Is the service as a whole there?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Cameras are still being looked for.
    Starting,
    /// Some cameras cannot be used.
    Partial,
    /// All is well.
    Ready,
}

/// Answer to `get_system_status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemStatus {
    /// In one word.
    pub readiness: Readiness,
    /// For a person.
    pub message: String,
    /// Cameras that can be used now.
    pub available: Vec<CameraId>,
    /// Cameras are being looked for.
    pub discovery_active: bool,
}

/// What one part of the service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComponentState {
    /// Its work.
    Running,
    /// It is not ready yet.
    Starting,
    /// It has ended, or is ending.
    Stopped,
    /// It cannot do its work.
    Error,
}

/// How the service is, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// All is well.
    Healthy,
    /// Something needs a look; the rest works.
    Degraded,
    /// A whole function of the service is missing.
    Unhealthy,
}

/// One reason not to be well.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// Nobody answers at the RTSP port.
    ViewersUnserved,
    /// MediaMTX does not serve the viewers as it should; why.
    MediaServer(&'static str),
    /// ffmpeg is there, but does not tell its version.
    FfmpegUnclear,
    /// ffmpeg is not installed.
    FfmpegMissing,
    /// The disk for recordings does not answer.
    DiskSilent,
    /// It is too full to begin a recording; in percent.
    DiskFull(f64),
    /// It is filling; in percent.
    DiskFilling(f64),
    /// The wall clock has jumped.
    ClockJumped,
    /// This camera is there, but unusable.
    CameraUnusable(CameraId),
    /// The newest recording of this camera ended before its time.
    CutShort(CameraId),
    /// The audit log of whoever answers clients cannot be written.
    AuditUnwritable,
}

impl Trouble {
    /// How bad it is.
    pub fn condition(&self) -> Condition {
        match self {
            Self::ViewersUnserved | Self::DiskSilent | Self::DiskFull(_) => Condition::Unhealthy,
            Self::MediaServer(_)
            | Self::FfmpegUnclear
            | Self::FfmpegMissing
            | Self::DiskFilling(_)
            | Self::ClockJumped
            | Self::CameraUnusable(_)
            | Self::CutShort(_)
            | Self::AuditUnwritable => Condition::Degraded,
        }
    }

    /// The camera it is about: who may not know that one does not hear of this either.
    fn camera(&self) -> Option<CameraId> {
        match self {
            Self::CameraUnusable(camera) | Self::CutShort(camera) => Some(*camera),
            _ => None,
        }
    }

    /// The same trouble, whatever the figures in it?
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::MediaServer(one), Self::MediaServer(other)) => one == other,
            _ => {
                std::mem::discriminant(self) == std::mem::discriminant(other)
                    && self.camera() == other.camera()
            }
        }
    }
}

/// For a person.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ViewersUnserved => f.write_str("viewers are not served"),
            Self::MediaServer(why) => f.write_str(why),
            Self::FfmpegUnclear => f.write_str("ffmpeg does not tell its version"),
            Self::FfmpegMissing => f.write_str("ffmpeg is not installed: only network cameras work"),
            Self::DiskSilent => f.write_str("the disk for recordings does not answer"),
            Self::DiskFull(percent) => {
                write!(f, "the disk for recordings is {percent:.0} % full: no recording begins")
            }
            Self::DiskFilling(percent) => write!(f, "the disk for recordings is {percent:.0} % full"),
            Self::ClockJumped => f.write_str("the clock has jumped: nothing is removed for its age"),
            Self::CameraUnusable(camera) => write!(f, "{camera} cannot be used"),
            Self::CutShort(camera) => write!(f, "a recording of {camera} was cut short"),
            Self::AuditUnwritable => {
                f.write_str("the audit log cannot be written: privileged calls are refused")
            }
        }
    }
}

/// How the service is, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// Whoever looks for cameras.
    pub camera_monitor: ComponentState,
    /// Whoever serves viewers.
    pub media_server: ComponentState,
    /// The disk for recordings.
    pub storage: ComponentState,
    /// The program that encodes.
    pub ffmpeg: ComponentState,
    /// Empty when all is well.
    pub troubles: Vec<Trouble>,
}

impl Health {
    /// The worst of all troubles.
    pub fn condition(&self) -> Condition {
        self.troubles.iter().map(Trouble::condition).max().unwrap_or(Condition::Healthy)
    }

    /// As far as somebody may know who knows only these cameras.
    #[must_use]
    pub fn seen_by(mut self, visible: Visible<'_>) -> Self {
        let may_know = |camera| visible.is_none_or(|cameras| cameras.contains(&camera));
        self.troubles.retain(|trouble| trouble.camera().is_none_or(may_know));
        self
    }

    /// Would somebody who heard `before` learn anything but a figure? That a part has come up, as was to be
    /// expected, is nothing to learn either.
    pub fn differs(&self, before: &Self) -> bool {
        let up = |part| if part == ComponentState::Starting { ComponentState::Running } else { part };
        let parts = |health: &Self| {
            [health.camera_monitor, health.media_server, health.storage, health.ffmpeg].map(up)
        };
        let same = self.troubles.len() == before.troubles.len()
            && self.troubles.iter().zip(&before.troubles).all(|(now, then)| now.is_like(then));
        !same || parts(self) != parts(before)
    }
}

/// What has happened since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Recordings whose first picture lay in their file.
    pub recordings_started: u64,
    /// Recordings that ended before their time.
    pub recordings_cut_short: u64,
    /// Pictures taken and kept.
    pub snapshots_taken: u64,
    /// Pictures asked for that could not be taken.
    pub snapshots_failed: u64,
}

/// Room on a disk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Space {
    /// Size of the file system, in bytes.
    pub total: u64,
    /// What the service may still write there, in bytes.
    pub available: u64,
    /// What is used of what can be used, as df(1) counts it.
    pub usage_percent: f64,
}
