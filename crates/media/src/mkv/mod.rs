//! Recordings as Matroska (RFC 9559 over EBML, RFC 8794): a Segment whose length is unknown until it
//! ends, one Cluster a part. The mark and the trailer lie in Void elements: every reader skips those.
//!
//! *Invariant:* bytes in, bytes out; which file they come from is not known here.

mod read;
mod write;

pub(crate) use read::{close, read_head, read_part, read_trailer, scan};
pub(crate) use write::{cluster, init, progress};

/// Ids of the elements we write (RFC 8794 section 11.3, RFC 9559 section 5.1), with their length marker.
mod id {
    pub(super) const EBML: u32 = 0x1a45_dfa3;
    pub(super) const VOID: u32 = 0xec;
    pub(super) const SEGMENT: u32 = 0x1853_8067;
    pub(super) const SEEK_HEAD: u32 = 0x114d_9b74;
    pub(super) const INFO: u32 = 0x1549_a966;
    pub(super) const TRACKS: u32 = 0x1654_ae6b;
    pub(super) const TRACK_ENTRY: u32 = 0xae;
    pub(super) const CODEC_PRIVATE: u32 = 0x63a2;
    pub(super) const CLUSTER: u32 = 0x1f43_b675;
    pub(super) const TIMESTAMP: u32 = 0xe7;
    pub(super) const SIMPLE_BLOCK: u32 = 0xa3;
    pub(super) const CUES: u32 = 0x1c53_bb6b;
}

/// Ticks of 1/90,000 s in a millisecond, the unit of all times in the file.
const TICKS_PER_MS: i64 = 90;
/// In a `SimpleBlock`'s flags: this picture is a key frame (RFC 9559 section 10.2).
const KEY: u8 = 0x80;

/// Any file, for the fuzzers.
///
/// # Panics
/// When an invariant breaks.
pub fn fuzz(data: &[u8]) {
    crate::container::fuzz(crate::Container::Mkv, data);
}
