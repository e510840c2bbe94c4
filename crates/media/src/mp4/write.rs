//! The writer's half: a head, then parts, then a trailer.

use bytes::Bytes;
use mp4_atom::{
    Avc1, Avcc, Codec, Dinf, Dref, DrefEntry, Encode, FourCC, Ftyp, Hdlr, Mdhd, Mdia, Mfhd, Minf, Moof, Moov,
    Mvex, Mvhd, Stbl, Stco, Stsd, Tfdt, Tfhd, Tkhd, Traf, Trak, Trex, Trun, TrunEntry, TrunSamples, Url,
    Visual, Vmhd,
};

use crate::{
    CLOCK_HZ, ParamSets,
    container::{MARK, TRAILER},
};

/// Largest mark or trailer text. Ours are about 150 bytes.
pub const MAX_NOTE_BYTES: usize = 4096;

/// Sample flags of a picture that needs no other (ISO/IEC 14496-12 section 8.8.3.1: `sample_depends_on` 2).
const KEY_FLAGS: u32 = 0x0200_0000;
/// Sample flags of any other picture (`sample_depends_on` 1, `sample_is_non_sync_sample`).
const DELTA_FLAGS: u32 = 0x0101_0000;

/// One picture of a part.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Decoding time in 1/90,000 s since the beginning of the file; not negative.
    pub dts_90k: i64,
    /// Until the next picture is decoded.
    pub duration_90k: u32,
    /// From decoding to showing.
    pub cts_90k: i32,
    /// Decoding can begin here.
    pub key: bool,
    /// NAL units behind their lengths: [`crate::Unit::data`].
    pub data: Bytes,
}

/// The beginning of a file of pictures described by `params`, with `mark` in it (cut at
/// [`MAX_NOTE_BYTES`]).
pub fn init(params: &ParamSets, mark: &[u8]) -> Vec<u8> {
    let ftyp = Ftyp {
        major_brand: FourCC::new(b"iso5"),
        minor_version: 512,
        compatible_brands: [b"iso5", b"iso6", b"mp41", b"avc1"].map(FourCC::new).into(),
    };
    let mut out = Vec::with_capacity(1024 + mark.len());
    encode(&ftyp, &mut out);
    note(&MARK, mark, false, &mut out);
    encode(&moov(params), &mut out);
    out
}

fn moov(params: &ParamSets) -> Moov {
    // H.264 pictures are at most 8,192 pixels wide at level 6.2; the parser keeps larger ones out.
    let (width, height) = (params.info.width as u16, params.info.height as u16);
    let avc1 = Avc1 {
        visual: Visual { data_reference_index: 1, width, height, ..Default::default() },
        avcc: Avcc {
            configuration_version: 1,
            avc_profile_indication: params.info.profile_idc,
            profile_compatibility: params.info.constraints,
            avc_level_indication: params.info.level_idc,
            length_size: 4,
            sequence_parameter_sets: vec![params.sps.to_vec()],
            picture_parameter_sets: params.pps.iter().map(|pps| pps.to_vec()).collect(),
            ext: None,
        },
        ..Default::default()
    };
    let stbl = Stbl {
        stsd: Stsd { codecs: vec![Codec::from(avc1)] },
        stco: Some(Stco::default()),
        ..Default::default()
    };
    let minf = Minf {
        vmhd: Some(Vmhd::default()),
        dinf: Dinf { dref: Dref { entries: vec![DrefEntry::Url(Url::default())] } },
        stbl,
        ..Default::default()
    };
    let mdia = Mdia {
        mdhd: Mdhd { timescale: CLOCK_HZ as u32, language: "und".into(), ..Default::default() },
        hdlr: Hdlr { handler: FourCC::new(b"vide"), name: "video".into() },
        minf,
    };
    let tkhd = Tkhd {
        track_id: 1,
        enabled: true,
        in_movie: true,
        width: width.into(),
        height: height.into(),
        ..Default::default()
    };
    Moov {
        mvhd: Mvhd {
            timescale: CLOCK_HZ as u32,
            rate: 1.into(),
            volume: 1.into(),
            next_track_id: 2,
            ..Default::default()
        },
        mvex: Some(Mvex {
            mehd: None,
            trex: vec![Trex { track_id: 1, default_sample_description_index: 1, ..Default::default() }],
        }),
        trak: vec![Trak { tkhd, mdia, ..Default::default() }],
        ..Default::default()
    }
}

/// One part: `moof` and `mdat`. `sequence` counts from 1.
pub fn fragment(sequence: u32, samples: &[Sample]) -> Vec<u8> {
    let moof = |data_offset: i32| Moof {
        mfhd: Mfhd { sequence_number: sequence },
        traf: vec![Traf {
            tfhd: Tfhd { track_id: 1, default_base_is_moof: true, ..Default::default() },
            tfdt: Some(Tfdt {
                base_media_decode_time: samples.first().map_or(0, |first| first.dts_90k.max(0) as u64),
            }),
            trun: vec![Trun {
                data_offset: Some(data_offset),
                samples: TrunSamples::Explicit(samples.iter().map(entry).collect()),
            }],
            ..Default::default()
        }],
    };
    let data: usize = samples.iter().map(|sample| sample.data.len()).sum();
    let mut out = Vec::with_capacity(256 + samples.len() * 16 + data);
    // The offset stands in the box whose length it counts: once to learn the length, once for good.
    encode(&moof(0), &mut out);
    let data_offset = out.len() as i32 + 8;
    out.clear();
    encode(&moof(data_offset), &mut out);
    out.extend_from_slice(&(data as u32 + 8).to_be_bytes());
    out.extend_from_slice(b"mdat");
    for sample in samples {
        out.extend_from_slice(&sample.data);
    }
    out
}

fn entry(sample: &Sample) -> TrunEntry {
    TrunEntry {
        duration: Some(sample.duration_90k),
        size: Some(sample.data.len() as u32),
        flags: Some(if sample.key { KEY_FLAGS } else { DELTA_FLAGS }),
        cts: Some(sample.cts_90k.into()),
    }
}

/// The last box of a file: `text` (cut at [`MAX_NOTE_BYTES`]), found again from the file's end.
pub fn trailer(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + text.len());
    note(&TRAILER, text, true, &mut out);
    out
}

/// A `uuid` box; `sized` repeats its size as the last four bytes, as `mfro` does.
fn note(kind: &[u8; 16], text: &[u8], sized: bool, out: &mut Vec<u8>) {
    let text = &text[..text.len().min(MAX_NOTE_BYTES)];
    let size = (24 + text.len() + if sized { 4 } else { 0 }) as u32;
    out.extend_from_slice(&size.to_be_bytes());
    out.extend_from_slice(b"uuid");
    out.extend_from_slice(kind);
    out.extend_from_slice(text);
    if sized {
        out.extend_from_slice(&size.to_be_bytes());
    }
}

fn encode(atom: &impl Encode, out: &mut Vec<u8>) {
    atom.encode(out).expect("a box built here has no field out of its range, and memory takes it");
}
