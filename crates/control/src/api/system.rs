//! The service as a whole.

use std::{fmt, time::SystemTime};

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

/// A part of the service that can be well or not. (That the server runs is seen by its answering.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// Whoever looks for cameras, and the cameras.
    CameraMonitor,
    /// Whoever serves viewers.
    MediaServer,
    /// Recordings under way.
    Recorder,
    /// The disk for recordings.
    Storage,
    /// The program that encodes.
    Ffmpeg,
    /// The audit log of whoever answers clients.
    AuditLog,
    /// The wall clock.
    Clock,
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
    /// MediaMTX cannot be steered; why.
    MediaServerDown(&'static str),
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
    /// The stream of this camera has ended by itself, and is being started anew.
    SourceRestarts(CameraId),
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
            Self::MediaServerDown(_)
            | Self::MediaServer(_)
            | Self::FfmpegUnclear
            | Self::FfmpegMissing
            | Self::DiskFilling(_)
            | Self::ClockJumped
            | Self::CameraUnusable(_)
            | Self::SourceRestarts(_)
            | Self::CutShort(_)
            | Self::AuditUnwritable => Condition::Degraded,
        }
    }

    /// Whose trouble it is.
    pub fn component(&self) -> Component {
        match self {
            Self::ViewersUnserved | Self::MediaServerDown(_) | Self::MediaServer(_) => Component::MediaServer,
            Self::FfmpegUnclear | Self::FfmpegMissing => Component::Ffmpeg,
            Self::DiskSilent | Self::DiskFull(_) | Self::DiskFilling(_) => Component::Storage,
            Self::ClockJumped => Component::Clock,
            Self::CameraUnusable(_) | Self::SourceRestarts(_) => Component::CameraMonitor,
            Self::CutShort(_) => Component::Recorder,
            Self::AuditUnwritable => Component::AuditLog,
        }
    }

    /// Can its component not do its work?
    fn breaks(&self) -> bool {
        match self {
            Self::ViewersUnserved
            | Self::MediaServerDown(_)
            | Self::FfmpegMissing
            | Self::DiskSilent
            | Self::DiskFull(_)
            | Self::AuditUnwritable => true,
            Self::MediaServer(_)
            | Self::FfmpegUnclear
            | Self::DiskFilling(_)
            | Self::ClockJumped
            | Self::CameraUnusable(_)
            | Self::SourceRestarts(_)
            | Self::CutShort(_) => false,
        }
    }

    /// The camera it is about: who may not know that one does not hear of this either.
    fn camera(&self) -> Option<CameraId> {
        match self {
            Self::CameraUnusable(camera) | Self::SourceRestarts(camera) | Self::CutShort(camera) => {
                Some(*camera)
            }
            _ => None,
        }
    }

    /// The same trouble, whatever the figures in it?
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::MediaServer(one), Self::MediaServer(other))
            | (Self::MediaServerDown(one), Self::MediaServerDown(other)) => one == other,
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
            Self::MediaServerDown(why) | Self::MediaServer(why) => f.write_str(why),
            Self::FfmpegUnclear => f.write_str("ffmpeg does not tell its version"),
            Self::FfmpegMissing => f.write_str("ffmpeg is not installed: only network cameras work"),
            Self::DiskSilent => f.write_str("the disk for recordings does not answer"),
            Self::DiskFull(percent) => {
                write!(f, "the disk for recordings is {percent:.0} % full: no recording begins")
            }
            Self::DiskFilling(percent) => write!(f, "the disk for recordings is {percent:.0} % full"),
            Self::ClockJumped => f.write_str("the clock has jumped: nothing is removed for its age"),
            Self::CameraUnusable(camera) => write!(f, "{camera} cannot be used"),
            Self::SourceRestarts(camera) => {
                write!(f, "the stream of {camera} has ended by itself, and is being started anew")
            }
            Self::CutShort(camera) => write!(f, "a recording of {camera} was cut short"),
            Self::AuditUnwritable => {
                f.write_str("the audit log cannot be written: privileged calls are refused")
            }
        }
    }
}

/// A trouble, and since when it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// What is wrong.
    pub trouble: Trouble,
    /// Since when.
    pub since: SystemTime,
}

/// How the service is, and why.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Health {
    /// What is not ready yet.
    pub starting: Vec<Component>,
    /// Empty when all is well.
    pub reasons: Vec<Reason>,
}

impl Health {
    /// The worst of all troubles.
    pub fn condition(&self) -> Condition {
        self.reasons.iter().map(|reason| reason.trouble.condition()).max().unwrap_or(Condition::Healthy)
    }

    /// What one part does.
    pub fn component(&self, component: Component) -> ComponentState {
        let broken = |reason: &Reason| reason.trouble.component() == component && reason.trouble.breaks();
        if self.reasons.iter().any(broken) {
            ComponentState::Error
        } else if self.starting.contains(&component) {
            ComponentState::Starting
        } else {
            ComponentState::Running
        }
    }

    /// As far as somebody may know who knows only these cameras.
    #[must_use]
    pub fn seen_by(mut self, visible: Visible<'_>) -> Self {
        let may_know = |camera| visible.is_none_or(|cameras| cameras.contains(&camera));
        self.reasons.retain(|reason| reason.trouble.camera().is_none_or(may_know));
        self
    }

    /// Would somebody who heard `before` learn anything but a figure? That a part has come up, as was to be
    /// expected, is nothing to learn either.
    pub fn differs(&self, before: &Self) -> bool {
        let alike = |(now, then): (&Reason, &Reason)| now.trouble.is_like(&then.trouble);
        self.reasons.len() != before.reasons.len() || !self.reasons.iter().zip(&before.reasons).all(alike)
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
    /// Bytes by which files of recordings have grown.
    pub recordings_written_bytes: u64,
    /// Files that retention removed, by itself or because somebody asked.
    pub retention_files: u64,
    /// Bytes those held.
    pub retention_bytes: u64,
    /// Files that retention should have removed and could not, and times at which it could not even look.
    pub retention_failures: u64,
    /// When retention last looked at all files; `None`: not yet.
    pub retention_ran: Option<SystemTime>,
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
