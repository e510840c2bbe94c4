//! From access units, or from what a camera lays into memory, to a picture, and from a picture to a JPEG or PNG file
//! in memory.
//!
//! The decoder and both encoders live here, with the colour arithmetic between them; when to take a
//! picture, where to put the file and what it is called does not.

mod color;
mod decode;
mod jpeg;
mod mjpeg;
mod plane;
mod png;
mod size;
mod still;

pub use decode::Decoder;
pub use mjpeg::to_file as jpeg_to_file;
pub use size::size_in;
pub use still::{Pixels, Still};

use std::fmt;

use crate::h264::Matrix;
use plane::Plane;

/// Smallest and largest side of a picture file, in pixels.
pub const SIDES: std::ops::RangeInclusive<u32> = 16..=8192;

/// Longest mark in bytes: it must end within the first 4 KiB of the file, where it is looked for.
const MARK_MAX_BYTES: usize = 1024;

/// Why there is no picture. The text of each may be shown to anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// No unit of the list is a key frame, so decoding can begin nowhere.
    NoKeyFrame,
    /// The pictures are larger than the decoder takes.
    TooLarge,
    /// Not one picture could be decoded; the decoder's own words.
    Decode(String),
    /// The picture could not be encoded; the encoder's own words.
    Encode(String),
    /// The caller asked for something outside what is documented.
    Invalid(&'static str),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKeyFrame => f.write_str("no key frame yet"),
            Self::TooLarge => f.write_str("the pictures are too large to decode"),
            Self::Decode(why) => write!(f, "no picture could be decoded: {why}"),
            Self::Encode(why) => write!(f, "the picture could not be encoded: {why}"),
            Self::Invalid(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Failed {}

/// One decoded picture: planar `Y'CbCr` 4:2:0, 8 bits a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// Samples span 0 to 255 instead of 16 to 235.
    pub full_range: bool,
    /// Which matrix the colours are coded with.
    pub matrix: Matrix,
    /// Which unit of the list given to [`Decoder::newest`] it shows.
    pub index: usize,
    y: Plane,
    u: Plane,
    v: Plane,
}

impl Frame {
    /// A baseline JPEG/JFIF file (4:2:0) with the comment `camera-service {mark}`. `quality` is 1 to
    /// 100; `size` is the wanted width and height, both within [`SIDES`]; `mark` is at most 1,024
    /// bytes of printable ASCII.
    pub fn to_jpeg(&self, quality: u8, size: Option<(u32, u32)>, mark: &str) -> Result<Vec<u8>, Failed> {
        let comment = comment(mark)?;
        match self.resized(size)? {
            Some(frame) => jpeg::encode(&frame, quality, &comment),
            None => jpeg::encode(self, quality, &comment),
        }
    }

    /// An 8-bit RGB PNG file with the text chunk `Comment`: `camera-service {mark}`. `size` and `mark`
    /// as for [`Self::to_jpeg`].
    pub fn to_png(&self, size: Option<(u32, u32)>, mark: &str) -> Result<Vec<u8>, Failed> {
        let comment = comment(mark)?;
        match self.resized(size)? {
            Some(frame) => png::encode(&frame, comment),
            None => png::encode(self, comment),
        }
    }

    /// Turned clockwise by so many quarters.
    pub fn turned(self, quarters: u8) -> Self {
        let (width, height) =
            if quarters % 2 == 1 { (self.height, self.width) } else { (self.width, self.height) };
        let [y, u, v] = [&self.y, &self.u, &self.v].map(|plane| plane.turned(quarters));
        Self { width, height, y, u, v, ..self }
    }

    /// `None` when it has that size already.
    fn resized(&self, size: Option<(u32, u32)>) -> Result<Option<Self>, Failed> {
        let Some((width, height)) = size else { return Ok(None) };
        if !(SIDES.contains(&width) && SIDES.contains(&height)) {
            return Err(Failed::Invalid("width and height must be 16 to 8192"));
        }
        if (width, height) == (self.width, self.height) {
            return Ok(None);
        }
        let (chroma_width, chroma_height) = chroma(width as usize, height as usize);
        Ok(Some(Self {
            width,
            height,
            y: self.y.resized(width as usize, height as usize),
            u: self.u.resized(chroma_width, chroma_height),
            v: self.v.resized(chroma_width, chroma_height),
            ..*self
        }))
    }
}

/// The size a picture of `width` × `height` should get: as wanted, with one side given the other
/// follows the picture's shape, with none it stays. Always within [`SIDES`].
pub fn fit(width: u32, height: u32, want_w: Option<u32>, want_h: Option<u32>) -> (u32, u32) {
    let follow = |want: u32, of: u32, other: u32| {
        let exact = u64::from(want) * u64::from(other);
        let of = u64::from(of.max(1));
        u32::try_from((exact + of / 2) / of).unwrap_or(u32::MAX)
    };
    let (w, h) = match (want_w, want_h) {
        (Some(w), Some(h)) => (w, h),
        (Some(w), None) => (w, follow(w, width, height)),
        (None, Some(h)) => (follow(h, height, width), h),
        (None, None) => (width, height),
    };
    (w.clamp(*SIDES.start(), *SIDES.end()), h.clamp(*SIDES.start(), *SIDES.end()))
}

/// Size of a chroma plane of a 4:2:0 picture.
fn chroma(width: usize, height: usize) -> (usize, usize) {
    (width.div_ceil(2), height.div_ceil(2))
}

fn comment(mark: &str) -> Result<String, Failed> {
    if mark.len() > MARK_MAX_BYTES || !mark.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Err(Failed::Invalid("a mark is at most 1024 bytes of printable ASCII"));
    }
    Ok(format!("camera-service {mark}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_side_follows_the_shape() {
        for (size, want, got) in [
            ((640, 360), (None, None), (640, 360)),
            ((640, 360), (Some(320), None), (320, 180)),
            ((640, 360), (None, Some(720)), (1280, 720)),
            ((640, 360), (Some(100), Some(100)), (100, 100)),
            ((1280, 720), (Some(100), None), (100, 56)),
            ((640, 360), (Some(16), None), (16, 16)),
            ((16, 8192), (Some(8192), None), (8192, 8192)),
            ((0, 0), (Some(u32::MAX), None), (8192, 16)),
        ] {
            assert_eq!(fit(size.0, size.1, want.0, want.1), got, "{size:?} {want:?}");
        }
    }

    #[test]
    fn nonsense_is_refused_not_panicked_on() {
        let grey = |w: usize, h: usize| Plane::new(w, h, vec![128; w * h]).unwrap();
        let frame = Frame {
            width: 17,
            height: 19,
            full_range: false,
            matrix: Matrix::Unspecified,
            index: 0,
            y: grey(17, 19),
            u: grey(9, 10),
            v: grey(9, 10),
        };
        for size in [(0, 0), (15, 16), (16, 8193), (u32::MAX, 16)] {
            assert!(matches!(frame.to_jpeg(80, Some(size), ""), Err(Failed::Invalid(_))), "{size:?}");
        }
        for mark in ["new\nline", "é", &"x".repeat(1025)] {
            assert!(matches!(frame.to_png(None, mark), Err(Failed::Invalid(_))), "{mark}");
        }
        for quality in [0, 101, 255] {
            assert!(matches!(frame.to_jpeg(quality, None, ""), Err(Failed::Invalid(_))), "{quality}");
        }
        // Odd sizes do not come from H.264 4:2:0, but must not panic.
        for size in [None, Some((33, 16)), Some((16, 8191))] {
            assert!(frame.to_jpeg(1, size, "m").is_ok());
            assert!(frame.to_png(size, "m").is_ok());
        }
    }
}
