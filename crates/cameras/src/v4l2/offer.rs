//! What a capture device offers: pixel formats, picture sizes, frame rates, as far as anybody can use
//! them. A driver may enumerate without end; every list here has one.

use std::fmt;

use base::units::Size;

use super::sys::{Capture, Device, Interval, SizeEntry};

/// Most pixel formats asked for.
const MAX_FORMATS: u32 = 64;
/// Most sizes of one format asked for.
const MAX_SIZES: u32 = 256;
/// Most frame intervals of one size asked for.
const MAX_INTERVALS: u32 = 64;
/// Most modes kept in all; real cameras have fewer than 100.
const MAX_MODES: usize = 1024;

/// Usual sizes, tried where a device takes any within bounds.
const USUAL: [(u32, u32); 10] = [
    (320, 180),
    (320, 240),
    (640, 360),
    (640, 480),
    (800, 600),
    (1024, 768),
    (1280, 720),
    (1280, 960),
    (1920, 1080),
    (3840, 2160),
];

/// A V4L2 pixel format code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FourCc(pub(crate) [u8; 4]);

impl FourCc {
    pub(crate) fn from_code(code: u32) -> Self {
        Self(code.to_le_bytes())
    }

    pub(crate) fn code(self) -> u32 {
        u32::from_le_bytes(self.0)
    }
}

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.0).map(str::trim_end) {
            // What everybody calls it.
            Ok("MJPG") => f.write_str("MJPEG"),
            Ok(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) => f.write_str(text),
            _ => write!(f, "{:#010x}", self.code()),
        }
    }
}

/// Frames in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) frames: u32,
    pub(crate) seconds: u32,
}

impl Rate {
    pub(crate) fn per_second(self) -> f64 {
        f64::from(self.frames) / f64::from(self.seconds)
    }

    /// `None` for an interval of nothing, or a rate nobody could mean.
    fn of(interval: (u32, u32)) -> Option<Self> {
        let (seconds, frames) = interval;
        let rate = Self { frames, seconds };
        (seconds > 0 && (0.01..=1000.0).contains(&rate.per_second())).then_some(rate)
    }
}

/// ffmpeg reads it back exactly.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.frames.is_multiple_of(self.seconds.max(1)) {
            write!(f, "{}", self.frames / self.seconds.max(1))
        } else {
            write!(f, "{}/{}", self.frames, self.seconds)
        }
    }
}

/// One format in one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) format: FourCc,
    pub(crate) size: Size,
    /// Empty when the device does not say.
    pub(crate) rates: Vec<Rate>,
}

#[cfg(test)]
impl Mode {
    /// MJPEG at 30 frames a second.
    pub(crate) fn example(size: Size) -> Self {
        Self { format: FourCc(*b"MJPG"), size, rates: vec![Rate { frames: 30, seconds: 1 }] }
    }
}

/// All a device offers.
#[derive(Debug)]
pub(crate) struct Offer {
    /// In the device's own order, without repeats.
    pub(crate) formats: Vec<FourCc>,
    pub(crate) modes: Vec<Mode>,
}

/// Asks the device. Where it takes any size within bounds, `wanted` and the usual ones are listed.
pub(crate) fn read(device: &Device, capture: Capture, wanted: &[Size]) -> Offer {
    let mut offer = Offer { formats: Vec::new(), modes: Vec::new() };
    for index in 0..MAX_FORMATS {
        let Ok(code) = device.format(capture, index) else { break };
        let format = FourCc::from_code(code);
        if offer.formats.contains(&format) {
            continue;
        }
        offer.formats.push(format);
        for size in sizes(device, format, wanted) {
            if offer.modes.len() < MAX_MODES {
                offer.modes.push(Mode { format, size, rates: rates(device, format, size) });
            }
        }
    }
    // Some drivers (analogue capture) enumerate no sizes: what is set now is all that is known.
    if offer.modes.is_empty()
        && let Ok((code, size)) = device.current(capture)
        && usable(size)
    {
        offer.modes.push(Mode { format: FourCc::from_code(code), size, rates: Vec::new() });
    }
    offer
}

fn sizes(device: &Device, format: FourCc, wanted: &[Size]) -> Vec<Size> {
    let mut sizes = Vec::new();
    for index in 0..MAX_SIZES {
        match device.size(format.code(), index) {
            Ok(SizeEntry::Discrete(size)) => sizes.push(size),
            // The only entry there is then.
            Ok(SizeEntry::Stepwise { width, height }) => {
                let usual = USUAL.iter().map(|&(width, height)| Size { width, height });
                let ends = [(width.min, height.min), (width.max, height.max)];
                let ends = ends.map(|(width, height)| Size { width, height });
                let fits = |size: &Size| width.takes(size.width) && height.takes(size.height);
                sizes.extend(usual.chain(wanted.iter().copied()).chain(ends).filter(fits));
                break;
            }
            Err(_) => break,
        }
    }
    let mut seen = Vec::new();
    sizes.retain(|size| {
        usable(*size) && !seen.contains(size) && {
            seen.push(*size);
            true
        }
    });
    sizes
}

/// H.264 4:2:0 needs even sides; the bounds are those of the configuration.
fn usable(size: Size) -> bool {
    let good = |n: u32| (16..=8192).contains(&n) && n.is_multiple_of(2);
    good(size.width) && good(size.height)
}

fn rates(device: &Device, format: FourCc, size: Size) -> Vec<Rate> {
    let mut rates = Vec::new();
    for index in 0..MAX_INTERVALS {
        match device.interval(format.code(), size, index) {
            Ok(Interval::Discrete(interval)) => rates.extend(Rate::of(interval)),
            Ok(Interval::Stepwise { shortest, longest }) => {
                let (Some(high), Some(low)) = (Rate::of(shortest), Rate::of(longest)) else { break };
                let within = low.per_second()..=high.per_second();
                let whole = (1..=120).map(|frames| Rate { frames, seconds: 1 });
                rates.extend(whole.filter(|rate| within.contains(&rate.per_second())));
                rates.extend([low, high]);
                break;
            }
            Err(_) => break,
        }
    }
    rates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_are_no_text_survive() {
        for (code, shown) in [
            (*b"MJPG", "MJPEG"),
            (*b"YUYV", "YUYV"),
            (*b"Y16 ", "Y16"),
            ([0; 4], "0x00000000"),
            ([89, 49, 54, 160], "0xa0363159"),
            (*b"\n\0ab", "0x6261000a"),
            (*b"    ", "0x20202020"),
        ] {
            assert_eq!(FourCc(code).to_string(), shown);
            assert_eq!(FourCc::from_code(FourCc(code).code()), FourCc(code));
        }
    }

    #[test]
    fn rates_of_intervals() {
        for (interval, shown) in [
            ((1, 30), "30"),
            ((1001, 30000), "30000/1001"),
            ((333_333, 10_000_000), "10000000/333333"),
            ((2, 1), "1/2"),
        ] {
            assert_eq!(Rate::of(interval).unwrap().to_string(), shown);
        }
        for nonsense in [(0, 30), (1, 0), (0, 0), (1, u32::MAX)] {
            assert_eq!(Rate::of(nonsense), None, "{nonsense:?}");
        }
    }
}
