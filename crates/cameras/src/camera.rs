//! What a camera is to the rest of the house.

use std::path::PathBuf;

use base::{CameraId, SafeUrl, units::Size};

use crate::v4l2::{Ask, usb_controller};

/// How a camera is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A V4L2 capture device.
    V4l2,
    /// A network camera.
    Rtsp,
    /// The built-in test picture.
    Test,
}

/// Whether a camera can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// There, as far as we know.
    Connected,
    /// Known, but its device is gone.
    Disconnected,
    /// There, but unusable; [`Camera::error`] says why.
    Error,
}

/// By what a camera is known again when it is plugged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Its USB serial number, which no other camera here has.
    Serial,
    /// Its name and the USB port it is plugged into.
    UsbPort,
    /// Its name and where its driver says it is.
    Bus,
    /// Another camera could not be told apart from it: which is which may change when they are replugged.
    Ambiguous,
    /// Its name in the configuration.
    Name,
}

/// How frames are had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// By an ffmpeg of our own.
    Ffmpeg {
        /// Its arguments up to and including `-i X`.
        input: Vec<String>,
        /// The input is H.264 already: copy it instead of encoding.
        copy_h264: bool,
    },
    /// From a network camera.
    Rtsp {
        /// Its address, perhaps with a password.
        url: SafeUrl,
    },
}

/// One format in one size.
#[derive(Debug, Clone, PartialEq)]
pub struct Mode {
    /// As in [`Camera::formats`].
    pub format: String,
    /// In pixels.
    pub size: Size,
    /// Frames a second; empty when the device does not say.
    pub fps: Vec<f64>,
}

/// One camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// Its only name outside.
    pub id: CameraId,
    /// For people.
    pub name: String,
    /// How it is attached.
    pub kind: Kind,
    /// Size and frames a second that are wished for; what it can do is asked of it instead where it cannot do that.
    pub wished: (Size, f64),
    /// Size of the picture asked of it; for a network camera the configured one until it says its own.
    pub size: Size,
    /// Frames a second asked of it; for a network camera as `size`.
    pub fps: f64,
    /// How frames are had. With [`Status::Error`] the plain attempt, which will most likely fail.
    pub source: Source,
    /// Pixel formats it offers; a code that is no text is shown as `0x…`. Empty when unknown.
    pub formats: Vec<String>,
    /// Picture sizes it offers, largest first; empty when unknown.
    pub sizes: Vec<Size>,
    /// Every format in every size, with its frame rates; empty when unknown.
    pub modes: Vec<Mode>,
    /// The name of the input it shows, when it has a choice.
    pub input: Option<String>,
    /// A ceiling of its own in bits a second; `None`: as for all.
    pub bitrate_bps: Option<u64>,
    /// Clockwise quarter turns by which its picture is turned, 0 to 3.
    pub quarter_turns: u8,
    /// By what it is known again.
    pub identity: Identity,
    /// Can it be used?
    pub status: Status,
    /// Why not, for a person; no device path.
    pub error: Option<String>,
    /// Format asked of it, as in `formats`; `None`: it is left to it, or it has none to offer.
    pub format: Option<String>,
    /// The first of its nodes. Not for clients, but for an admin who asked for host details.
    pub device_path: Option<PathBuf>,
    /// All of them.
    pub(crate) nodes: Vec<PathBuf>,
    /// What a stream asks of it.
    pub(crate) stream: Option<Ask>,
    /// What is asked of it for one picture without a stream.
    pub(crate) still: Option<Ask>,
    /// Kernel driver, when known. As `device_path`.
    pub driver: Option<String>,
    /// Where it is plugged in, such as `usb-0000:00:14.0-1`, when known. As `device_path`.
    pub bus_info: Option<String>,
}

impl Camera {
    /// Is it on the same USB host controller, whose bandwidth is for both?
    pub fn shares_bus_with(&self, other: &Self) -> bool {
        let controller =
            |camera: &'_ Self| camera.bus_info.as_deref().and_then(usb_controller).map(str::to_owned);
        let own = controller(self);
        own.is_some() && own == controller(other)
    }
}
