//! Snapshots: the wish, the answer, the file.

use std::time::{Duration, SystemTime};

use base::{CameraId, units::Size};

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
    /// 1: from a running stream; 2: the stream was started for it; 3: straight from the camera.
    pub tier: u8,
    /// From the call to the file.
    pub latency: Duration,
    /// Size of the picture in the file.
    pub size: Size,
    /// Bytes in the file.
    pub file_size: u64,
}

/// A picture that nobody keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// As a file would hold it.
    pub bytes: Vec<u8>,
    /// When it reached the service.
    pub captured_at: SystemTime,
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

/// One snapshot with what is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotDetail {
    /// As in a listing.
    pub file: SnapshotFile,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}
