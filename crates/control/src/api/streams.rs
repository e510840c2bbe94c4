//! Streams and where they are watched.

use std::time::{Duration, SystemTime};

use base::CameraId;

/// What a stream is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamState {
    /// Not running; it starts on demand.
    Idle,
    /// Its source is starting, or starting again.
    Starting,
    /// Frames flow.
    Live,
    /// Its source is being stopped.
    Stopping,
    /// Its source failed; a new demand tries again.
    Failed,
}

/// A stream and what was counted of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// The camera it shows; its id is the stream's name.
    pub id: CameraId,
    /// What it is doing.
    pub state: StreamState,
    /// Viewers now (RTSP readers; recordings and snapshots are none).
    pub readers: u32,
    /// Media bytes sent to viewers since the service started.
    pub bytes_sent: u64,
    /// Pictures that came from the source since the service started.
    pub frames: u64,
    /// A description of the source, never a command line.
    pub source: String,
    /// When the present run began to deliver frames.
    pub started_at: Option<SystemTime>,
    /// Age of the newest frame while the source runs.
    pub last_frame_age: Option<Duration>,
    /// Why it failed, for a person.
    pub error: Option<String>,
}

/// Where viewers find streams, for the server to make URLs of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewing {
    /// `media.public_host`; `None`: the host the client asked for.
    pub public_host: Option<String>,
    /// Port of the RTSP server; `None`: RTSP is not served.
    pub rtsp_port: Option<u16>,
}
