//! Looking for V4L2 capture devices: which nodes are cameras, what they offer and what to ask of them.

mod choice;
mod offer;
#[expect(unsafe_code, reason = "ioctls: the only door to a driver")]
mod sys;

pub(crate) use choice::Choice;
pub(crate) use offer::Rate;

use std::{
    collections::BTreeSet,
    fs,
    io::Read as _,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use base::units::Size;
use nix::errno::Errno;

use crate::config::Wanted;

/// Most nodes looked at; the kernel itself makes at most 256 minors (`VIDEO_NUM_DEVICES`).
const MAX_NODES: usize = 256;

/// A capture device, usable or not.
#[derive(Debug)]
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
    /// What to ask of it, or why it cannot be used (for a person, without the path).
    pub(crate) choice: Result<Choice, String>,
}

/// All capture devices by the number of their nodes.
pub(crate) fn scan(dev_root: &Path, sys_root: &Path, wanted: Wanted) -> Vec<Found> {
    nodes(dev_root).into_iter().filter_map(|(number, path)| look(number, path, sys_root, wanted)).collect()
}

fn nodes(dev_root: &Path) -> Vec<(u16, PathBuf)> {
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
            let digits = entry.file_name().to_str()?.strip_prefix("video")?.to_owned();
            let number = digits.parse().ok().filter(|n: &u16| n.to_string() == digits)?;
            // Follows links; what is no character device cannot be a camera.
            let there = fs::metadata(entry.path()).ok()?.file_type().is_char_device();
            there.then(|| (number, entry.path()))
        })
        .collect();
    nodes.sort_unstable();
    nodes.truncate(MAX_NODES);
    nodes
}

/// `None`: no camera.
fn look(number: u16, path: PathBuf, sys_root: &Path, wanted: Wanted) -> Option<Found> {
    let unusable = |path, why: &str| {
        // Not even its capabilities are known. Only the first node of a device is its camera; the
        // others carry metadata and would be listed as broken cameras.
        if sysfs(sys_root, number, "index").is_some_and(|index| index != "0") {
            return None;
        }
        let name = sysfs(sys_root, number, "name").unwrap_or_else(|| "Camera".into());
        let (formats, sizes, choice) = (Vec::new(), Vec::new(), Err(why.to_owned()));
        Some(Found { number, path, name, driver: None, bus_info: None, formats, sizes, choice })
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
    let offer = offer::read(&device, capture, wanted.size);
    let choice = match capture {
        // ffmpeg's v4l2 input wants V4L2_CAP_VIDEO_CAPTURE.
        sys::Capture::MultiPlane => Err("its kind of interface (multi-planar) is not supported".to_owned()),
        sys::Capture::SinglePlane => choice::choose(&offer.modes, wanted)
            .ok_or_else(|| "it offers no picture format and size that can be used".to_owned()),
    };
    tracing::debug!(node = %path.display(), ?capability, ?choice, modes = offer.modes.len(), "capture device");
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
        choice,
    })
}

/// One line of `/sys/class/video4linux/videoN/…`, without control characters.
fn sysfs(sys_root: &Path, number: u16, what: &str) -> Option<String> {
    let file = fs::File::open(sys_root.join(format!("class/video4linux/video{number}/{what}"))).ok()?;
    let mut text = String::new();
    file.take(256).read_to_string(&mut text).ok()?;
    let text: String = text.trim().chars().filter(|c| !c.is_control()).collect();
    (!text.is_empty()).then_some(text)
}
