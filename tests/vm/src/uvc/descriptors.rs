//! What a camera says of itself: the descriptors of USB 2.0 (section 9.6) and of USB Video Class 1.1 (sections 3 and 4 and the
//! documents of its payloads). Pure.
//!
//! One bulk endpoint instead of isochronous ones, because `vhci_hcd` does those badly; to V4L2 that looks the same.

use super::{Config, Format};
use crate::film::SIZES;

/// Descriptor types.
const DEVICE: u8 = 1;
const CONFIGURATION: u8 = 2;
const STRING: u8 = 3;
const INTERFACE: u8 = 4;
const ENDPOINT: u8 = 5;
const ASSOCIATION: u8 = 11;
/// A descriptor of the class, for an interface.
const CS_INTERFACE: u8 = 0x24;
/// Class *video*, with the subclasses *control*, *streaming* and *collection of both*.
const VIDEO: u8 = 0x0e;
const CONTROL: u8 = 1;
const STREAMING: u8 = 2;
const COLLECTION: u8 = 3;

/// Numbers of our interfaces, endpoint and units.
pub(super) const STREAMING_INTERFACE: u8 = 1;
pub(super) const BULK_IN: u8 = 0x81;
pub(super) const LENS: u8 = 1;
pub(super) const PROCESSING_UNIT: u8 = 2;
const TO_HOST: u8 = 3;

/// Ticks of 100 ns in a second: the unit of frame intervals.
const SECOND: u32 = 10_000_000;
/// Ticks of a device's clock in a second; nobody looks at it.
pub(super) const CLOCK_HZ: u32 = 48_000_000;
/// Said, and not kept: nobody plans with it here.
const BIT_RATES: (u32, u32) = (1_000_000, 100_000_000);

/// The largest picture in this mode, in bytes.
pub(super) fn max_picture((width, height): (u16, u16)) -> u32 {
    u32::from(width) * u32::from(height) * 2
}

/// The frame interval of a rate, in 100 ns.
pub(super) fn interval(rate: u32) -> u32 {
    SECOND / rate
}

/// The device descriptor.
pub(super) fn device(config: &Config) -> Vec<u8> {
    let serial = u8::from(config.serial.is_some()) * 3;
    // USB 2.0; class *miscellaneous* with an association; packets of 64 bytes on endpoint 0.
    let mut out = vec![18, DEVICE, 0, 2, 0xef, 2, 1, 64];
    out.extend(config.vendor_id.to_le_bytes());
    out.extend(config.product_id.to_le_bytes());
    out.extend([0, 1, 1, 2, serial, 1]);
    out
}

/// One of the strings; number 0 tells the languages: English.
pub(super) fn string(config: &Config, number: u8) -> Option<Vec<u8>> {
    let text = match number {
        0 => return Some(vec![4, STRING, 9, 4]),
        1 => &config.vendor,
        2 => &config.product,
        3 => config.serial.as_ref()?,
        _ => return None,
    };
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut out = vec![units.len() as u8 + 2, STRING];
    out.extend(units);
    Some(out)
}

/// The configuration with everything in it.
pub(super) fn configuration(config: &Config) -> Vec<u8> {
    let mut out = vec![9, CONFIGURATION, 0, 0, 2, 1, 0, 0x80, 250];
    // Without names of their own: V4L2 would put them behind the product's.
    out.extend([8, ASSOCIATION, 0, 2, VIDEO, COLLECTION, 0, 0]);
    out.extend([9, INTERFACE, 0, 0, 0, VIDEO, CONTROL, 0, 0]);
    out.extend(control());
    out.extend([9, INTERFACE, STREAMING_INTERFACE, 0, 1, VIDEO, STREAMING, 0, 0]);
    out.extend(streaming(config));
    // 512 bytes a packet, as every bulk endpoint of high speed.
    out.extend([7, ENDPOINT, BULK_IN, 2, 0, 2, 0]);
    let length = out.len() as u16;
    out[2..4].copy_from_slice(&length.to_le_bytes());
    out
}

