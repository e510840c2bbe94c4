//! Streams and where they are watched.

use std::time::{Duration, SystemTime};

use base::CameraId;
use paths::Runs;

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
    /// Pictures a second now, as measured; `None` when nothing runs, and in its first half second.
    pub fps: Option<f64>,
    /// Bits a second of its pictures now, as measured; likewise.
    pub bitrate_bps: Option<u64>,
    /// Why its last start failed, for a person; until one succeeds.
    pub error: Option<String>,
    /// What was counted of its source.
    pub runs: Runs,
}

/// A stream kept ready for the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamingStarted {
    /// The camera.
    pub device: CameraId,
    /// Since when.
    pub start_time: SystemTime,
    /// For how long when nobody watches.
    pub close_after: Duration,
}

/// A stream that is kept ready for the caller no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamingStopped {
    /// The camera.
    pub device: CameraId,
    /// Since when it was.
    pub start_time: SystemTime,
    /// Until when.
    pub end_time: SystemTime,
    /// How long.
    pub duration: Duration,
    /// Somebody else needs the stream, or it is kept for those who have just left.
    pub stream_continues: bool,
}

/// Where viewers find streams, for the server to make URLs of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewing {
    /// `media.public_host`; `None`: the host the client asked for.
    pub public_host: Option<String>,
    /// Who serves the viewers.
    pub server: MediaServer,
    /// Port of the RTSP server; `None`: RTSP is not served.
    pub rtsp_port: Option<u16>,
    /// Port for WHEP; `None`: it is not served.
    pub webrtc_port: Option<u16>,
    /// Port for HLS; `None`: it is not served.
    pub hls_port: Option<u16>,
}

/// Who serves the viewers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaServer {
    /// This service itself.
    Embedded,
    /// MediaMTX.
    MediaMtx {
        /// The host at which it is.
        host: String,
        /// `None`: it has not told, or does not tell.
        version: Option<String>,
    },
}
