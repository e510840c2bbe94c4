//! The ioctls of V4L2 behind functions without `unsafe`. Structures and numbers are those of Linux'
//! `include/uapi/linux/videodev2.h`; their meaning is in the kernel's "Video for Linux API",
//! section 7 (function reference). Nothing is decided here.

mod stream;

pub(super) use stream::{Layout, Stream};
mod controls;

use std::{
    fs::{File, OpenOptions},
    os::{fd::AsRawFd as _, unix::fs::OpenOptionsExt as _},
    path::Path,
};

use base::units::Size;
use nix::{errno::Errno, libc};

pub(crate) use controls::{Datum, Described, Form, MenuText};

/// `V4L2_CAP_VIDEO_CAPTURE`.
const CAP_CAPTURE: u32 = 0x0000_0001;
/// `V4L2_CAP_VIDEO_CAPTURE_MPLANE`.
const CAP_CAPTURE_MPLANE: u32 = 0x0000_1000;
/// `V4L2_CAP_STREAMING`.
const CAP_STREAMING: u32 = 0x0400_0000;
/// `V4L2_CAP_DEVICE_CAPS`: `device_caps` is filled in (every driver since Linux 4.19).
const CAP_DEVICE_CAPS: u32 = 0x8000_0000;

/// `V4L2_FRMSIZE_TYPE_DISCRETE` and `V4L2_FRMIVAL_TYPE_DISCRETE`; 2 and 3 are ranges.
const DISCRETE: u32 = 1;

/// `struct v4l2_capability`.
#[repr(C)]
#[derive(Default)]
struct RawCapability {
    driver: [u8; 16],
    card: [u8; 32],
    bus_info: [u8; 32],
    version: u32,
    capabilities: u32,
    device_caps: u32,
    reserved: [u32; 3],
}

/// `struct v4l2_fmtdesc`.
#[repr(C)]
#[derive(Default)]
struct RawFormat {
    index: u32,
    buffer_type: u32,
    flags: u32,
    description: [u8; 32],
    pixel_format: u32,
    mbus_code: u32,
    reserved: [u32; 3],
}

/// `struct v4l2_frmsizeenum`. `body` is its union: width and height; or minimum, maximum and step of
/// the width, then of the height.
#[repr(C)]
#[derive(Default)]
struct RawSize {
    index: u32,
    pixel_format: u32,
    kind: u32,
    body: [u32; 6],
    reserved: [u32; 2],
}

/// `struct v4l2_frmivalenum`. `body` is its union: one fraction of a second; or the shortest, the
/// longest and the step.
#[repr(C)]
#[derive(Default)]
struct RawInterval {
    index: u32,
    pixel_format: u32,
    width: u32,
    height: u32,
    kind: u32,
    body: [u32; 6],
    reserved: [u32; 2],
}

/// `struct v4l2_format`, whose union is 200 bytes and aligned like a pointer. `v4l2_pix_format` and
/// `v4l2_pix_format_mplane` both begin with width, height and pixel format.
#[repr(C)]
struct RawCurrent {
    buffer_type: u32,
    body: RawCurrentBody,
}

#[repr(C)]
#[cfg_attr(target_pointer_width = "64", repr(align(8)))]
struct RawCurrentBody {
    width: u32,
    height: u32,
    pixel_format: u32,
    // Of `v4l2_pix_format` alone.
    field: u32,
    bytes_per_line: u32,
    rest: [u8; 180],
}

/// `struct v4l2_input`.
#[repr(C)]
#[derive(Default)]
struct RawInput {
    index: u32,
    name: [u8; 32],
    kind: u32,
    audio_set: u32,
    tuner: u32,
    /// Standards the input can do; aligned to eight bytes.
    standards: u64,
    status: u32,
    capabilities: u32,
    reserved: [u32; 3],
}

/// `V4L2_IN_ST_NO_POWER`, `V4L2_IN_ST_NO_SIGNAL` and `V4L2_IN_ST_NO_H_LOCK`: whatever is at the input gives nothing.
const NOTHING_AT_INPUT: u32 = 0x0000_0103;

// The kernel copies by the size in the ioctl's number: a wrong one would be ENOTTY at best.
const _: () = assert!(size_of::<RawCapability>() == 104);
const _: () = assert!(size_of::<RawFormat>() == 64);
const _: () = assert!(size_of::<RawSize>() == 44);
const _: () = assert!(size_of::<RawInterval>() == 52);
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<RawInput>() == 80);
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<RawCurrent>() == 208);

