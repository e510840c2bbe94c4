//! From what a source sends to what the house passes on: parameter sets apart, everything a decoder
//! does not need left out, each NAL unit behind its length.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Malformed, annexb_nals,
    bits::Bits,
    nal_type::{IDR, PPS, SLICES, SPS},
    parse_sps,
};
use crate::ParamSets;

/// Largest picture that is believed: half a second of 100 Mbit/s.
pub const MAX_PICTURE_BYTES: usize = 8 << 20;
/// Most NAL units of one picture: 8 slices a thread are common, 512 nobody makes.
pub const MAX_NALS: usize = 512;
/// Most picture parameter sets kept (their ids go to 255, encoders use a few).
const MAX_PPS: usize = 32;

/// One picture, ready to become a [`crate::Unit`].
#[derive(Debug, Clone)]
pub struct Picture {
    /// An IDR picture.
    pub key: bool,
    /// Its slices, each behind its length (4 bytes, big-endian).
    pub data: Bytes,
    /// The parameter sets in force for it.
    pub params: Arc<ParamSets>,
}

/// Gathers parameter sets and turns packets into pictures.
#[derive(Debug, Default)]
pub struct Assembler {
    sps: Option<Bytes>,
    /// By id, in the order they first came.
    pps: Vec<(u32, Bytes)>,
    params: Option<Arc<ParamSets>>,
    without_params: u64,
}

impl Assembler {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes parameter sets that came apart from the pictures: Annex B or an
    /// `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15 section 5.3.3.1.2). Empty is fine.
    pub fn set_extradata(&mut self, extradata: &[u8]) -> Result<(), Malformed> {
        match extradata.first() {
            None => Ok(()),
            Some(1) => self.avcc_record(extradata),
            Some(_) => annexb_nals(extradata).try_for_each(|nal| self.param_set(nal).map(|_| ())),
        }
    }

    /// One packet in Annex B form. `None`: it holds no picture, or none that can be decoded yet.
    pub fn annexb(&mut self, packet: &[u8]) -> Result<Option<Picture>, Malformed> {
        self.picture(packet.len(), annexb_nals(packet))
    }

    /// Pictures that came before their parameter sets.
    pub fn without_params(&self) -> u64 {
        self.without_params
    }

    fn picture<'a>(
        &mut self,
        size_hint: usize,
        nals: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Option<Picture>, Malformed> {
        if size_hint > MAX_PICTURE_BYTES {
            return Err(Malformed("picture too large"));
        }
        let (mut data, mut key, mut count) = (BytesMut::with_capacity(size_hint + 16), false, 0);
        for nal in nals {
            count += 1;
            if count > MAX_NALS {
                return Err(Malformed("too many NAL units"));
            }
            let kind = nal.first().map_or(0, |head| head & 0x1f);
            if self.param_set(nal)? || !SLICES.contains(&kind) {
                continue;
            }
            key |= kind == IDR;
            data.put_u32(nal.len() as u32);
            data.put_slice(nal);
        }
        if data.is_empty() {
            return Ok(None);
        }
        let Some(params) = self.params() else {
            self.without_params += 1;
            return Ok(None);
        };
        Ok(Some(Picture { key, data: data.freeze(), params }))
    }

    /// Keeps a parameter set; `false` when `nal` is none.
    pub(crate) fn param_set(&mut self, nal: &[u8]) -> Result<bool, Malformed> {
        match nal.first().map(|head| head & 0x1f) {
            Some(SPS) => {
                if self.sps.as_deref() != Some(nal) {
                    parse_sps(nal)?;
                    self.sps = Some(Bytes::copy_from_slice(nal));
                    self.params = None;
                }
            }
            Some(PPS) => {
                let id = Bits::of_nal(nal).ue()?;
                let known = self.pps.iter().position(|(known, _)| *known == id);
                match known {
                    Some(at) if self.pps[at].1 == nal => return Ok(true),
                    Some(at) => self.pps[at].1 = Bytes::copy_from_slice(nal),
                    None if self.pps.len() == MAX_PPS => return Err(Malformed("too many parameter sets")),
                    None => self.pps.push((id, Bytes::copy_from_slice(nal))),
                }
                self.params = None;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// One `Arc` for as long as nothing changes.
    pub(crate) fn params(&mut self) -> Option<Arc<ParamSets>> {
        if self.params.is_none() && !self.pps.is_empty() {
            let sps = self.sps.clone()?;
            let info = parse_sps(&sps).ok()?;
            let pps = self.pps.iter().map(|(_, bytes)| bytes.clone()).collect();
            self.params = Some(Arc::new(ParamSets { sps, pps, info }));
        }
        self.params.clone()
    }

    fn avcc_record(&mut self, record: &[u8]) -> Result<(), Malformed> {
        const SHORT: Malformed = Malformed("configuration record ends early");
        let mut rest = record.get(5..).ok_or(SHORT)?;
        for mask in [0x1f, 0xff] {
            let (count, tail) = rest.split_first().ok_or(SHORT)?;
            rest = tail;
            for _ in 0..count & mask {
                let (length, tail) = rest.split_first_chunk::<2>().ok_or(SHORT)?;
                let length = usize::from(u16::from_be_bytes(*length));
                let (nal, tail) = tail.split_at_checked(length).ok_or(SHORT)?;
                self.param_set(nal)?;
                rest = tail;
            }
        }
        Ok(())
    }
}
