//! The camera's controls: brightness and contrast of its processing unit, exposure of its lens. As with real cameras, exposure
//! time cannot be set while exposure is automatic. Values as Video Class 1.5 has them (section 4.2.2).

/// Requests of the class.
pub(super) const SET_CUR: u8 = 0x01;
pub(super) const GET_CUR: u8 = 0x81;
const GET_MIN: u8 = 0x82;
const GET_MAX: u8 = 0x83;
const GET_RES: u8 = 0x84;
pub(super) const GET_LEN: u8 = 0x85;
pub(super) const GET_INFO: u8 = 0x86;
const GET_DEF: u8 = 0x87;
/// It can be read and set.
pub(super) const READ_WRITE: u8 = 3;

/// Selectors of the processing unit.
const BRIGHTNESS: u8 = 2;
pub(super) const CONTRAST: u8 = 3;
/// Selectors of the lens: how exposure is decided, and the exposure time.
const EXPOSURE_MODE: u8 = 2;
const EXPOSURE_TIME: u8 = 4;
/// Bits of the mode, of which one is set: by hand, or by the camera with a fixed aperture.
const BY_HAND: i32 = 1;
const BY_CAMERA: i32 = 8;

/// What one control is.
struct Shape {
    bytes: usize,
    min: i32,
    max: i32,
    /// Of a mode: all bits that may be set.
    step: i32,
    default: i32,
}

/// With a sign.
const LIGHT: Shape = Shape { bytes: 2, min: -64, max: 64, step: 1, default: 0 };
/// Without one.
const RATIO: Shape = Shape { bytes: 2, min: 0, max: 64, step: 1, default: 32 };
const MODE: Shape = Shape { bytes: 1, min: 0, max: 0, step: BY_HAND | BY_CAMERA, default: BY_CAMERA };
/// In 100 us.
const TIME: Shape = Shape { bytes: 4, min: 1, max: 5000, step: 1, default: 156 };

/// Present values.
#[derive(Debug)]
pub(super) struct Levels {
    brightness: i32,
    contrast: i32,
    exposure_mode: i32,
    exposure_time: i32,
}

impl Levels {
    /// As they are in a camera that has just been plugged in.
    pub(super) fn new() -> Self {
        Self {
            brightness: LIGHT.default,
            contrast: RATIO.default,
            exposure_mode: MODE.default,
            exposure_time: TIME.default,
        }
    }

    /// A request to the processing unit; `None`: it refuses.
    pub(super) fn unit(&mut self, request: u8, selector: u8, data: &[u8]) -> Option<Vec<u8>> {
        match selector {
            BRIGHTNESS => answer(&mut self.brightness, &LIGHT, request, data),
            CONTRAST => answer(&mut self.contrast, &RATIO, request, data),
            _ => None,
        }
    }

    /// A request to the lens; `None`: it refuses.
    pub(super) fn lens(&mut self, request: u8, selector: u8, data: &[u8]) -> Option<Vec<u8>> {
        match (selector, request) {
            (EXPOSURE_MODE, SET_CUR) if ![BY_HAND, BY_CAMERA].contains(&read(data)?) => None,
            (EXPOSURE_MODE, _) => answer(&mut self.exposure_mode, &MODE, request, data),
            (EXPOSURE_TIME, SET_CUR) if self.exposure_mode != BY_HAND => None,
            (EXPOSURE_TIME, _) => answer(&mut self.exposure_time, &TIME, request, data),
            _ => None,
        }
    }
}

fn answer(value: &mut i32, shape: &Shape, request: u8, data: &[u8]) -> Option<Vec<u8>> {
    let told = match request {
        SET_CUR if data.len() == shape.bytes => {
            *value = read(data)?;
            return Some(Vec::new());
        }
        GET_INFO => return Some(vec![READ_WRITE]),
        GET_LEN => return Some(vec![shape.bytes as u8, 0]),
        GET_CUR => *value,
        GET_MIN => shape.min,
        GET_MAX => shape.max,
        GET_RES => shape.step,
        GET_DEF => shape.default,
        _ => return None,
    };
    Some(told.to_le_bytes()[..shape.bytes].to_vec())
}

/// A number of one, two (with a sign) or four bytes.
fn read(data: &[u8]) -> Option<i32> {
    match *data {
        [one] => Some(i32::from(one)),
        [low, high] => Some(i32::from(i16::from_le_bytes([low, high]))),
        [a, b, c, d] => Some(i32::from_le_bytes([a, b, c, d])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_and_what_is_automatic_cannot_be_set() {
        let mut levels = Levels::new();
        assert_eq!(levels.unit(SET_CUR, BRIGHTNESS, &(-7i16).to_le_bytes()), Some(Vec::new()));
        assert_eq!(levels.unit(GET_CUR, BRIGHTNESS, &[]), Some((-7i16).to_le_bytes().to_vec()));
        assert_eq!(levels.unit(GET_DEF, CONTRAST, &[]), Some(vec![32, 0]));
        assert_eq!(levels.unit(SET_CUR, CONTRAST, &[7]), None);
        assert_eq!(levels.unit(GET_CUR, 9, &[]), None);
        let time = 100i32.to_le_bytes();
        assert_eq!(levels.lens(SET_CUR, EXPOSURE_TIME, &time), None, "the camera decides it");
        assert_eq!(levels.lens(SET_CUR, EXPOSURE_MODE, &[2]), None, "no such mode");
        assert_eq!(levels.lens(GET_RES, EXPOSURE_MODE, &[]), Some(vec![9]));
        assert_eq!(levels.lens(SET_CUR, EXPOSURE_MODE, &[1]), Some(Vec::new()));
        assert_eq!(levels.lens(SET_CUR, EXPOSURE_TIME, &time), Some(Vec::new()));
        assert_eq!(levels.lens(GET_CUR, EXPOSURE_TIME, &[]), Some(time.to_vec()));
        assert_eq!(levels.lens(GET_DEF, EXPOSURE_TIME, &[]), Some(156i32.to_le_bytes().to_vec()));
    }
}