nix::ioctl_read!(vidioc_querycap, b'V', 0, RawCapability);
nix::ioctl_readwrite!(vidioc_enum_fmt, b'V', 2, RawFormat);
nix::ioctl_readwrite!(vidioc_g_fmt, b'V', 4, RawCurrent);
nix::ioctl_readwrite!(vidioc_enuminput, b'V', 26, RawInput);
nix::ioctl_read!(vidioc_g_input, b'V', 38, libc::c_int);
nix::ioctl_readwrite!(vidioc_enum_framesizes, b'V', 74, RawSize);
nix::ioctl_readwrite!(vidioc_enum_frameintervals, b'V', 75, RawInterval);

/// Which of the two capture interfaces a device has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Capture {
    SinglePlane,
    MultiPlane,
}

impl Capture {
    /// `enum v4l2_buf_type`.
    fn buffer_type(self) -> u32 {
        match self {
            Self::SinglePlane => 1,
            Self::MultiPlane => 9,
        }
    }
}

/// What a device says of itself.
#[derive(Debug)]
pub(super) struct Capability {
    pub(super) driver: String,
    pub(super) card: String,
    pub(super) bus_info: String,
    /// What this node can do; other nodes of the same hardware may do more.
    caps: u32,
}

impl Capability {
    /// `None`: the node does not give pictures.
    pub(super) fn capture(&self) -> Option<Capture> {
        let has = |cap: u32| self.caps & cap != 0;
        match (has(CAP_STREAMING), has(CAP_CAPTURE), has(CAP_CAPTURE_MPLANE)) {
            (true, true, _) => Some(Capture::SinglePlane),
            (true, false, true) => Some(Capture::MultiPlane),
            _ => None,
        }
    }
}

/// Where a device has its picture from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) name: String,
    /// Nothing comes from there: no power, no signal.
    pub(super) is_dead: bool,
}

/// From, to and in steps of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) min: u32,
    pub(super) max: u32,
    step: u32,
}

impl Range {
    /// Is `n` one of its values?
    pub(super) fn takes(self, n: u32) -> bool {
        (self.min..=self.max).contains(&n) && (n - self.min).is_multiple_of(self.step.max(1))
    }
}

/// One answer to `VIDIOC_ENUM_FRAMESIZES`.
pub(super) enum SizeEntry {
    Discrete(Size),
    Stepwise { width: Range, height: Range },
}

/// One answer to `VIDIOC_ENUM_FRAMEINTERVALS`, in fractions of a second.
pub(super) enum Interval {
    Discrete((u32, u32)),
    Stepwise { shortest: (u32, u32), longest: (u32, u32) },
}

/// An open device node.
#[derive(Debug)]
pub(crate) struct Device(File);

