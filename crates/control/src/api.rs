//! What the Controller takes and gives: plain values without JSON, paths or devices. Only the server
//! turns them into wire types, and only here does it look for their meaning.

use std::time::{Duration, SystemTime};

use base::{CameraId, units::Size};

/// How a camera is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameraKind {
    /// A V4L2 capture device.
    V4l2,
    /// A network camera.
    Rtsp,
    /// The built-in test picture.
    Test,
}

/// Whether a camera can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameraStatus {
    /// There, as far as we know.
    Connected,
    /// Known, but its device is gone.
    Disconnected,
    /// There, but unusable; the camera's `error` says why.
    Error,
}

/// One camera as every listing shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// Its stable id; also the name of its stream.
    pub id: CameraId,
    /// Can it be used?
    pub status: CameraStatus,
    /// For people.
    pub name: String,
    /// How it is attached.
    pub kind: CameraKind,
    /// Size of the picture it sends, or will send.
    pub size: Size,
    /// Frames a second it sends, or will send.
    pub fps: f64,
}

/// Everything known of one camera.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraDetail {
    /// As in the list.
    pub camera: Camera,
    /// Pixel formats it offers, such as `YUYV`; empty when unknown.
    pub formats: Vec<String>,
    /// Picture sizes it offers, largest first; empty when unknown.
    pub sizes: Vec<Size>,
    /// Its stream.
    pub stream: Stream,
    /// The recording under way.
    pub recording: Option<ActiveRecording>,
    /// When it was last known to be there.
    pub last_seen: SystemTime,
    /// Why it is unusable, for a person.
    pub error: Option<String>,
    /// Host details (device path and the like), for an admin who asked for them only.
    pub debug: Option<String>,
}

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

/// Picture file formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PictureFormat {
    /// JPEG, full range, as `image/jpeg`.
    #[default]
    Jpg,
    /// PNG.
    Png,
}

/// A wish for a snapshot. The server has checked types and ranges.
#[derive(Debug, Clone, Default)]
pub struct SnapshotRequest {
    /// JPEG or PNG; `None`: as configured.
    pub format: Option<PictureFormat>,
    /// JPEG quality 1 to 100; `None`: as configured.
    pub quality: Option<u8>,
    /// Wanted name; `None`: made from camera and time.
    pub filename: Option<String>,
    /// Wanted width; with only one of the two the other follows the picture's shape.
    pub width: Option<u32>,
    /// Wanted height.
    pub height: Option<u32>,
    /// The picture must not be older than this.
    pub max_age: Option<Duration>,
    /// The picture must have been taken at or after this.
    pub not_before: Option<SystemTime>,
}

/// A snapshot that lies in its folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The camera.
    pub device: CameraId,
    /// Its file, in the snapshot folder.
    pub filename: String,
    /// When the call was answered.
    pub timestamp: SystemTime,
    /// When the picture reached the service.
    pub captured_at: SystemTime,
    /// How old the picture was when it was taken from the stream.
    pub age: Duration,
    /// 1: from a running stream; 2: the stream was started for it.
    pub tier: u8,
    /// From the call to the file.
    pub latency: Duration,
    /// Size of the picture in the file.
    pub size: Size,
    /// Bytes in the file.
    pub file_size: u64,
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

/// Which files to list. The server has checked ranges.
#[derive(Debug, Clone, Default)]
pub struct FileQuery {
    /// At most this many.
    pub limit: usize,
    /// Skip this many of the newest; not with `cursor`.
    pub offset: usize,
    /// Go on where the page that gave this `next_cursor` ended.
    pub cursor: Option<String>,
    /// Only of these cameras; `None`: of all.
    pub devices: Option<Vec<CameraId>>,
    /// Created at or after.
    pub since: Option<SystemTime>,
    /// Created before.
    pub until: Option<SystemTime>,
}

/// One page of files, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct FilePage<T> {
    /// The files of this page.
    pub files: Vec<T>,
    /// How many match in all.
    pub total: usize,
    /// Where the next page begins; `None` on the last.
    pub next_cursor: Option<String>,
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
    /// `mp4`.
    pub format: RecordingFormat,
    /// Being written, complete or recovered.
    pub status: RecordingStatus,
    /// The recording it belongs to.
    pub recording_id: String,
    /// Its place in the recording, from 1.
    pub segment: u32,
}

/// One snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotFile {
    /// Plain name in the snapshot folder.
    pub filename: String,
    /// The camera.
    pub device: CameraId,
    /// Bytes.
    pub file_size: u64,
    /// When the picture was taken.
    pub created: SystemTime,
    /// When it was last written.
    pub modified: SystemTime,
    /// JPEG or PNG.
    pub format: PictureFormat,
}

/// Where viewers find streams, for the server to make URLs of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewing {
    /// `media.public_host`; `None`: the host the client asked for.
    pub public_host: Option<String>,
    /// Port of the RTSP server; `None`: RTSP is not served.
    pub rtsp_port: Option<u16>,
}

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
