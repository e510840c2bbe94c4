//! The ioctls of controls (kernel, "Video for Linux API", section 1.9 "Extended Controls API"). Nothing is
//! decided here, and no control is known.

use std::os::fd::AsRawFd as _;

use nix::errno::Errno;

use super::{Device, text};

/// `V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND`: the next one of any kind.
const NEXT: u32 = 0x8000_0000 | 0x4000_0000;
/// `V4L2_CTRL_WHICH_CUR_VAL`.
const CURRENT: u32 = 0;
/// Longest text of a control that is worth reading, in bytes.
const MAX_TEXT: u32 = 4096;

/// `struct v4l2_query_ext_ctrl`.
#[repr(C)]
struct RawQuery {
    id: u32,
    kind: u32,
    name: [u8; 32],
    minimum: i64,
    maximum: i64,
    step: u64,
    default: i64,
    flags: u32,
    elem_size: u32,
    elems: u32,
    nr_of_dims: u32,
    dims: [u32; 4],
    reserved: [u32; 32],
}

/// `struct v4l2_querymenu`, which is packed. `body` is its union: a name, or a number.
#[repr(C, packed)]
struct RawMenu {
    id: u32,
    index: u32,
    body: [u8; 32],
    reserved: u32,
}

/// The union in `struct v4l2_ext_control`: 8 bytes wherever a pointer has 4.
#[repr(C)]
#[derive(Clone, Copy)]
union RawValue {
    long: i64,
    word: i32,
    text: *mut u8,
}

/// `struct v4l2_ext_control`, which is packed.
#[repr(C, packed)]
struct RawControl {
    id: u32,
    size: u32,
    reserved: u32,
    value: RawValue,
}

/// `struct v4l2_ext_controls`.
#[repr(C)]
struct RawControls {
    which: u32,
    count: u32,
    error_index: u32,
    request: i32,
    reserved: u32,
    controls: *mut RawControl,
}

// The kernel copies by the size in the ioctl's number. Where a `u64` is aligned to 4 bytes (i386) nothing is laid out
// differently: those of `RawQuery` stand at multiples of 8 anyway, and the others are packed.
const _: () = assert!(size_of::<RawQuery>() == 232);
const _: () = assert!(size_of::<RawMenu>() == 44);
const _: () = assert!(size_of::<RawControl>() == 20);
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<RawControls>() == 32);
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<RawControls>() == 24);

nix::ioctl_readwrite!(vidioc_querymenu, b'V', 37, RawMenu);
nix::ioctl_readwrite!(vidioc_g_ext_ctrls, b'V', 71, RawControls);
nix::ioctl_readwrite!(vidioc_s_ext_ctrls, b'V', 72, RawControls);
nix::ioctl_readwrite!(vidioc_try_ext_ctrls, b'V', 73, RawControls);
nix::ioctl_readwrite!(vidioc_query_ext_ctrl, b'V', 103, RawQuery);

/// A control as its driver describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) id: u32,
    /// `enum v4l2_ctrl_type`.
    pub(crate) kind: u32,
    pub(crate) name: String,
    pub(crate) minimum: i64,
    pub(crate) maximum: i64,
    pub(crate) step: u64,
    pub(crate) default: i64,
    /// `V4L2_CTRL_FLAG_…`.
    pub(crate) flags: u32,
    /// 0: one value; else it is an array.
    pub(crate) dimensions: u32,
}

/// How the value of a control is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// 32 bits with a sign.
    Word,
    /// 32 bits without one.
    Mask,
    /// 64 bits with a sign.
    Long,
    /// Text of at most so many bytes.
    Text(u32),
}

/// The value of a control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Datum {
    Number(i64),
    Text(String),
}

/// What one entry of a menu says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MenuText([u8; 32]);

impl MenuText {
    /// As text.
    pub(crate) fn text(self) -> String {
        text(&self.0)
    }

