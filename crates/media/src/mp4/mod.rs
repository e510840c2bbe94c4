//! Recordings as fragmented MP4 (ISO/IEC 14496-12 section 8.8): a head that says what the pictures are,
//! then parts that are whole in themselves, so that what lies on disk is playable after every one.
//! Each file carries two notes of ours in `uuid` boxes: the mark in its head and the trailer at its end.
//!
//! *Invariant:* bytes in, bytes out; which file they come from is not known here.

#[doc(hidden)]
pub mod fuzzing;
mod read;
mod timeline;
mod write;

pub use fuzzing::fuzz;
pub use read::{Head, Parts, read_head, read_trailer, scan};
pub use timeline::Timeline;
pub use write::{MAX_NOTE_BYTES, Sample, fragment, init, trailer};

/// Extended type (ISO/IEC 14496-12 section 11.1) of the mark behind `ftyp`; random, ours.
const MARK: [u8; 16] =
    [0x7e, 0x1f, 0x5c, 0x0a, 0x93, 0x4b, 0x4d, 0x2e, 0x8f, 0x60, 0x21, 0xd4, 0xb7, 0x6c, 0x55, 0x01];
/// Extended type of the trailer, the last box of a file that was ended.
const TRAILER: [u8; 16] =
    [0x7e, 0x1f, 0x5c, 0x0a, 0x93, 0x4b, 0x4d, 0x2e, 0x8f, 0x60, 0x21, 0xd4, 0xb7, 0x6c, 0x55, 0x02];
