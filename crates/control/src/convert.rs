//! From the rooms' words to the Controller's: names, states, errors.

use base::{CameraId, supervisor::State};
use files::{Container, Space};
use paths::PathName;

use crate::{
    api::{
        CameraIdentity, CameraKind, CameraStatus, Chosen, FilePage, PictureFormat, RecordingDetail,
        RecordingFile, RecordingFormat, RecordingStatus, SnapshotDetail, SnapshotFile, StreamState,
    },
    error::{Error, Kind},
};

/// A stream's name is its camera's id.
pub(crate) fn path_of(device: CameraId) -> PathName {
    PathName::new(&device.to_string()).expect("`camera` and digits are allowed in a path's name")
}

pub(crate) fn stream_state(state: State) -> StreamState {
    match state {
        State::Idle => StreamState::Idle,
        State::Starting => StreamState::Starting,
        State::Live => StreamState::Live,
        State::Stopping => StreamState::Stopping,
        State::Failed => StreamState::Failed,
    }
}

/// How a camera's frames are had; `None`: they cannot be.
pub(crate) fn source(camera: &cameras::Camera) -> Option<paths::Source> {
    if camera.status != cameras::Status::Connected {
        return None;
    }
    Some(match &camera.source {
        cameras::Source::Ffmpeg { input, copy_h264 } => paths::Source::Ffmpeg {
            input: input.clone(),
            picture: paths::Picture {
                size: camera.size,
                fps: camera.fps,
                bitrate_bps: camera.bitrate_bps,
                quarter_turns: camera.quarter_turns,
            },
            copy_h264: *copy_h264,
            description: match camera.kind {
                cameras::Kind::Test => "test pattern".into(),
                cameras::Kind::V4l2 | cameras::Kind::Rtsp => "camera on this machine".into(),
            },
        },
        cameras::Source::Rtsp { url } => paths::Source::Rtsp { url: url.clone() },
    })
}

pub(crate) fn camera_status(status: cameras::Status) -> CameraStatus {
    match status {
        cameras::Status::Connected => CameraStatus::Connected,
        cameras::Status::Disconnected => CameraStatus::Disconnected,
        cameras::Status::Error => CameraStatus::Error,
    }
}

pub(crate) fn camera_kind(kind: cameras::Kind) -> CameraKind {
    match kind {
        cameras::Kind::V4l2 => CameraKind::V4l2,
        cameras::Kind::Rtsp => CameraKind::Rtsp,
        cameras::Kind::Test => CameraKind::Test,
    }
}

pub(crate) fn identity(identity: cameras::Identity) -> CameraIdentity {
    match identity {
        cameras::Identity::Serial => CameraIdentity::Serial,
        cameras::Identity::UsbPort => CameraIdentity::UsbPort,
        cameras::Identity::Bus => CameraIdentity::Bus,
        cameras::Identity::Ambiguous => CameraIdentity::Ambiguous,
        cameras::Identity::Name => CameraIdentity::Name,
    }
}

/// What is asked of a camera that can be asked.
pub(crate) fn chosen(camera: &cameras::Camera) -> Option<Chosen> {
    let asked = camera.status == cameras::Status::Connected && camera.kind != cameras::Kind::Rtsp;
    asked.then(|| Chosen { format: camera.format.clone(), size: camera.size, fps: camera.fps })
}

pub(crate) fn format_name(format: RecordingFormat) -> &'static str {
    match format {
        RecordingFormat::Mp4 => "mp4",
        RecordingFormat::Fmp4 => "fmp4",
        RecordingFormat::Avi => "avi",
        RecordingFormat::Mkv => "mkv",
    }
}

pub(crate) fn container(format: RecordingFormat) -> Container {
    match format {
        RecordingFormat::Mp4 | RecordingFormat::Fmp4 => Container::Mp4,
        RecordingFormat::Mkv => Container::Mkv,
        RecordingFormat::Avi => Container::Avi,
    }
}

/// A stream that gave no frames.
pub(crate) fn path_error(error: &base::Error, device: CameraId) -> Error {
    let kind = match error.kind {
        base::Kind::Busy => Kind::DeviceBusy { device, holder: None },
        base::Kind::NotFound | base::Kind::Internal => Kind::Internal,
        _ => Kind::Dependency { dependency: "camera", retryable: true },
    };
    Error::new(kind, error.public.clone()).with_private(&error.private)
}

/// A file that could not be written: a full disk is told with the room it has, if that can be found
/// out, and the room that was needed.
pub(crate) fn write_error(error: &base::Error, filename: &str, space: Option<Space>, required: u64) -> Error {
    let mut told = file_error(error, filename);
    if error.kind == base::Kind::StorageFull
        && let Some(Space { available, .. }) = space
    {
        told.kind = Kind::StorageFull { available, required };
    }
    told
}

/// A file that could not be found or read.
pub(crate) fn file_error(error: &base::Error, filename: &str) -> Error {
    let kind = match error.kind {
        base::Kind::NotFound => Kind::FileNotFound { filename: filename.to_owned() },
        base::Kind::AlreadyExists => Kind::InvalidParam { param: "filename", rule: "unique" },
        base::Kind::Invalid => Kind::InvalidParam { param: "cursor", rule: "cursor" },
        _ => Kind::Internal,
    };
    Error::new(kind, error.public.clone()).with_private(&error.private)
}

pub(crate) fn recording_file(info: files::RecordingInfo) -> RecordingFile {
    RecordingFile {
        filename: info.filename,
        device: info.device,
        file_size: info.file_size,
        created: info.created,
        modified: info.modified,
        duration: info.duration,
        format: match info.container {
            Container::Mp4 => RecordingFormat::Mp4,
            Container::Mkv => RecordingFormat::Mkv,
            Container::Avi => RecordingFormat::Avi,
        },
        status: match info.status {
            files::Status::Recording => RecordingStatus::Recording,
            files::Status::Complete => RecordingStatus::Complete,
            files::Status::Recovered => RecordingStatus::Recovered,
        },
        recording_id: info.recording_id,
        segment: info.segment,
        export: info.export,
        protected: info.protected,
    }
}

pub(crate) fn recording_detail(detail: files::RecordingDetail) -> RecordingDetail {
    RecordingDetail {
        file: recording_file(detail.info),
        segments: detail.segments,
        width: detail.width,
        height: detail.height,
        fps: detail.fps,
        codec: detail.codec,
    }
}

pub(crate) fn snapshot_detail(detail: files::SnapshotDetail) -> SnapshotDetail {
    SnapshotDetail { file: snapshot_file(detail.info), width: detail.width, height: detail.height }
}

pub(crate) fn snapshot_file(info: files::SnapshotInfo) -> SnapshotFile {
    SnapshotFile {
        filename: info.filename,
        device: info.device,
        file_size: info.file_size,
        created: info.created,
        modified: info.modified,
        format: if info.extension == "png" { PictureFormat::Png } else { PictureFormat::Jpg },
    }
}

pub(crate) fn page<T, U>(page: files::Page<T>, convert: fn(T) -> U) -> FilePage<U> {
    FilePage {
        files: page.files.into_iter().map(convert).collect(),
        total: page.total,
        next_cursor: page.next_cursor,
    }
}
