//! The ioctls by which a driver gives pictures: format, buffers in memory shared with it, on, off, the next picture
//! (kernel, "Video for Linux API", sections 3.3 and 7). Nothing is decided here.

use std::{
    num::NonZeroUsize,
    os::fd::{AsFd as _, AsRawFd as _},
    ptr::NonNull,
    slice,
    time::Duration,
};

use base::units::Size;
use nix::{
    errno::Errno,
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::mman::{MapFlags, ProtFlags, mmap, munmap},
};

use super::{Device, RawCurrent, RawCurrentBody};

/// `V4L2_BUF_TYPE_VIDEO_CAPTURE`.
const CAPTURE: u32 = 1;
/// `V4L2_MEMORY_MMAP`.
const MEMORY_MMAP: u32 = 1;
/// `V4L2_BUF_FLAG_ERROR`: the picture may be damaged.
const FLAG_ERROR: u32 = 0x40;
/// Longest side and largest buffer taken seriously, in bytes.
const MAX_BUFFER_BYTES: usize = 256 << 20;

/// `struct v4l2_requestbuffers`.
#[repr(C)]
#[derive(Default)]
struct RawRequest {
    count: u32,
    buffer_type: u32,
    memory: u32,
    capabilities: u32,
    flags: u8,
    reserved: [u8; 3],
}

/// `struct v4l2_timecode`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RawTimecode {
    kind: u32,
    flags: u32,
    time: [u8; 4],
    user: [u8; 4],
}

/// `struct v4l2_buffer`. `place` is its union: with mapped memory the first 32 bits are the offset to map.
#[repr(C)]
struct RawBuffer {
    index: u32,
    buffer_type: u32,
    bytes_used: u32,
    flags: u32,
    field: u32,
    timestamp: libc::timeval,
    timecode: RawTimecode,
    sequence: u32,
    memory: u32,
    place: RawPlace,
    length: u32,
    reserved: u32,
    request_fd: u32,
}

#[repr(C)]
union RawPlace {
    offset: u32,
    user: libc::c_ulong,
}

/// `struct v4l2_streamparm` with `struct v4l2_captureparm` at the head of its union of 200 bytes.
#[repr(C)]
struct RawParameters {
    buffer_type: u32,
    capability: u32,
    mode: u32,
    numerator: u32,
    denominator: u32,
    rest: [u8; 184],
}

const _: () = assert!(size_of::<RawRequest>() == 20);
const _: () = assert!(size_of::<RawParameters>() == 204);
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<RawBuffer>() == 88);

nix::ioctl_readwrite!(vidioc_s_fmt, b'V', 5, RawCurrent);
nix::ioctl_readwrite!(vidioc_reqbufs, b'V', 8, RawRequest);
nix::ioctl_readwrite!(vidioc_querybuf, b'V', 9, RawBuffer);
nix::ioctl_readwrite!(vidioc_qbuf, b'V', 15, RawBuffer);
nix::ioctl_readwrite!(vidioc_dqbuf, b'V', 17, RawBuffer);
nix::ioctl_write_ptr!(vidioc_streamon, b'V', 18, libc::c_int);
nix::ioctl_write_ptr!(vidioc_streamoff, b'V', 19, libc::c_int);
nix::ioctl_readwrite!(vidioc_s_parm, b'V', 22, RawParameters);

impl RawBuffer {
    fn new(index: u32) -> Self {
        Self {
            index,
            buffer_type: CAPTURE,
            bytes_used: 0,
            flags: 0,
            field: 0,
            timestamp: libc::timeval { tv_sec: 0, tv_usec: 0 },
            timecode: RawTimecode::default(),
            sequence: 0,
            memory: MEMORY_MMAP,
            place: RawPlace { user: 0 },
            length: 0,
            reserved: 0,
            request_fd: 0,
        }
    }
}

/// How a picture lies in memory, as the driver has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::v4l2) struct Layout {
    pub(in crate::v4l2) pixel_format: u32,
    pub(in crate::v4l2) size: Size,
    /// From one row to the next; 0 where there are no rows (compressed pictures).
    pub(in crate::v4l2) bytes_per_line: u32,
}

/// One buffer the driver has filled, and has not got back yet.
#[derive(Debug)]
pub(in crate::v4l2) struct Filled {
    index: u32,
    bytes: usize,
    /// The driver does not vouch for it.
    pub(in crate::v4l2) damaged: bool,
}

/// Memory shared with the driver; given back when dropped.
#[derive(Debug)]
struct Mapped {
    start: NonNull<libc::c_void>,
    length: NonZeroUsize,
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: `start` and `length` are what `mmap` gave, and nobody borrows from `self` any more.
        // An error would mean that they are not.
        let _ = unsafe { munmap(self.start, self.length.get()) };
    }
}

impl Device {
    /// Asks for a format and a size; gives what the driver made of that.
    pub(in crate::v4l2) fn set_format(&self, pixel_format: u32, size: Size) -> Result<Layout, Errno> {
        let Size { width, height } = size;
        let body =
            RawCurrentBody { width, height, pixel_format, field: 0, bytes_per_line: 0, rest: [0; 180] };
        let mut raw = RawCurrent { buffer_type: CAPTURE, body };
        // SAFETY: the descriptor is open as long as `self`; `raw` is a live, exclusively borrowed value of the size in
        // the ioctl's number, all of whose bit patterns are valid.
        unsafe { vidioc_s_fmt(self.0.as_raw_fd(), &raw mut raw) }?;
        let RawCurrentBody { width, height, pixel_format, bytes_per_line, .. } = raw.body;
        Ok(Layout { pixel_format, size: Size { width, height }, bytes_per_line })
    }

