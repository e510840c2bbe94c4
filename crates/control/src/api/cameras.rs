//! Cameras as the Controller shows them.

use std::time::SystemTime;

use base::{CameraId, units::Size};

use super::{ActiveRecording, Stream};

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

/// By what a camera is known again when it is plugged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameraIdentity {
    /// Its USB serial number.
    Serial,
    /// The USB port.
    UsbPort,
    /// Where its driver says it is.
    Bus,
    /// Nothing tells it from another one here.
    Ambiguous,
    /// Its name in the configuration.
    Name,
}

/// What is asked of a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Pixel format, such as `MJPEG`; `None`: there is no choice.
    pub format: Option<String>,
    /// In pixels.
    pub size: Size,
    /// Frames a second.
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
    /// It works, but something is to be said of it, for a person.
    pub notice: Option<String>,
    /// By what it is known again.
    pub identity: CameraIdentity,
    /// Size and frames a second that are wished for.
    pub wished: (Size, f64),
    /// What is asked of it instead of that, or just that; `None`: it chooses itself.
    pub chosen: Option<Chosen>,
    /// Host details (device path and the like), for an admin who asked for them only.
    pub debug: Option<String>,
}

/// What a camera offers.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraModes {
    /// Can it be used?
    pub status: CameraStatus,
    /// Pixel formats, such as `YUYV`; empty when unknown.
    pub formats: Vec<String>,
    /// Picture sizes, largest first; empty when unknown.
    pub sizes: Vec<Size>,
    /// Format, size, and frames a second; empty when unknown.
    pub modes: Vec<(String, Size, Vec<f64>)>,
    /// The name of the input it shows, when it has a choice.
    pub input: Option<String>,
    /// Kernel driver, when known.
    pub driver: Option<String>,
    /// Where it is plugged in, when known.
    pub bus_info: Option<String>,
}