/// A lens with exposure mode and time, a processing unit with brightness and contrast, and the way out.
fn control() -> Vec<u8> {
    let mut units = vec![18, CS_INTERFACE, 2, LENS, 0x01, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0x0a, 0, 0];
    units.extend([12, CS_INTERFACE, 5, PROCESSING_UNIT, LENS, 0, 0, 2, 0x03, 0, 0, 0]);
    units.extend([9, CS_INTERFACE, 3, TO_HOST, 0x01, 0x01, 0, PROCESSING_UNIT, 0]);
    // Video Class 1.1.
    let mut out = vec![13, CS_INTERFACE, 1, 0x10, 0x01];
    out.extend((13 + units.len() as u16).to_le_bytes());
    out.extend(CLOCK_HZ.to_le_bytes());
    out.extend([1, STREAMING_INTERFACE]);
    out.extend(units);
    out
}

/// Every format in every size.
fn streaming(config: &Config) -> Vec<u8> {
    let mut body = Vec::new();
    for (number, format) in (1..).zip(&config.formats) {
        body.extend(format_descriptor(*format, number, SIZES.len() as u8));
        for (index, size) in (1..).zip(SIZES) {
            body.extend(frame_descriptor(*format, index, size, &config.rates));
        }
        // Colours as sRGB and BT.601 have them.
        body.extend([6, CS_INTERFACE, 0x0d, 1, 1, 4]);
    }
    let count = config.formats.len() as u8;
    let mut out = vec![13 + count, CS_INTERFACE, 1, count];
    out.extend((13 + u16::from(count) + body.len() as u16).to_le_bytes());
    out.extend([BULK_IN, 0, TO_HOST, 0, 0, 0, 1]);
    out.extend(vec![0; usize::from(count)]);
    out.extend(body);
    out
}

fn format_descriptor(format: Format, number: u8, sizes: u8) -> Vec<u8> {
    let guid = |code: &[u8; 4]| {
        let mut guid = code.to_vec();
        guid.extend([0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]);
        guid
    };
    match format {
        Format::Mjpeg => vec![11, CS_INTERFACE, 6, number, sizes, 1, 1, 0, 0, 0, 0],
        Format::Yuyv => {
            let mut out = vec![27, CS_INTERFACE, 4, number, sizes];
            out.extend(guid(b"YUY2"));
            out.extend([16, 1, 0, 0, 0, 0]);
            out
        }
        Format::H264 => {
            let mut out = vec![28, CS_INTERFACE, 0x10, number, sizes];
            out.extend(guid(b"H264"));
            out.extend([16, 1, 0, 0, 0, 0, 1]);
            out
        }
    }
}

fn frame_descriptor(format: Format, index: u8, size: (u16, u16), rates: &[u32]) -> Vec<u8> {
    let kind = match format {
        Format::Mjpeg => 7,
        Format::Yuyv => 5,
        Format::H264 => 0x11,
    };
    let mut out = vec![26 + 4 * rates.len() as u8, CS_INTERFACE, kind, index, 0];
    out.extend(size.0.to_le_bytes());
    out.extend(size.1.to_le_bytes());
    out.extend(BIT_RATES.0.to_le_bytes());
    out.extend(BIT_RATES.1.to_le_bytes());
    if format != Format::H264 {
        out.extend(max_picture(size).to_le_bytes());
    }
    let usual = rates.first().copied().unwrap_or(1);
    out.extend(interval(usual).to_le_bytes());
    out.push(rates.len() as u8);
    if format == Format::H264 {
        // Bytes a line: not for this format.
        out.extend(0u32.to_le_bytes());
    }
    out.extend(rates.iter().flat_map(|rate| interval(*rate).to_le_bytes()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_descriptor_has_the_length_it_says() {
        let config = Config::new("Desk Cam", "A1");
        assert_eq!(device(&config).len(), 18);
        assert_eq!(string(&config, 2).unwrap()[..4], [18, STRING, b'D', 0]);
        assert_eq!(string(&Config { serial: None, ..config.clone() }, 3), None);
        let whole = configuration(&config);
        assert_eq!(usize::from(u16::from_le_bytes([whole[2], whole[3]])), whole.len());
        let (mut at, mut of_class) = (0, 0);
        while at < whole.len() {
            of_class += usize::from(whole[at + 1] == CS_INTERFACE);
            at += usize::from(whole[at]);
        }
        assert_eq!(at, whole.len(), "the last one ends where all end");
        // Three formats, each with two sizes and its colours, behind one header; and four of control.
        assert_eq!(of_class, 4 + 1 + 3 * (1 + 2 + 1));
    }
}
