//! What the Controller answers when it cannot do what was asked. The kinds are the contract's error
//! table without its numbers: the server alone knows JSON-RPC.

use std::fmt;

use base::CameraId;

/// Why, with the members the contract promises for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Unknown camera, or frames are needed from one that is unplugged.
    CameraNotFound {
        /// Absent when the caller named a path.
        device: Option<CameraId>,
        /// `DISCONNECTED` for a known camera without a device.
        state: Option<&'static str>,
        /// Cameras that exist (the server filters them by the caller's scope).
        available: Vec<CameraId>,
    },
    /// Another program holds the camera, or the bus is full.
    DeviceBusy {
        /// The camera.
        device: CameraId,
        /// Who holds it, when visible.
        holder: Option<String>,
    },
    /// Start while recording; delete of a file being written.
    RecordingInProgress {
        /// The camera that records.
        device: CameraId,
        /// The newest file of the recording.
        filename: String,
        /// The recording.
        recording_id: String,
    },
    /// Unknown recording or snapshot.
    FileNotFound {
        /// As asked for.
        filename: String,
    },
    /// The state does not allow it.
    InvalidState {
        /// The state it is in.
        state: &'static str,
        /// The states in which it is allowed.
        allowed: &'static [&'static str],
    },
    /// A parameter is wrong in a way only the Controller can see.
    InvalidParam {
        /// Its name.
        param: &'static str,
        /// The rule it broke, such as `unique`.
        rule: &'static str,
    },
    /// This camera or build cannot do it.
    Unsupported {
        /// What it lacks.
        feature: String,
    },
    /// ffmpeg, a network camera or the media server did not answer.
    Dependency {
        /// Which.
        dependency: &'static str,
        /// Trying again may help.
        retryable: bool,
    },
    /// Not enough free space to begin.
    StorageFull {
        /// Bytes free.
        available: u64,
        /// Bytes needed.
        required: u64,
    },
    /// A limit of the service is reached.
    TooMany,
    /// Our own failure; the log has the cause.
    Internal,
}

/// An error with its kind, the text for the client and the one for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Decides the code and the data members.
    pub kind: Kind,
    /// `data.reason`: for a person; no host path, device path or secret.
    pub public: String,
    /// For the log only. May be empty.
    pub private: String,
}

/// `std::result::Result` with the Controller's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(kind: Kind, public: impl Into<String>) -> Self {
        Self { kind, public: public.into(), private: String::new() }
    }

    pub(crate) fn with_private(mut self, private: impl fmt::Display) -> Self {
        self.private = private.to_string();
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.private.is_empty() {
            f.write_str(&self.public)
        } else {
            write!(f, "{} ({})", self.public, self.private)
        }
    }
}

impl std::error::Error for Error {}
