//! H.264 as its headers tell it: NAL units, parameter sets, levels, and the way from what a source
//! sends to the data of a [`crate::Unit`]. No pictures are decoded here.

mod assembler;
mod bits;
#[doc(hidden)]
pub mod fuzzing;
pub mod level;
mod nal;
mod sps;

use std::fmt;

pub use assembler::{Assembler, MAX_NALS, MAX_PICTURE_BYTES, Picture};
pub use fuzzing::fuzz;
pub use nal::{annexb_nals, nal_type};
pub use sps::parse_sps;

/// Input that is not H.264 as the standard has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed H.264: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// Which matrix turns the picture's luma and chroma into RGB (ITU-T H.264 table E-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Matrix {
    /// Not said; by custom BT.601.
    #[default]
    Unspecified,
    /// BT.601 (values 5 and 6).
    Bt601,
    /// BT.709 (value 1).
    Bt709,
}

/// What a sequence parameter set says of its pictures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpsInfo {
    /// `profile_idc`; 66 is baseline.
    pub profile_idc: u8,
    /// The constraint flags byte after it.
    pub constraints: u8,
    /// Ten times the level; 31 is level 3.1.
    pub level_idc: u8,
    /// Width after cropping, in pixels.
    pub width: u32,
    /// Height after cropping, in pixels.
    pub height: u32,
    /// Frames a second by the VUI's timing, when it says one.
    pub fps: Option<f64>,
    /// Samples span 0 to 255 instead of 16 to 235.
    pub full_range: bool,
    /// Colour matrix by the VUI.
    pub matrix: Matrix,
    /// How many pictures may come before one that is shown earlier: 0 means no B-frames.
    pub reorder_frames: u8,
    /// The stream says itself that it has B-frames; one that only might does not.
    pub tells_reordering: bool,
}

// `fps` is never NaN: it is a quotient of two numbers above zero, checked against a range.
impl Eq for SpsInfo {}
