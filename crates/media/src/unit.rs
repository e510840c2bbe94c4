//! The one thing that travels through the house: an access unit of H.264.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use bytes::Bytes;

use crate::h264::{Assembler, SpsInfo};

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

impl ParamSets {
    /// From parameter sets that lie apart from the pictures: an `AVCDecoderConfigurationRecord` or
    /// Annex B. `None` when they are not a whole set.
    pub fn from_extradata(extradata: &[u8]) -> Option<Arc<Self>> {
        let mut assembler = Assembler::new();
        assembler.set_extradata(extradata).ok()?;
        assembler.params()
    }

    /// From NAL units: an SPS and its PPS.
    pub fn from_nals<'a>(nals: impl IntoIterator<Item = &'a [u8]>) -> Option<Arc<Self>> {
        let mut assembler = Assembler::new();
        for nal in nals {
            assembler.param_set(nal).ok()?;
        }
        assembler.params()
    }

    /// The `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15 section 5.3.3.1.2), lengths of four bytes.
    pub fn avcc(&self) -> Vec<u8> {
        let info = &self.info;
        let mut out = vec![1, info.profile_idc, info.constraints, info.level_idc, 0xff, 0xe1];
        let put = |nal: &Bytes, out: &mut Vec<u8>| {
            out.extend_from_slice(&(nal.len() as u16).to_be_bytes());
            out.extend_from_slice(nal);
        };
        put(&self.sps, &mut out);
        // The assembler keeps at most 32.
        out.push(self.pps.len() as u8);
        for pps in &self.pps {
            put(pps, &mut out);
        }
        out
    }

    /// As in RFC 6381, such as `avc1.42c01f`.
    pub fn codec(&self) -> String {
        let info = &self.info;
        format!("avc1.{:02x}{:02x}{:02x}", info.profile_idc, info.constraints, info.level_idc)
    }
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
        nals(&self.data)
    }
}

/// The NAL units of data in the form of [`Unit::data`].
pub(crate) fn nals(data: &Bytes) -> impl Iterator<Item = Bytes> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let head: [u8; 4] = data.get(at..at + 4)?.try_into().ok()?;
        let start = at + 4;
        let end = start.checked_add(u32::from_be_bytes(head) as usize)?;
        if end > data.len() {
            return None;
        }
        at = end;
        Some(data.slice(start..end))
    })
}