    /// An entry for tests.
    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        let mut body = [0; 32];
        body[..text.len()].copy_from_slice(text.as_bytes());
        Self(body)
    }

    /// As the number it is in a menu of numbers.
    pub(crate) fn number(self) -> i64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        i64::from_ne_bytes([a, b, c, d, e, f, g, h])
    }
}

impl Device {
    /// The first control behind this id; `EINVAL` behind the last one.
    pub(crate) fn control_behind(&self, id: u32) -> Result<Described, Errno> {
        self.described(id | NEXT)
    }

    /// The control of this id.
    pub(crate) fn control(&self, id: u32) -> Result<Described, Errno> {
        self.described(id)
    }

    fn described(&self, id: u32) -> Result<Described, Errno> {
        let mut raw = RawQuery {
            id,
            kind: 0,
            name: [0; 32],
            minimum: 0,
            maximum: 0,
            step: 0,
            default: 0,
            flags: 0,
            elem_size: 0,
            elems: 0,
            nr_of_dims: 0,
            dims: [0; 4],
            reserved: [0; 32],
        };
        // SAFETY: the descriptor is open as long as `self`; `raw` is a live, exclusively borrowed value
        // of the size in the ioctl's number, all of whose bit patterns are valid.
        unsafe { vidioc_query_ext_ctrl(self.0.as_raw_fd(), &raw mut raw) }?;
        Ok(Described {
            id: raw.id,
            kind: raw.kind,
            name: text(&raw.name),
            minimum: raw.minimum,
            maximum: raw.maximum,
            step: raw.step,
            default: raw.default,
            flags: raw.flags,
            dimensions: raw.nr_of_dims,
        })
    }

    /// Entry `index` of a menu; `EINVAL`: there is none of that number, perhaps of a higher one.
    pub(crate) fn menu_entry(&self, id: u32, index: u32) -> Result<MenuText, Errno> {
        let mut raw = RawMenu { id, index, body: [0; 32], reserved: 0 };
        // SAFETY: as in `described`; the kernel does not ask for alignment.
        unsafe { vidioc_querymenu(self.0.as_raw_fd(), &raw mut raw) }?;
        Ok(MenuText(raw.body))
    }

    /// The present value of a control.
    pub(crate) fn control_value(&self, id: u32, form: Form) -> Result<Datum, Errno> {
        let bytes = match form {
            Form::Text(longest) => longest.min(MAX_TEXT).saturating_add(1),
            Form::Word | Form::Mask | Form::Long => 0,
        };
        let mut buffer = vec![0; bytes as usize];
        let value = self.exchange(id, form, RawValue { long: 0 }, &mut buffer, vidioc_g_ext_ctrls)?;
        Ok(match form {
            // SAFETY: every member of the union is valid as integers, and it was filled when it was made.
            Form::Word => Datum::Number(i64::from(unsafe { value.word })),
            // SAFETY: as before.
            Form::Mask => Datum::Number(i64::from(unsafe { value.word }.cast_unsigned())),
            // SAFETY: as before.
            Form::Long => Datum::Number(unsafe { value.long }),
            Form::Text(_) => Datum::Text(text(&buffer)),
        })
    }

    /// Sets a control.
    pub(crate) fn set_control(&self, id: u32, form: Form, datum: &Datum) -> Result<(), Errno> {
        self.give(id, form, datum, vidioc_s_ext_ctrls)
    }

    /// Asks whether it could be set to that; `ENOTTY`: the driver does not say.
    pub(crate) fn try_control(&self, id: u32, form: Form, datum: &Datum) -> Result<(), Errno> {
        self.give(id, form, datum, vidioc_try_ext_ctrls)
    }

