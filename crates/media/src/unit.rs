//! The one thing that travels through the house: an access unit of H.264.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use bytes::Bytes;

use crate::h264::SpsInfo;

/// Ticks a second of every media time in the house (RFC 6184 section 5.1 fixes it for RTP).
pub const CLOCK_HZ: i64 = 90_000;

/// The parameter sets a decoder needs, and what they say. Two units of one configuration share one
/// `Arc`; a change of picture size or coding shows as another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamSets {
    /// Sequence parameter set: one NAL unit without start code.
    pub sps: Bytes,
    /// Picture parameter sets: NAL units without start code, at least one.
    pub pps: Vec<Bytes>,
    /// What the SPS says.
    pub info: SpsInfo,
}

/// One access unit: all slices of one picture.
#[derive(Debug, Clone)]
pub struct Unit {
    /// When to show it, in 1/90,000 s on the path's own clock. Never wraps; goes on over a restart of
    /// the source. With B-frames, units come in decoding order and this is not monotonic.
    pub pts_90k: i64,
    /// An IDR picture: decoding can begin here.
    pub key: bool,
    /// NAL units, each behind its length as 4 bytes big-endian (ISO/IEC 14496-15 section 5.3.3.1), so
    /// that it is an MP4 sample as it stands. No parameter sets and no access unit delimiters.
    pub data: Bytes,
    /// The parameter sets in force for this picture.
    pub params: Arc<ParamSets>,
    /// Wall clock when its last byte reached us.
    pub captured: SystemTime,
    /// Monotonic clock when its last byte reached us.
    pub arrived: Instant,
}

impl Unit {
    /// The NAL units without their lengths, in order. Stops quietly at a length that does not fit:
    /// [`crate::h264`] never makes one.
    pub fn nals(&self) -> impl Iterator<Item = Bytes> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let head: [u8; 4] = self.data.get(at..at + 4)?.try_into().ok()?;
            let start = at + 4;
            let end = start.checked_add(u32::from_be_bytes(head) as usize)?;
            if end > self.data.len() {
                return None;
            }
            at = end;
            Some(self.data.slice(start..end))
        })
    }
}
