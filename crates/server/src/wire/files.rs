//! Recordings and the files of both folders.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use control::{
    CameraId,
    api::{self, ExportFormat, ExportRequest, RecordingFormat, RecordingRequest, RecordingStatus},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    cameras::picture_format,
    error::Error,
    params::{FromParams, Params},
    seconds, time,
};

const FORMATS: [(&str, RecordingFormat); 4] = [
    ("mp4", RecordingFormat::Mp4),
    ("fmp4", RecordingFormat::Fmp4),
    ("avi", RecordingFormat::Avi),
    ("mkv", RecordingFormat::Mkv),
];
const CLIP_FORMATS: [(&str, ExportFormat); 2] = [("mp4", ExportFormat::Mp4), ("mkv", ExportFormat::Mkv)];
/// The longest recording that stops by itself: a day.
const MAX_DURATION_S: u64 = 86_400;
/// Longest `cursor` that is worth looking at.
const MAX_CURSOR_BYTES: usize = 512;

/// Takes `{device, duration?, format?}`.
#[derive(Debug)]
pub(crate) struct StartRecording {
    pub(crate) device: CameraId,
    pub(crate) request: RecordingRequest,
}

impl FromParams for StartRecording {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        Ok(Self {
            device: params.device()?,
            request: RecordingRequest {
                duration: params.integer("duration", 1..=MAX_DURATION_S)?.map(Duration::from_secs),
                format: params.choice("format", &FORMATS)?,
            },
        })
    }
}

pub(super) fn format_name(format: RecordingFormat) -> &'static str {
    FORMATS.iter().find(|(_, known)| *known == format).map_or("mp4", |(name, _)| name)
}

pub(super) fn status_name(status: RecordingStatus) -> &'static str {
    match status {
        RecordingStatus::Recording => "RECORDING",
        RecordingStatus::Complete => "COMPLETE",
        RecordingStatus::Recovered => "RECOVERED",
    }
}

/// Gives a recording that has begun.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Started {
    device: String,
    recording_id: String,
    filename: String,
    status: &'static str,
    start_time: String,
    format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
}

impl From<api::RecordingStarted> for Started {
    fn from(started: api::RecordingStarted) -> Self {
        Self {
            device: started.device.to_string(),
            recording_id: started.recording_id,
            filename: started.filename,
            status: "RECORDING",
            start_time: time(started.start_time),
            format: format_name(started.format),
            duration: started.duration.map(|duration| duration.as_secs()),
        }
    }
}

/// Gives a recording that has ended.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Stopped {
    device: String,
    recording_id: String,
    filename: String,
    segments: usize,
    files: Vec<String>,
    status: &'static str,
    start_time: String,
    end_time: String,
    duration: f64,
    file_size: u64,
    format: &'static str,
}

impl From<api::RecordingStopped> for Stopped {
    fn from(stopped: api::RecordingStopped) -> Self {
        Self {
            device: stopped.device.to_string(),
            recording_id: stopped.recording_id,
            filename: stopped.files.first().cloned().unwrap_or_default(),
            segments: stopped.files.len(),
            files: stopped.files,
            status: "STOPPED",
            start_time: time(stopped.start_time),
            end_time: time(stopped.end_time),
            duration: seconds(stopped.duration),
            file_size: stopped.file_size,
            format: format_name(stopped.format),
        }
    }
}

/// Takes `{device, start, end, format?}`.
#[derive(Debug)]
pub(crate) struct ExportRecording {
    pub(crate) device: CameraId,
    pub(crate) request: ExportRequest,
}

impl FromParams for ExportRecording {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        let device = params.device()?;
        let (start, end) = (params.time("start")?, params.time("end")?);
        let format = params.choice("format", &CLIP_FORMATS)?.unwrap_or_default();
        // What `need` lets pass without a value is only described.
        let start = params.need("start", start.map(Some))?.unwrap_or(UNIX_EPOCH);
        let end = params.need("end", end.map(Some))?.unwrap_or(UNIX_EPOCH);
        Ok(Self { device, request: ExportRequest { start, end, format } })
    }
}

/// A stretch of time.
#[derive(Debug, Serialize, JsonSchema)]
struct Span {
    start: String,
    end: String,
}

