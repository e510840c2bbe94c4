//! Looking for V4L2 capture devices: which nodes are cameras, what they offer and what to ask of them.

mod choice;
pub(crate) mod controls;
mod grab;
mod holder;
mod offer;
mod refusal;
#[expect(unsafe_code, reason = "ioctls: the only door to a driver")]
mod sys;
mod sysfs;

pub(crate) use choice::{Choice, choose, choose_still, is_known_format};
pub(crate) use grab::Ask;
pub use grab::Grabbed;
pub use holder::{Holder, holders};
#[cfg(test)]
pub(crate) use offer::FourCc;
pub(crate) use offer::{Mode, Rate};
pub(crate) use sysfs::{Kin, kin, usb_controller};

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use base::units::Size;
use nix::errno::Errno;

/// Most nodes looked at; the kernel itself makes at most 256 minors (`VIDEO_NUM_DEVICES`).
pub(crate) const MAX_NODES: usize = 256;

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
    /// The name of the input it shows, when it has a choice.
    pub(crate) input: Option<String>,
    /// Its USB serial number, when the kernel tells one.
    pub(crate) serial: Option<String>,
    /// It may not be opened, which udev changes a moment after a node appears.
    pub(crate) closed: bool,
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

/// The path of one node, if it is there.
pub(crate) fn node(dev_root: &Path, number: u16) -> Option<PathBuf> {
    Some(dev_root.join(format!("video{number}"))).filter(|path| is_node(path))
}

/// Follows links; what is no character device cannot be a camera.
fn is_node(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.file_type().is_char_device())
}

/// Asks one node what it is; `None`: no camera. `sizes`: those somebody may want, for devices that take
/// any. Blocks while its driver answers.
pub(crate) fn look(number: u16, path: &Path, sys_root: &Path, sizes: &[Size]) -> Option<Found> {
    let device = match sys::Device::open(path) {
        Ok(device) => device,
        Err(error) => {
            tracing::debug!(node = %path.display(), %error, "cannot open");
            let why = refusal::why(error, path)?;
            let found = unusable(number, path, sys_root, &why)?;
            return Some(Found { closed: refusal::may_pass(error), ..found });
        }
    };
    let capability = match device.capability() {
        Ok(capability) => capability,
        // Some other driver's node, or pulled since it was opened.
        Err(Errno::ENOTTY | Errno::ENODEV) => return None,
        Err(error) => {
            tracing::debug!(node = %path.display(), %error, "VIDIOC_QUERYCAP");
            return unusable(number, path, sys_root, "the device does not say what it can do");
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
        path: path.to_owned(),
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
        input: device.input().and_then(|input| known(input.name)),
        serial: sysfs::serial(sys_root, number),
        closed: false,
    })
}

/// A node whose driver does not answer; `None`: it would be no camera if it did.
pub(crate) fn silent(number: u16, path: &Path, sys_root: &Path) -> Option<Found> {
    unusable(number, path, sys_root, "the device does not answer")
}

/// A device that did not say what it is: what sysfs knows of it.
fn unusable(number: u16, path: &Path, sys_root: &Path, why: &str) -> Option<Found> {
    // Only the first node of a device is its camera; the others carry metadata and would be listed as broken
    // cameras.
    if sysfs::line(sys_root, number, "index").is_some_and(|index| index != "0") {
        return None;
    }
    Some(Found {
        name: sysfs::card(sys_root, number).unwrap_or_else(|| "Camera".into()),
        bus_info: sysfs::usb_port(sys_root, number),
        serial: sysfs::serial(sys_root, number),
        ..Found::unusable(number, path.to_owned(), why)
    })
}

impl Found {
    /// Are these two nodes of one camera? Raw and H.264 are often two, and so are the sensors of one with several.
    /// What offers the same twice is two cameras in one USB device.
    pub(crate) fn is_of_one_with(&self, other: &Self) -> bool {
        let is_usb = self.bus_info.as_deref().and_then(usb_controller).is_some();
        let same =
            (&self.bus_info, &self.name, &self.serial) == (&other.bus_info, &other.name, &other.serial);
        is_usb && same && self.formats != other.formats
    }

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
            input: None,
            serial: None,
            closed: false,
        }
    }
}
