//! The service as a whole.

use base::CameraId;

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

/// How the service is, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The worst of all reasons.
    pub condition: Condition,
    /// Whoever looks for cameras.
    pub camera_monitor: ComponentState,
    /// Whoever serves viewers.
    pub media_server: ComponentState,
    /// The disk for recordings.
    pub storage: ComponentState,
    /// The program that encodes.
    pub ffmpeg: ComponentState,
    /// For a person; empty when all is well.
    pub reasons: Vec<String>,
}

impl Health {
    /// Adds a reason to be in this condition, or in a worse one.
    pub fn worsen(&mut self, condition: Condition, reason: impl Into<String>) {
        self.condition = self.condition.max(condition);
        self.reasons.push(reason.into());
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
