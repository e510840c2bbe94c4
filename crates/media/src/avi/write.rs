//! The writer's half: a head with numbers that are written again, chunks, and what ends a file.

use super::{BITMAP_BYTES, PICTURE, at};
use crate::{
    ParamSets,
    container::{MARK, Parts, Patch, TRAILER},
    mp4::{MAX_NOTE_BYTES, Sample},
    unit::nals,
};

/// Before each NAL unit (ITU-T H.264 annex B).
pub(super) const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// Rate of a stream that does not tell one, until there are two pictures.
const GUESS_FPS: f64 = 30.0;
/// `AVIF_HASINDEX`.
const HAS_INDEX: u32 = 0x10;

/// A chunk; padded to an even length.
pub(super) fn chunk(kind: [u8; 4], body: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&kind);
    u32s(&[body.len() as u32], out);
    out.extend_from_slice(body);
    if body.len() % 2 == 1 {
        out.push(0);
    }
}

fn u32s(values: &[u32], out: &mut Vec<u8>) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// The beginning of a file of pictures described by `params`, with `mark` in it.
pub(crate) fn init(params: &ParamSets, mark: &[u8]) -> Vec<u8> {
    let (width, height) = (params.info.width, params.info.height);
    let picture_us = (1_000_000.0 / params.info.fps.unwrap_or(GUESS_FPS)).round() as u32;
    let mut avih = Vec::with_capacity(56);
    u32s(&[picture_us, 0, 0, 0, 0, 0, 1, 0, width, height, 0, 0, 0, 0], &mut avih);

    let mut strh = b"vidsH264".to_vec();
    // Flags, priority, initial frames; scale and rate; start, length, buffer; quality, sample size.
    u32s(&[0, 0, 0, picture_us, 1_000_000, 0, 0, 0, u32::MAX, 0], &mut strh);
    for side in [0, 0, width as u16, height as u16] {
        strh.extend_from_slice(&side.to_le_bytes());
    }

    let mut extradata = Vec::new();
    param_sets(params, &mut extradata);
    let mut strf = Vec::with_capacity(BITMAP_BYTES as usize + extradata.len());
    // One plane, 24 bits a pixel by custom.
    u32s(&[BITMAP_BYTES as u32 + extradata.len() as u32, width, height, 1 | 24 << 16], &mut strf);
    strf.extend_from_slice(b"H264");
    u32s(&[width * height * 3, 0, 0, 0, 0], &mut strf);
    strf.extend_from_slice(&extradata);

    let mut strl = b"strl".to_vec();
    chunk(*b"strh", &strh, &mut strl);
    chunk(*b"strf", &strf, &mut strl);
    let mut hdrl = b"hdrl".to_vec();
    chunk(*b"avih", &avih, &mut hdrl);
    chunk(*b"LIST", &strl, &mut hdrl);
    let mut out = b"RIFF\0\0\0\0AVI ".to_vec();
    chunk(*b"LIST", &hdrl, &mut out);
    let mark = &mark[..mark.len().min(MAX_NOTE_BYTES)];
    chunk(*b"JUNK", &[&MARK, mark].concat(), &mut out);
    out.extend_from_slice(b"LIST\x04\0\0\0movi");
    let riff_size = out.len() as u32 - 8;
    out[4..8].copy_from_slice(&riff_size.to_le_bytes());
    out
}

fn param_sets(params: &ParamSets, out: &mut Vec<u8>) {
    for nal in std::iter::once(&params.sps).chain(&params.pps) {
        out.extend_from_slice(&START_CODE);
        out.extend_from_slice(nal);
    }
}

/// One part: a chunk for each picture.
pub(crate) fn chunks(params: &ParamSets, samples: &[Sample]) -> Vec<u8> {
    let data: usize = samples.iter().map(|sample| sample.data.len() + 128).sum();
    let mut out = Vec::with_capacity(data);
    let mut picture = Vec::new();
    for sample in samples {
        picture.clear();
        if sample.key {
            param_sets(params, &mut picture);
        }
        for nal in nals(&sample.data) {
            picture.extend_from_slice(&START_CODE);
            picture.extend_from_slice(&nal);
        }
        chunk(PICTURE, &picture, &mut out);
    }
    out
}

/// The sizes of a file of `len` bytes, and the rate its pictures had so far.
pub(crate) fn progress(head_len: u64, parts: &Parts, len: u64) -> Vec<Patch> {
    let patch = |at, values: &[u32]| {
        let mut bytes = Vec::new();
        u32s(values, &mut bytes);
        Patch { at, bytes }
    };
    let frames = parts.frames as u32;
    let mut patches = vec![
        patch(at::RIFF_SIZE, &[len as u32 - 8]),
        patch(at::FRAMES, &[frames]),
        patch(at::LENGTH, &[frames]),
        // From the word `movi` to the last picture.
        patch(head_len - 8, &[(parts.valid_len - head_len) as u32 + 4]),
    ];
    if parts.frames > 0 && parts.duration_90k > 0 {
        let ticks = parts.frames * 9;
        let picture_us = (parts.duration_90k.saturating_mul(100) + ticks / 2) / ticks;
        let picture_us = u32::try_from(picture_us.max(1)).unwrap_or(u32::MAX);
        patches.push(patch(at::PICTURE_US, &[picture_us]));
        patches.push(patch(at::SCALE, &[picture_us]));
    }
    patches
}

/// There is an index.
pub(super) fn has_index() -> Patch {
    Patch { at: at::FLAGS, bytes: HAS_INDEX.to_le_bytes().to_vec() }
}

/// The last chunk of a file; its size is repeated (big-endian) as its last four bytes.
pub(super) fn trailer(text: &[u8]) -> Vec<u8> {
    let text = &text[..text.len().min(MAX_NOTE_BYTES)];
    let mut body = [&TRAILER, text].concat();
    if body.len() % 2 == 1 {
        // No pad may come behind the size. JSON does not mind a space.
        body.push(b' ');
    }
    let size = body.len() as u32 + 12;
    body.extend_from_slice(&size.to_be_bytes());
    let mut out = Vec::with_capacity(body.len() + 8);
    chunk(*b"JUNK", &body, &mut out);
    out
}
