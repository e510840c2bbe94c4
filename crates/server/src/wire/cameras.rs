//! Cameras and their pictures.

use std::time::{Duration, SystemTime};

use control::{
    CameraId,
    api::{self, CameraIdentity, CameraKind, CameraStatus, PictureFormat, SnapshotRequest},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Number;

use super::{
    UrlBase,
    error::Error,
    params::{FromParams, Params},
    rate, seconds,
    streams::Streams,
    time,
};

/// Takes `{device}`.
#[derive(Debug)]
pub(crate) struct OfCamera {
    pub(crate) device: CameraId,
}

impl FromParams for OfCamera {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        Ok(Self { device: params.device()? })
    }
}

/// Takes `{device, debug?}`.
#[derive(Debug)]
pub(crate) struct GetCameraStatus {
    pub(crate) device: CameraId,
    pub(crate) debug: bool,
}

impl FromParams for GetCameraStatus {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        Ok(Self { device: params.device()?, debug: params.boolean("debug")?.unwrap_or(false) })
    }
}

/// One camera.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Camera {
    /// Its id, such as `camera0`.
    device: String,
    /// `ERROR`: it is there, but gives no pictures.
    #[schemars(extend("enum" = ["CONNECTED", "DISCONNECTED", "ERROR"]))]
    status: &'static str,
    /// For people.
    name: String,
    /// How it is attached.
    #[schemars(extend("enum" = ["v4l2", "rtsp", "test"]))]
    kind: &'static str,
    /// `WIDTHxHEIGHT` of its stream, in pixels.
    resolution: String,
    /// Pictures a second.
    fps: Number,
    /// Where it is watched.
    streams: Streams,
}

impl Camera {
    pub(crate) fn new(camera: api::Camera, urls: &UrlBase) -> Self {
        Self {
            device: camera.id.to_string(),
            status: camera_status(camera.status),
            name: camera.name,
            kind: camera_kind(camera.kind),
            resolution: camera.size.to_string(),
            fps: rate(camera.fps),
            streams: urls.streams(camera.id),
        }
    }
}

/// Gives all cameras the caller may know.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CameraList {
    cameras: Vec<Camera>,
    total: usize,
    connected: usize,
}

/// How a camera is attached, in the contract's word.
pub(crate) fn camera_kind(kind: CameraKind) -> &'static str {
    match kind {
        CameraKind::V4l2 => "v4l2",
        CameraKind::Rtsp => "rtsp",
        CameraKind::Test => "test",
    }
}

/// A camera's state, in the contract's word.
pub(crate) fn camera_status(status: CameraStatus) -> &'static str {
    match status {
        CameraStatus::Connected => "CONNECTED",
        CameraStatus::Disconnected => "DISCONNECTED",
        CameraStatus::Error => "ERROR",
    }
}

impl CameraList {
    pub(crate) fn new(cameras: Vec<api::Camera>, urls: &UrlBase) -> Self {
        Self {
            total: cameras.len(),
            connected: cameras.iter().filter(|camera| camera.status == CameraStatus::Connected).count(),
            cameras: cameras.into_iter().map(|camera| Camera::new(camera, urls)).collect(),
        }
    }
}

/// Gives everything about one camera.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CameraStatusOf {
    #[serde(flatten)]
    camera: Camera,
    capabilities: Capabilities,
    metrics: Metrics,
    recording: Recording,
    last_seen: String,
    /// By what it is known again: `serial`, `usb_port`, `bus`, `name`, or `ambiguous`, when nothing tells it from another.
    identity: &'static str,
    stream: CameraStream,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// It works, but something is to be said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    debug: Option<String>,
}

/// What was wished for, what was asked of the camera instead, and what comes.
#[derive(Debug, Serialize, JsonSchema)]
struct CameraStream {
    wished: PictureOf,
    /// Absent where the camera chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    chosen: Option<PictureOf>,
    /// Absent while nothing runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    measured_fps: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_frame_age_ms: Option<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PictureOf {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    resolution: String,
    fps: Number,
}

impl CameraStream {
    fn new(detail: &api::CameraDetail) -> Self {
        let (size, fps) = detail.wished;
        let chosen = detail.chosen.clone();
        Self {
            wished: PictureOf { format: None, resolution: size.to_string(), fps: rate(fps) },
            chosen: chosen.map(|chosen| PictureOf {
                format: chosen.format,
                resolution: chosen.size.to_string(),
                fps: rate(chosen.fps),
            }),
            measured_fps: detail.stream.fps.map(rate),
            last_frame_age_ms: detail.stream.last_frame_age.map(|age| age.as_millis() as u64),
        }
    }
}

