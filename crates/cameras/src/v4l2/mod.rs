//! Looking for V4L2 capture devices: which nodes are cameras, what they offer and what to ask of them.

mod choice;
mod offer;
#[expect(unsafe_code, reason = "ioctls: the only door to a driver")]
mod sys;

pub(crate) use choice::{choose, is_known_format};
pub(crate) use offer::{Mode, Rate};

use std::{
    collections::BTreeSet,
    fs,
    io::Read as _,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use base::units::Size;
use nix::errno::Errno;

/// Most nodes looked at; the kernel itself makes at most 256 minors (`VIDEO_NUM_DEVICES`).
const MAX_NODES: usize = 256;

/// A capture device, usable or not.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// The number of its node.
    pub(crate) number: u16,
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) driver: Option<String>,
    pub(crate) bus_info: Option<String>,
    pub(crate) formats: Vec<String>,
    /// Largest first.
    pub(crate) sizes: Vec<Size>,
    /// What can be asked of it, or why it cannot be used (for a person, without the path).
    pub(crate) modes: Result<Vec<Mode>, String>,
    /// Its USB serial number, when the kernel tells one.
    pub(crate) serial: Option<String>,
}

/// All nodes that could be cameras, by number.
pub(crate) fn nodes(dev_root: &Path) -> Vec<(u16, PathBuf)> {
    let entries = match fs::read_dir(dev_root) {
        Ok(entries) => entries,
        Err(error) => {
            tracing::debug!(%error, "no folder of devices");
            return Vec::new();
        }
    };
    let mut nodes: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let number = number_of(entry.file_name().to_str()?)?;
            is_node(&entry.path()).then(|| (number, entry.path()))
        })
        .collect();
    nodes.sort_unstable();
    nodes.truncate(MAX_NODES);
    nodes
}

/// The number in a node's name, written as the kernel writes it.
pub(crate) fn number_of(name: &str) -> Option<u16> {
    let digits = name.strip_prefix("video")?;
    digits.parse().ok().filter(|number: &u16| number.to_string() == digits)
}

/// Follows links; what is no character device cannot be a camera.
fn is_node(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.file_type().is_char_device())
}

/// Asks one node what it is; `None`: no camera. `sizes`: those somebody may want, for devices that take
/// any. Blocks while its driver answers.
pub(crate) fn look(number: u16, path: PathBuf, sys_root: &Path, sizes: &[Size]) -> Option<Found> {
    let unusable = |path, why: &str| {
        // Not even its capabilities are known. Only the first node of a device is its camera; the
        // others carry metadata and would be listed as broken cameras.
        if sysfs(sys_root, number, "index").is_some_and(|index| index != "0") {
            return None;
        }
        let name = sysfs(sys_root, number, "name").unwrap_or_else(|| "Camera".into());
        Some(Found { name, ..Found::unusable(number, path, why) })
    };
    let device = match sys::Device::open(&path) {
        Ok(device) => device,
        Err(error) => {
            tracing::debug!(node = %path.display(), %error, "cannot open");
            return unusable(
                path,
                match error {
                    Errno::EACCES | Errno::EPERM => "no permission: add the service's user to group video",
                    Errno::EBUSY => "another program holds the device",
                    // Pulled since the folder was read.
                    Errno::ENOENT | Errno::ENODEV | Errno::ENXIO => return None,
                    _ => "the device cannot be opened",
                },
            );
        }
    };
    let capability = match device.capability() {
        Ok(capability) => capability,
        // Some other driver's node, or pulled since it was opened.
        Err(Errno::ENOTTY | Errno::ENODEV) => return None,
        Err(error) => {
            tracing::debug!(node = %path.display(), %error, "VIDIOC_QUERYCAP");
            return unusable(path, "the device does not say what it can do");
        }
    };
    let capture = capability.capture()?;
    let offer = offer::read(&device, capture, sizes);
    tracing::debug!(node = %path.display(), ?capability, modes = offer.modes.len(), "capture device");
    let sizes: BTreeSet<(u64, u32, u32)> = offer
        .modes
        .iter()
        .map(|mode| {
            (u64::from(mode.size.width) * u64::from(mode.size.height), mode.size.width, mode.size.height)
        })
        .collect();
    let known = |text: String| (!text.is_empty()).then_some(text);
    Some(Found {
        number,
        path,
        name: known(capability.card).unwrap_or_else(|| "Camera".into()),
        driver: known(capability.driver),
        bus_info: known(capability.bus_info),
        formats: offer.formats.iter().map(ToString::to_string).collect(),
        sizes: sizes.into_iter().rev().map(|(_, width, height)| Size { width, height }).collect(),
        modes: match capture {
            // ffmpeg's v4l2 input wants V4L2_CAP_VIDEO_CAPTURE.
            sys::Capture::MultiPlane => {
                Err("its kind of interface (multi-planar) is not supported".to_owned())
            }
            sys::Capture::SinglePlane => Ok(offer.modes),
        },
        // The interface's folder lies in that of the USB device, which has the number.
        serial: sysfs(sys_root, number, "device/../serial"),
    })
}

impl Found {
    /// A device of which no more is known than that it is there.
    pub(crate) fn unusable(number: u16, path: PathBuf, why: &str) -> Self {
        Self {
            number,
            path,
            name: "Camera".into(),
            driver: None,
            bus_info: None,
            formats: Vec::new(),
            sizes: Vec::new(),
            modes: Err(why.to_owned()),
            serial: None,
        }
    }
}

/// One line of `/sys/class/video4linux/videoN/…`, without control characters.
fn sysfs(sys_root: &Path, number: u16, what: &str) -> Option<String> {
    let file = fs::File::open(sys_root.join(format!("class/video4linux/video{number}/{what}"))).ok()?;
    let mut text = String::new();
    file.take(256).read_to_string(&mut text).ok()?;
    let text: String = text.trim().chars().filter(|c| !c.is_control()).collect();
    (!text.is_empty()).then_some(text)
}
