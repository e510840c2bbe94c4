//! H.264 headers (being built).

/// Which matrix turns the picture's Y'CbCr into RGB (ITU-T H.264 table E-5).
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
}

impl Eq for SpsInfo {}