/// Gives a clip that lies in the recordings folder.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Exported {
    filename: String,
    start: String,
    end: String,
    duration: f64,
    /// Always `keyframe`: no picture is coded anew.
    cut: &'static str,
    /// What between start and end is not in it.
    gaps: Vec<Span>,
    file_size: u64,
    /// Relative, signed, good for a quarter of an hour.
    download_url: String,
}

impl Exported {
    pub(crate) fn new(clip: api::Export, download_url: String) -> Self {
        Self {
            filename: clip.filename,
            start: time(clip.start),
            end: time(clip.end),
            duration: seconds(clip.duration),
            cut: "keyframe",
            gaps: clip.gaps.into_iter().map(|(from, to)| Span { start: time(from), end: time(to) }).collect(),
            file_size: clip.file_size,
            download_url,
        }
    }
}

/// Takes `{limit?, offset?, cursor?, device?, since?, until?}`.
#[derive(Debug)]
pub(crate) struct ListFiles {
    pub(crate) limit: usize,
    pub(crate) offset: usize,
    pub(crate) cursor: Option<String>,
    pub(crate) device: Option<CameraId>,
    pub(crate) since: Option<SystemTime>,
    pub(crate) until: Option<SystemTime>,
}

impl FromParams for ListFiles {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        let device = params.opt_device()?;
        let both = params.has("cursor") && params.has("offset");
        let query = Self {
            limit: params.integer("limit", 1..=1000)?.unwrap_or(50) as usize,
            offset: params.integer("offset", 0..=u64::from(u32::MAX))?.unwrap_or(0) as usize,
            cursor: params.text("cursor")?,
            device,
            since: params.time("since")?,
            until: params.time("until")?,
        };
        if both {
            return Err(Error::param("cursor", "exclusive", "cursor and offset exclude each other"));
        }
        if query.cursor.as_ref().is_some_and(|cursor| cursor.len() > MAX_CURSOR_BYTES) {
            return Err(Error::param("cursor", "cursor", "must be the next_cursor of another answer"));
        }
        Ok(query)
    }
}

/// Gives a page of files.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FileList<T> {
    files: Vec<T>,
    total: usize,
    limit: usize,
    offset: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl<T> FileList<T> {
    /// `entry`: how one file is told.
    pub(crate) fn new<F>(
        page: api::FilePage<F>,
        limit: usize,
        offset: usize,
        entry: impl FnMut(F) -> T,
    ) -> Self {
        Self {
            files: page.files.into_iter().map(entry).collect(),
            total: page.total,
            limit,
            offset,
            next_cursor: page.next_cursor,
        }
    }
}

/// One file of a recording.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RecordingEntry {
    filename: String,
    device: String,
    file_size: u64,
    created_time: String,
    modified_time: String,
    /// Relative, signed, good for a quarter of an hour.
    download_url: String,
    duration: f64,
    format: &'static str,
    status: &'static str,
    recording_id: String,
    segment: u32,
    protected: bool,
    /// Cut out of recordings by `export_recording`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    export: bool,
}

impl RecordingEntry {
    pub(crate) fn new(file: api::RecordingFile, download_url: String) -> Self {
        Self {
            filename: file.filename,
            device: file.device.to_string(),
            file_size: file.file_size,
            created_time: time(file.created),
            modified_time: time(file.modified),
            download_url,
            duration: seconds(file.duration),
            format: format_name(file.format),
            status: status_name(file.status),
            recording_id: file.recording_id,
            segment: file.segment,
            protected: file.protected,
            export: file.export,
        }
    }
}

/// One snapshot.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SnapshotEntry {
    filename: String,
    device: String,
    file_size: u64,
    created_time: String,
    modified_time: String,
    /// Relative, signed, good for a quarter of an hour.
    download_url: String,
    format: &'static str,
}

impl SnapshotEntry {
    pub(crate) fn new(file: api::SnapshotFile, download_url: String) -> Self {
        Self {
            filename: file.filename,
            device: file.device.to_string(),
            file_size: file.file_size,
            created_time: time(file.created),
            modified_time: time(file.modified),
            download_url,
            format: picture_format(file.format),
        }
    }
}
