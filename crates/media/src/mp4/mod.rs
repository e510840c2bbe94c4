//! Recordings as fragmented MP4 (ISO/IEC 14496-12 section 8.8): a head that says what the pictures are,
//! then parts that are whole in themselves, so that what lies on disk is playable after every one.
//! Each file carries two notes of ours in `uuid` boxes: the mark in its head and the trailer at its end.
//!
//! *Invariant:* bytes in, bytes out; which file they come from is not known here.

#[doc(hidden)]
pub mod fuzzing;
mod ours;
mod read;
mod timeline;
mod write;

pub use fuzzing::fuzz;
pub(crate) use read::read_part;
pub use read::{read_head, read_trailer, scan};
pub use timeline::Timeline;
pub use write::{MAX_NOTE_BYTES, Sample, fragment, init, trailer};
