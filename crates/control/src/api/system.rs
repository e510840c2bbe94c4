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
