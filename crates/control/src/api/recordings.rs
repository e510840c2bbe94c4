//! Recordings: the wish, the answers, the files.

use std::time::{Duration, SystemTime};

use base::CameraId;

/// A recording that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveRecording {
    /// The recording.
    pub recording_id: String,
    /// The file being written now.
    pub filename: String,
    /// Since it began.
    pub elapsed: Duration,
}

/// Container of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecordingFormat {
    /// MP4, fragmented: playable up to its last second whatever happens.
    #[default]
    Mp4,
    /// The same by its other name.
    Fmp4,
    /// AVI.
    Avi,
    /// Matroska.
    Mkv,
}

/// A wish for a recording.
#[derive(Debug, Clone, Default)]
pub struct RecordingRequest {
    /// Stop by itself after this much video; `None`: when told.
    pub duration: Option<Duration>,
    /// Container; `None`: as configured.
    pub format: Option<RecordingFormat>,
}

/// A recording that has begun: its file lies in the folder with its first key frame in it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingStarted {
    /// The camera.
    pub device: CameraId,
    /// The recording.
    pub recording_id: String,
    /// Its first file.
    pub filename: String,
    /// When its first picture was taken.
    pub start_time: SystemTime,
    /// Its container.
    pub format: RecordingFormat,
    /// When it will stop by itself.
    pub duration: Option<Duration>,
}

/// A recording that has ended; its files are complete.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingStopped {
    /// The camera.
    pub device: CameraId,
    /// The recording.
    pub recording_id: String,
    /// Its files in order; the first one names it.
    pub files: Vec<String>,
    /// When its first picture was taken.
    pub start_time: SystemTime,
    /// When its last picture ended.
    pub end_time: SystemTime,
    /// Length of the video in all its files.
    pub duration: Duration,
    /// Bytes in all its files.
    pub file_size: u64,
    /// Its container.
    pub format: RecordingFormat,
}

/// State of a recording's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingStatus {
    /// Being written.
    Recording,
    /// Ended as it should.
    Complete,
    /// Left by a killed service and mended at the next start.
    Recovered,
}

/// One file of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingFile {
    /// Plain name in the recordings folder.
    pub filename: String,
    /// The camera.
    pub device: CameraId,
    /// Bytes.
    pub file_size: u64,
    /// When its first picture was taken.
    pub created: SystemTime,
    /// When it was last written.
    pub modified: SystemTime,
    /// Length of the video.
    pub duration: Duration,
    /// Its container: `mp4` for both names of that one.
    pub format: RecordingFormat,
    /// Being written, complete or recovered.
    pub status: RecordingStatus,
    /// The recording it belongs to.
    pub recording_id: String,
    /// Its place in the recording, from 1.
    pub segment: u32,
    /// Cut out of recordings on demand, not recorded.
    pub export: bool,
    /// Kept from retention.
    pub protected: bool,
}

/// One file of a recording with what is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingDetail {
    /// As in a listing.
    pub file: RecordingFile,
    /// Files of its recording that are there.
    pub segments: usize,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Pictures a second, on average; `None` when there is no time in it.
    pub fps: Option<f64>,
    /// As in RFC 6381, such as `avc1.42c01f`.
    pub codec: String,
}

/// Longest time a clip may be cut from.
pub const MAX_EXPORT: Duration = Duration::from_hours(24);

/// A wish for a clip out of a camera's recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportRequest {
    /// From the last key frame at or before this.
    pub start: SystemTime,
    /// Up to here, at most [`MAX_EXPORT`] later.
    pub end: SystemTime,
    /// Container.
    pub format: ExportFormat,
}

/// Container of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExportFormat {
    /// MP4.
    #[default]
    Mp4,
    /// Matroska.
    Mkv,
}

/// A clip that lies in the recordings folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Plain name.
    pub filename: String,
    /// When its first picture was taken.
    pub start: SystemTime,
    /// When its last picture ended.
    pub end: SystemTime,
    /// Length of its video: without the gaps.
    pub duration: Duration,
    /// What between start and end is not in it.
    pub gaps: Vec<(SystemTime, SystemTime)>,
    /// Bytes.
    pub file_size: u64,
}