    fn give(&self, id: u32, form: Form, datum: &Datum, ioctl: Ioctl) -> Result<(), Errno> {
        let (value, mut buffer) = match (form, datum) {
            (Form::Long, Datum::Number(number)) => (RawValue { long: *number }, Vec::new()),
            (Form::Word, Datum::Number(number)) => {
                let word = i32::try_from(*number).map_err(|_| Errno::ERANGE)?;
                (RawValue { word }, Vec::new())
            }
            (Form::Mask, Datum::Number(number)) => {
                let word = u32::try_from(*number).map_err(|_| Errno::ERANGE)?.cast_signed();
                (RawValue { word }, Vec::new())
            }
            (Form::Text(_), Datum::Text(words)) => {
                let mut bytes = words.clone().into_bytes();
                bytes.push(0);
                (RawValue { long: 0 }, bytes)
            }
            (Form::Text(_), Datum::Number(_)) | (_, Datum::Text(_)) => return Err(Errno::EINVAL),
        };
        self.exchange(id, form, value, &mut buffer, ioctl).map(drop)
    }

    /// One control through one of the ioctls that take many: so an error is about this one. `buffer` is where
    /// text stands, and its length is told to the kernel.
    fn exchange(
        &self,
        id: u32,
        form: Form,
        value: RawValue,
        buffer: &mut [u8],
        ioctl: Ioctl,
    ) -> Result<RawValue, Errno> {
        let mut control = RawControl { id, size: 0, reserved: 0, value };
        if let Form::Text(_) = form {
            control.size = u32::try_from(buffer.len()).map_err(|_| Errno::ERANGE)?;
            control.value = RawValue { text: buffer.as_mut_ptr() };
        }
        let mut raw = RawControls {
            which: CURRENT,
            count: 1,
            error_index: 0,
            request: 0,
            reserved: 0,
            controls: &raw mut control,
        };
        // SAFETY: the descriptor is open as long as `self`; `raw` has the size in the ioctl's number; it points
        // to `count` live controls, and a control of text to `size` bytes of ours that live until the end of
        // this function. A control that is text is no other (`Form` comes from its description), and the kernel
        // writes at most `size` bytes; it does not ask for alignment.
        unsafe { ioctl(self.0.as_raw_fd(), &raw mut raw) }?;
        Ok(control.value)
    }
}

/// One of the ioctls on values of controls.
type Ioctl = unsafe fn(nix::libc::c_int, *mut RawControls) -> nix::Result<nix::libc::c_int>;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_device_without_controls_says_so_and_no_value_is_bent() {
        let device = Device::open(Path::new("/dev/null")).unwrap();
        assert_eq!(device.control_behind(0), Err(Errno::ENOTTY));
        assert_eq!(device.control(1), Err(Errno::ENOTTY));
        assert_eq!(device.menu_entry(1, 0).unwrap_err(), Errno::ENOTTY);
        let number = Datum::Number;
        for (form, datum, error) in [
            (Form::Word, number(1), Errno::ENOTTY),
            (Form::Word, number(i64::from(i32::MAX) + 1), Errno::ERANGE),
            (Form::Mask, number(i64::from(u32::MAX)), Errno::ENOTTY),
            (Form::Mask, number(-1), Errno::ERANGE),
            (Form::Long, number(i64::MIN), Errno::ENOTTY),
            (Form::Text(3), Datum::Text("abc".into()), Errno::ENOTTY),
            (Form::Text(3), number(1), Errno::EINVAL),
            (Form::Word, Datum::Text("1".into()), Errno::EINVAL),
        ] {
            assert_eq!(device.set_control(1, form, &datum), Err(error), "{form:?} {datum:?}");
            assert_eq!(device.try_control(1, form, &datum), Err(error), "{form:?} {datum:?}");
            assert_eq!(device.control_value(1, form), Err(Errno::ENOTTY), "{form:?}");
        }
    }

    #[test]
    fn an_entry_of_a_menu_is_text_or_a_number() {
        let mut body = [0; 32];
        body[..6].copy_from_slice(b"50 Hz\0");
        assert_eq!(MenuText(body).text(), "50 Hz");
        body[..8].copy_from_slice(&(-7i64).to_ne_bytes());
        assert_eq!(MenuText(body).number(), -7);
    }
}