    /// Asks for so many pictures in so many seconds. Drivers without a choice refuse.
    pub(in crate::v4l2) fn set_rate(&self, frames: u32, seconds: u32) -> Result<(), Errno> {
        let mut raw = RawParameters {
            buffer_type: CAPTURE,
            capability: 0,
            mode: 0,
            numerator: seconds,
            denominator: frames,
            rest: [0; 184],
        };
        // SAFETY: as in `set_format`.
        unsafe { vidioc_s_parm(self.0.as_raw_fd(), &raw mut raw) }?;
        Ok(())
    }

    /// Asks for `count` buffers, 0: gives all back. Only one opener of a device may have some; the others get EBUSY.
    pub(in crate::v4l2) fn request_buffers(&self, count: u32) -> Result<u32, Errno> {
        let mut raw =
            RawRequest { count, buffer_type: CAPTURE, memory: MEMORY_MMAP, ..RawRequest::default() };
        // SAFETY: as in `set_format`.
        unsafe { vidioc_reqbufs(self.0.as_raw_fd(), &raw mut raw) }?;
        Ok(raw.count)
    }

    fn map(&self, index: u32) -> Result<Mapped, Errno> {
        let mut raw = RawBuffer::new(index);
        // SAFETY: as in `set_format`; every bit pattern of the union is a valid `u32` and a valid `c_ulong`.
        unsafe { vidioc_querybuf(self.0.as_raw_fd(), &raw mut raw) }?;
        let length = NonZeroUsize::new(raw.length as usize).filter(|length| length.get() <= MAX_BUFFER_BYTES);
        let length = length.ok_or(Errno::EINVAL)?;
        // SAFETY: the driver has filled in the union's `offset`, as it does for mapped memory.
        let offset = unsafe { raw.place.offset };
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at a place the kernel chooses touches no memory of ours.
        let start =
            unsafe { mmap(None, length, protection, MapFlags::MAP_SHARED, self.0.as_fd(), offset.into()) }?;
        Ok(Mapped { start, length })
    }
}

/// A device that gives pictures. Dropped, it gives none any more.
#[derive(Debug)]
pub(in crate::v4l2) struct Stream<'a> {
    device: &'a Device,
    buffers: Vec<Mapped>,
}

impl<'a> Stream<'a> {
    /// Begins with `count` buffers, as many as the driver gives of them.
    pub(in crate::v4l2) fn begin(device: &'a Device, count: u32) -> Result<Self, Errno> {
        // From here on whatever fails gives them back.
        let mut stream = Self { device, buffers: Vec::new() };
        let count = device.request_buffers(count)?;
        for index in 0..count {
            stream.buffers.push(device.map(index)?);
            stream.give_back(index)?;
        }
        let kind = CAPTURE as libc::c_int;
        // SAFETY: the descriptor is open, and `kind` lives until the call returns.
        unsafe { vidioc_streamon(device.0.as_raw_fd(), &raw const kind) }?;
        Ok(stream)
    }

    fn give_back(&self, index: u32) -> Result<(), Errno> {
        let mut raw = RawBuffer::new(index);
        // SAFETY: as in `Device::set_format`. The driver writes into that buffer from now on; nobody borrows it, see
        // `with`.
        unsafe { vidioc_qbuf(self.device.0.as_raw_fd(), &raw mut raw) }?;
        Ok(())
    }

    /// The next filled buffer; `None`: there was none within `limit`.
    pub(in crate::v4l2) fn next(&self, limit: Duration) -> Result<Option<Filled>, Errno> {
        let mut fds = [PollFd::new(self.device.0.as_fd(), PollFlags::POLLIN)];
        let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        if poll(&mut fds, limit)? == 0 {
            return Ok(None);
        }
        let mut raw = RawBuffer::new(0);
        // SAFETY: as in `Device::set_format`.
        match unsafe { vidioc_dqbuf(self.device.0.as_raw_fd(), &raw mut raw) } {
            Ok(_) => {}
            // The device was opened so that it never blocks.
            Err(Errno::EAGAIN) => return Ok(None),
            Err(error) => return Err(error),
        }
        let (bytes, damaged) = (raw.bytes_used as usize, raw.flags & FLAG_ERROR != 0);
        Ok(Some(Filled { index: raw.index, bytes, damaged }))
    }

    /// Looks at a filled buffer, which goes back to the driver then.
    #[expect(clippy::needless_pass_by_value, reason = "it is used up: nobody may look at it any more")]
    pub(in crate::v4l2) fn with<T>(&self, filled: Filled, look: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
        let Filled { index, bytes, .. } = filled;
        let mapped = self.buffers.get(index as usize).ok_or(Errno::EINVAL)?;
        let length = bytes.min(mapped.length.get());
        // SAFETY: the mapping is at least `length` bytes long and lives as long as `self`. The driver has handed the
        // buffer over with DQBUF and writes into it only after it is given back below, when `look` has returned and
        // the slice with it: `Filled` cannot be made by anybody else, and is used up here. (One that is damaged may be
        // written by broken hardware; bytes have no invalid values.)
        let bytes = unsafe { slice::from_raw_parts(mapped.start.as_ptr().cast::<u8>().cast_const(), length) };
        let seen = look(bytes);
        self.give_back(index)?;
        Ok(seen)
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        let kind = CAPTURE as libc::c_int;
        // SAFETY: as in `begin`. An error: the device is gone, or had not begun.
        let _ = unsafe { vidioc_streamoff(self.device.0.as_raw_fd(), &raw const kind) };
        // Buffers are given back only when they are mapped no more.
        self.buffers.clear();
        let _ = self.device.request_buffers(0);
    }
}
