//! Recordings as AVI (RIFF): H.264 in Annex B form, parameter sets before every key frame. The container
//! knows no times, only a rate: each file has the rate that its pictures had on average. The mark and the
//! trailer lie in `JUNK` chunks: every reader skips those.
//!
//! *Invariant:* bytes in, bytes out; which file they come from is not known here.

mod read;
mod write;

pub(crate) use read::{close, read_head, read_part, read_trailer, scan};
pub(crate) use write::{chunks, init, progress};

/// With so many bytes it is time for another file.
pub(crate) const FULL_BYTES: u64 = 1_000_000_000;
/// With so many pictures, too: the index has 16 bytes for each.
pub(crate) const FULL_FRAMES: u64 = 500_000;
/// No file grows beyond: sizes of 31 bits are what players believe.
pub(crate) const MAX_BYTES: u64 = 2_000_000_000;
/// As many bytes for an index are left.
pub(crate) const MAX_FRAMES: u64 = 1_000_000;

/// Id of a chunk with a picture: stream 0, compressed.
const PICTURE: [u8; 4] = *b"00dc";
/// Where the head has what is written again later; it begins alike in every file.
mod at {
    pub(super) const RIFF_SIZE: u64 = 4;
    pub(super) const HDRL_SIZE: u64 = 16;
    pub(super) const AVIH: u64 = 24;
    pub(super) const PICTURE_US: u64 = 32;
    pub(super) const FLAGS: u64 = 44;
    pub(super) const FRAMES: u64 = 48;
    pub(super) const STRL: u64 = 88;
    pub(super) const STRH: u64 = 100;
    pub(super) const SCALE: u64 = 128;
    pub(super) const LENGTH: u64 = 140;
    pub(super) const STRF: u64 = 164;
}
/// Bytes of a `BITMAPINFOHEADER`.
const BITMAP_BYTES: u64 = 40;

/// When picture `index` is shown, on the file's clock.
pub(crate) fn time_90k(index: u64, picture_us: u32) -> i64 {
    let us = u128::from(index) * u128::from(picture_us);
    i64::try_from(us * 9 / 100).unwrap_or(i64::MAX)
}

/// Any file, for the fuzzers.
///
/// # Panics
/// When an invariant breaks.
pub fn fuzz(data: &[u8]) {
    crate::container::fuzz(crate::Container::Avi, data);
}