impl Device {
    pub(super) fn open(path: &Path) -> Result<Self, Errno> {
        let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(path);
        file.map(Self).map_err(|e| e.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw))
    }

    pub(super) fn capability(&self) -> Result<Capability, Errno> {
        let mut raw = RawCapability::default();
        // SAFETY: the descriptor is open as long as `self`; `raw` is a live, exclusively borrowed value
        // of the size in the ioctl's number, all of whose bit patterns are valid.
        unsafe { vidioc_querycap(self.0.as_raw_fd(), &raw mut raw) }?;
        let own = raw.capabilities & CAP_DEVICE_CAPS != 0;
        let caps = if own { raw.device_caps } else { raw.capabilities };
        Ok(Capability {
            driver: text(&raw.driver),
            card: text(&raw.card),
            bus_info: text(&raw.bus_info),
            caps,
        })
    }

    /// The input that is chosen now; `None`: it has no choice.
    pub(super) fn input(&self) -> Option<Input> {
        let mut index: libc::c_int = 0;
        // SAFETY: as in `capability`.
        unsafe { vidioc_g_input(self.0.as_raw_fd(), &raw mut index) }.ok()?;
        let mut raw = RawInput { index: u32::try_from(index).ok()?, ..RawInput::default() };
        // SAFETY: as in `capability`.
        unsafe { vidioc_enuminput(self.0.as_raw_fd(), &raw mut raw) }.ok()?;
        Some(Input { name: text(&raw.name), is_dead: raw.status & NOTHING_AT_INPUT != 0 })
    }

    /// The code of pixel format number `index`; an error behind the last one.
    pub(super) fn format(&self, capture: Capture, index: u32) -> Result<u32, Errno> {
        let mut raw = RawFormat { index, buffer_type: capture.buffer_type(), ..RawFormat::default() };
        // SAFETY: as in `capability`.
        unsafe { vidioc_enum_fmt(self.0.as_raw_fd(), &raw mut raw) }?;
        Ok(raw.pixel_format)
    }

    /// Size number `index` of a pixel format; an error behind the last one.
    pub(super) fn size(&self, pixel_format: u32, index: u32) -> Result<SizeEntry, Errno> {
        let mut raw = RawSize { index, pixel_format, ..RawSize::default() };
        // SAFETY: as in `capability`.
        unsafe { vidioc_enum_framesizes(self.0.as_raw_fd(), &raw mut raw) }?;
        let [a, b, c, d, e, f] = raw.body;
        Ok(if raw.kind == DISCRETE {
            SizeEntry::Discrete(Size { width: a, height: b })
        } else {
            SizeEntry::Stepwise {
                width: Range { min: a, max: b, step: c },
                height: Range { min: d, max: e, step: f },
            }
        })
    }

    /// Frame interval number `index` of a pixel format in a size; an error behind the last one.
    pub(super) fn interval(&self, pixel_format: u32, size: Size, index: u32) -> Result<Interval, Errno> {
        let Size { width, height } = size;
        let mut raw = RawInterval { index, pixel_format, width, height, ..RawInterval::default() };
        // SAFETY: as in `capability`.
        unsafe { vidioc_enum_frameintervals(self.0.as_raw_fd(), &raw mut raw) }?;
        let [a, b, c, d, ..] = raw.body;
        Ok(if raw.kind == DISCRETE {
            Interval::Discrete((a, b))
        } else {
            Interval::Stepwise { shortest: (a, b), longest: (c, d) }
        })
    }

    /// Pixel format and size that are set now.
    pub(super) fn current(&self, capture: Capture) -> Result<(u32, Size), Errno> {
        let body = RawCurrentBody {
            width: 0,
            height: 0,
            pixel_format: 0,
            field: 0,
            bytes_per_line: 0,
            rest: [0; 180],
        };
        let mut raw = RawCurrent { buffer_type: capture.buffer_type(), body };
        // SAFETY: as in `capability`.
        unsafe { vidioc_g_fmt(self.0.as_raw_fd(), &raw mut raw) }?;
        Ok((raw.body.pixel_format, Size { width: raw.body.width, height: raw.body.height }))
    }
}

/// Text of a fixed field: up to its first zero, without control characters.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    let text = String::from_utf8_lossy(&field[..end]);
    text.trim().chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nodes_that_stream_pictures_count() {
        let capture = |caps: u32| {
            let none = String::new;
            Capability { driver: none(), card: none(), bus_info: none(), caps }.capture()
        };
        assert_eq!(capture(CAP_CAPTURE | CAP_STREAMING), Some(Capture::SinglePlane));
        assert_eq!(capture(CAP_CAPTURE_MPLANE | CAP_STREAMING), Some(Capture::MultiPlane));
        // The metadata node of a USB camera: V4L2_CAP_META_CAPTURE.
        assert_eq!(capture(0x0080_0000 | CAP_STREAMING), None);
        assert_eq!(capture(CAP_CAPTURE), None);
    }

    #[test]
    fn fields_of_a_driver_are_made_harmless() {
        assert_eq!(text(b"Cam\0rubbish"), "Cam");
        assert_eq!(text(b"a\x07b\xff "), "ab\u{fffd}");
        assert_eq!(text(b"full"), "full");
        let width = Range { min: 16, max: 64, step: 16 };
        assert!(width.takes(64) && width.takes(16) && !width.takes(24) && !width.takes(80));
        assert!(Range { min: 2, max: 2, step: 0 }.takes(2));
    }

    #[test]
    fn a_device_that_is_no_camera_says_so() {
        let device = Device::open(Path::new("/dev/null")).unwrap();
        assert_eq!(device.capability().unwrap_err(), Errno::ENOTTY);
        assert!(Device::open(Path::new("/nonexistent")).is_err());
    }
}
