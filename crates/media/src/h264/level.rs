//! Levels: what a decoder of each is promised (ITU-T H.264 table A-1).

use std::fmt;

/// One row of table A-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Ten times the level; level 1b is left out (it needs a flag, and nobody wants it).
    pub idc: u8,
    /// Macroblocks a second.
    pub max_mbs_per_s: u32,
    /// Macroblocks a frame.
    pub max_frame_mbs: u32,
    /// Macroblocks in the decoded picture buffer.
    pub max_dpb_mbs: u32,
    /// 1,000 bits a second, for Baseline, Main and Extended.
    pub max_kbps: u32,
}

#[rustfmt::skip]
const TABLE: [Level; 19] = [
    row(10, 1_485, 99, 396, 64),
    row(11, 3_000, 396, 900, 192),
    row(12, 6_000, 396, 2_376, 384),
    row(13, 11_880, 396, 2_376, 768),
    row(20, 11_880, 396, 2_376, 2_000),
    row(21, 19_800, 792, 4_752, 4_000),
    row(22, 20_250, 1_620, 8_100, 4_000),
    row(30, 40_500, 1_620, 8_100, 10_000),
    row(31, 108_000, 3_600, 18_000, 14_000),
    row(32, 216_000, 5_120, 20_480, 20_000),
    row(40, 245_760, 8_192, 32_768, 20_000),
    row(41, 245_760, 8_192, 32_768, 50_000),
    row(42, 522_240, 8_704, 34_816, 50_000),
    row(50, 589_824, 22_080, 110_400, 135_000),
    row(51, 983_040, 36_864, 184_320, 240_000),
    row(52, 2_073_600, 36_864, 184_320, 240_000),
    row(60, 4_177_920, 139_264, 696_320, 240_000),
    row(61, 8_355_840, 139_264, 696_320, 480_000),
    row(62, 16_711_680, 139_264, 696_320, 800_000),
];

const fn row(idc: u8, max_mbs_per_s: u32, max_frame_mbs: u32, max_dpb_mbs: u32, max_kbps: u32) -> Level {
    Level { idc, max_mbs_per_s, max_frame_mbs, max_dpb_mbs, max_kbps }
}

impl Level {
    /// The level written as `3.0` or `4.1`.
    pub fn by_name(name: &str) -> Option<Self> {
        TABLE.into_iter().find(|level| level.to_string() == name)
    }

    /// May pictures of this size, rate and bit rate be called this level?
    pub fn fits(self, width: u32, height: u32, fps: f64, bitrate_bps: u64) -> bool {
        let (wide, high) = (u64::from(width.div_ceil(16)), u64::from(height.div_ceil(16)));
        let frame_mbs = wide * high;
        // A.3.1: neither side may exceed the square root of eight times the frame's limit.
        let max_side_squared = u64::from(self.max_frame_mbs) * 8;
        frame_mbs <= u64::from(self.max_frame_mbs)
            && wide * wide <= max_side_squared
            && high * high <= max_side_squared
            && frame_mbs as f64 * fps <= f64::from(self.max_mbs_per_s)
            && bitrate_bps <= u64::from(self.max_kbps) * 1000
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.idc / 10, self.idc % 10)
    }
}

/// The lowest level that fits.
pub fn lowest(width: u32, height: u32, fps: f64, bitrate_bps: u64) -> Option<Level> {
    TABLE.into_iter().find(|level| level.fits(width, height, fps, bitrate_bps))
}

/// The largest size of the same shape that fits `level`; sides are even.
pub fn largest_fitting(level: Level, width: u32, height: u32, fps: f64) -> Option<(u32, u32)> {
    (16..=width).rev().filter(|w| w % 2 == 0).find_map(|w| {
        let h = (u64::from(w) * u64::from(height) / u64::from(width.max(1))) as u32 & !1;
        (h >= 16 && level.fits(w, h, fps, 0)).then_some((w, h))
    })
}

/// Frames that fit the decoded picture buffer (A.3.1 h); for an unknown level as many as any may.
pub(super) fn max_dpb_frames(level_idc: u8, frame_mbs: u32) -> u32 {
    let level = TABLE.iter().find(|level| level.idc == level_idc);
    level.map_or(16, |level| level.max_dpb_mbs / frame_mbs.max(1)).min(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_s_examples() {
        let level = |name| Level::by_name(name).unwrap();
        assert!(level("3.0").fits(720, 576, 25.0, 600_000));
        assert!(level("3.0").fits(640, 360, 30.0, 600_000));
        assert!(!level("3.0").fits(1280, 720, 5.0, 600_000));
        assert_eq!(lowest(1280, 720, 30.0, 600_000), Some(level("3.1")));
        assert_eq!(lowest(1280, 720, 60.0, 600_000), Some(level("3.2")));
        assert_eq!(lowest(1920, 1080, 30.0, 4_000_000), Some(level("4.0")));
        assert_eq!(lowest(1920, 1080, 60.0, 4_000_000), Some(level("4.2")));
        assert_eq!(lowest(640, 360, 15.0, 600_000_000), Some(level("6.2")));
        assert_eq!(lowest(8192, 8192, 300.0, 0), None);
        assert_eq!(Level::by_name("3"), None);
    }

    #[test]
    fn scaling_keeps_the_shape() {
        let level = Level::by_name("3.0").unwrap();
        let (width, height) = largest_fitting(level, 1280, 720, 15.0).unwrap();
        assert!(level.fits(width, height, 15.0, 0) && width % 2 == 0 && height % 2 == 0);
        assert!((f64::from(width) / f64::from(height) - 16.0 / 9.0).abs() < 0.02, "{width}x{height}");
        assert!(width >= 840, "{width}");
        assert_eq!(largest_fitting(level, 640, 360, 15.0), Some((640, 360)));
    }
}