fn identity(identity: CameraIdentity) -> &'static str {
    match identity {
        CameraIdentity::Serial => "serial",
        CameraIdentity::UsbPort => "usb_port",
        CameraIdentity::Bus => "bus",
        CameraIdentity::Ambiguous => "ambiguous",
        CameraIdentity::Name => "name",
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Capabilities {
    formats: Vec<String>,
    resolutions: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Metrics {
    bytes_sent: u64,
    readers: u32,
    uptime: f64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the names are the contract's")]
struct Recording {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recording_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed: Option<f64>,
}

impl CameraStatusOf {
    /// `debug`: the caller is an admin who asked for it.
    pub(crate) fn new(detail: api::CameraDetail, debug: bool, urls: &UrlBase) -> Self {
        let uptime = detail.stream.started_at.and_then(|at| SystemTime::now().duration_since(at).ok());
        let stream = CameraStream::new(&detail);
        let (filename, recording_id, elapsed) = match detail.recording {
            Some(active) => (Some(active.filename), Some(active.recording_id), Some(seconds(active.elapsed))),
            None => (None, None, None),
        };
        Self {
            identity: identity(detail.identity),
            stream,
            notice: detail.notice,
            camera: Camera::new(detail.camera, urls),
            capabilities: Capabilities {
                formats: detail.formats,
                resolutions: detail.sizes.iter().map(ToString::to_string).collect(),
            },
            metrics: Metrics {
                bytes_sent: detail.stream.bytes_sent,
                readers: detail.stream.readers,
                uptime: seconds(uptime.unwrap_or_default()),
            },
            recording: Recording { active: recording_id.is_some(), filename, recording_id, elapsed },
            last_seen: time(detail.last_seen),
            error: detail.error,
            debug: detail.debug.filter(|_| debug),
        }
    }
}

const FORMATS: [(&str, PictureFormat); 2] = [("jpg", PictureFormat::Jpg), ("png", PictureFormat::Png)];
/// What the encoders take.
const SIDES: std::ops::RangeInclusive<u64> = 16..=8192;
/// A picture older than this is an old file.
const MAX_AGE_MS: u64 = 3_600_000;

/// Takes a wish for a picture.
#[derive(Debug)]
pub(crate) struct TakeSnapshot {
    pub(crate) device: CameraId,
    pub(crate) request: SnapshotRequest,
}

impl FromParams for TakeSnapshot {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        let device = params.device()?;
        let request = SnapshotRequest {
            format: params.choice("format", &FORMATS)?,
            quality: params.integer("quality", 1..=100)?.map(|quality| quality as u8),
            filename: params.text("filename")?,
            width: params.integer("width", SIDES)?.map(|side| side as u32),
            height: params.integer("height", SIDES)?.map(|side| side as u32),
            max_age: params.integer("max_age_ms", 0..=MAX_AGE_MS)?.map(Duration::from_millis),
            not_before: params.time("not_before")?,
        };
        if let Some(name) = &request.filename {
            check_filename(name, request.format)?;
        }
        Ok(Self { device, request })
    }
}

/// `format`: what was asked for; what the name must end in without that, whoever knows the configuration
/// checks.
fn check_filename(name: &str, format: Option<PictureFormat>) -> Result<(), Error> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    if !(1..=100).contains(&name.len()) || name.starts_with('.') || !name.bytes().all(allowed) {
        let reason = "must be 1 to 100 of A-Z a-z 0-9 . _ - and not begin with a dot";
        return Err(Error::param("filename", "pattern", reason));
    }
    match (format.map(picture_format), name.rsplit_once('.')) {
        (None, _) => Ok(()),
        (Some(extension), Some((_, theirs))) if theirs == extension => Ok(()),
        (Some(extension), _) => {
            Err(Error::param("filename", "extension", format!("must end in .{extension}")))
        }
    }
}

/// The name of a picture format.
pub(crate) fn picture_format(format: PictureFormat) -> &'static str {
    match format {
        PictureFormat::Jpg => "jpg",
        PictureFormat::Png => "png",
    }
}

/// Gives a picture that lies in its folder.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Snapshot {
    device: String,
    filename: String,
    status: &'static str,
    timestamp: String,
    captured_at: String,
    age_ms: u64,
    tier: u8,
    latency_ms: u64,
    width: u32,
    height: u32,
    file_size: u64,
    file_path: String,
    /// Relative, signed, good for a quarter of an hour.
    download_url: String,
}

impl Snapshot {
    pub(crate) fn new(snapshot: api::Snapshot, download_url: String) -> Self {
        Self {
            device: snapshot.device.to_string(),
            file_path: snapshot.filename.clone(),
            filename: snapshot.filename,
            status: "SUCCESS",
            timestamp: time(snapshot.timestamp),
            captured_at: time(snapshot.captured_at),
            age_ms: snapshot.age.as_millis() as u64,
            tier: snapshot.tier,
            // Rounded up: a promise of 30 ms is not kept by 30.4.
            latency_ms: snapshot.latency.as_nanos().div_ceil(1_000_000) as u64,
            width: snapshot.size.width,
            height: snapshot.size.height,
            file_size: snapshot.file_size,
            download_url,
        }
    }
}
