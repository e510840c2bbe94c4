//! The writer's half: a head with room for what is known only later, Clusters, and what ends a file.

use super::{KEY, TICKS_PER_MS, id};
use crate::{
    ParamSets,
    container::{MARK, Parts, Patch, TRAILER},
    mp4::{MAX_NOTE_BYTES, Sample},
};

/// A size of eight bytes that says: not known yet (RFC 8794 section 6.2).
const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/// Bytes of a `SeekHead` that names the Cues.
const SEEK_HEAD_BYTES: usize = 26;

/// Where the head has what is written again later. The head begins alike in every file.
pub(super) struct Places {
    /// The Segment's size, eight bytes.
    pub(super) segment_size: u64,
    /// Positions in the Segment count from here.
    pub(super) segment: u64,
    /// Room for a `SeekHead`, up to Info.
    pub(super) seek_head: u64,
    pub(super) info: u64,
    /// Room for Duration, of [`DURATION_BYTES`].
    pub(super) duration: u64,
}

/// Bytes of a Duration.
pub(super) const DURATION_BYTES: u64 = 11;

/// An element.
pub(super) fn element(id: u32, body: &[u8], out: &mut Vec<u8>) {
    let bytes = id.to_be_bytes();
    out.extend_from_slice(&bytes[id.leading_zeros() as usize / 8..]);
    size(body.len() as u64, out);
    out.extend_from_slice(body);
}

/// A size in one, four or eight bytes; all ones is kept for "unknown".
fn size(size: u64, out: &mut Vec<u8>) {
    if size < 0x7f {
        out.push(0x80 | size as u8);
    } else if size < 0x0fff_ffff {
        out.extend_from_slice(&(0x1000_0000 | size as u32).to_be_bytes());
    } else {
        out.extend_from_slice(&long_size(size));
    }
}

/// A size in eight bytes, for what is written again.
pub(super) fn long_size(size: u64) -> [u8; 8] {
    (1 << 56 | size).to_be_bytes()
}

fn uint(id: u32, value: u64, out: &mut Vec<u8>) {
    let bytes = value.to_be_bytes();
    element(id, &bytes[(value.leading_zeros() as usize / 8).min(7)..], out);
}

fn master(id: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    fill(&mut body);
    element(id, &body, out);
}

/// EBML header, Segment, room for a `SeekHead`, Info.
fn opening() -> (Vec<u8>, Places) {
    let mut out = Vec::with_capacity(1024);
    master(id::EBML, &mut out, |body| {
        uint(0x4286, 1, body); // EBMLVersion
        uint(0x42f7, 1, body); // EBMLReadVersion
        uint(0x42f2, 4, body); // EBMLMaxIDLength
        uint(0x42f3, 8, body); // EBMLMaxSizeLength
        element(0x4282, b"matroska", body);
        uint(0x4287, 4, body); // DocTypeVersion
        uint(0x4285, 2, body); // DocTypeReadVersion: SimpleBlock
    });
    out.extend_from_slice(&id::SEGMENT.to_be_bytes());
    let segment_size = out.len() as u64;
    out.extend_from_slice(&UNKNOWN_SIZE);
    let segment = out.len() as u64;
    element(id::VOID, &[0; SEEK_HEAD_BYTES - 2], &mut out);
    let mut duration_in_info = 0;
    master(id::INFO, &mut out, |body| {
        uint(0x2a_d7b1, 1_000_000, body); // TimestampScale: a tick is a millisecond
        duration_in_info = body.len() as u64;
        // Room for Duration, which must not be zero (RFC 9559 section 5.1.2.10).
        element(id::VOID, &[0; 9], body);
        element(0x4d80, b"camera-service", body); // MuxingApp
        element(0x5741, b"camera-service", body); // WritingApp
    });
    // Four bytes of id, one of size: the body is short.
    let info = segment + SEEK_HEAD_BYTES as u64;
    let duration = info + 5 + duration_in_info;
    (out, Places { segment_size, segment, seek_head: segment, info, duration })
}

pub(super) fn places() -> Places {
    opening().1
}

/// The beginning of a file of pictures described by `params`, with `mark` in it.
pub(crate) fn init(params: &ParamSets, mark: &[u8]) -> Vec<u8> {
    let (mut out, _) = opening();
    let mark = &mark[..mark.len().min(MAX_NOTE_BYTES)];
    element(id::VOID, &[&MARK, mark].concat(), &mut out);
    master(id::TRACKS, &mut out, |tracks| {
        master(id::TRACK_ENTRY, tracks, |entry| {
            uint(0xd7, 1, entry); // TrackNumber
            uint(0x73c5, 1, entry); // TrackUID
            uint(0x83, 1, entry); // TrackType: video
            uint(0x9c, 0, entry); // FlagLacing
            element(0x86, b"V_MPEG4/ISO/AVC", entry); // CodecID
            element(id::CODEC_PRIVATE, &params.avcc(), entry);
            master(0xe0, entry, |video| {
                uint(0xb0, params.info.width.into(), video);
                uint(0xba, params.info.height.into(), video);
            });
        });
    });
    out
}

/// One part: a Cluster of `SimpleBlocks`.
pub(crate) fn cluster(samples: &[Sample]) -> Vec<u8> {
    let time_ms = |sample: &Sample| {
        let pts_90k = sample.dts_90k.saturating_add(sample.cts_90k.into()).max(0);
        (pts_90k + TICKS_PER_MS / 2) / TICKS_PER_MS
    };
    let first_ms = samples.iter().map(time_ms).min().unwrap_or_default();
    let data: usize = samples.iter().map(|sample| sample.data.len() + 16).sum();
    let mut body = Vec::with_capacity(data + 16);
    element(id::TIMESTAMP, &(first_ms as u64).to_be_bytes(), &mut body);
    for sample in samples {
        // A part spans a second: 16 bits of milliseconds are enough.
        let relative_ms = i16::try_from(time_ms(sample) - first_ms).unwrap_or(i16::MAX).to_be_bytes();
        body.push(id::SIMPLE_BLOCK as u8);
        size(sample.data.len() as u64 + 4, &mut body);
        // Track 1 as an EBML number, time, flags.
        body.extend_from_slice(&[0x81, relative_ms[0], relative_ms[1], if sample.key { KEY } else { 0 }]);
        body.extend_from_slice(&sample.data);
    }
    let mut out = Vec::with_capacity(body.len() + 12);
    out.extend_from_slice(&id::CLUSTER.to_be_bytes());
    out.extend_from_slice(&long_size(body.len() as u64));
    out.extend_from_slice(&body);
    out
}

/// The Duration as far as it is known.
pub(crate) fn progress(parts: &Parts) -> Vec<Patch> {
    if parts.duration_90k == 0 {
        return Vec::new();
    }
    let mut bytes = Vec::new();
    let duration_ms = parts.duration_90k as f64 / TICKS_PER_MS as f64;
    element(0x4489, &duration_ms.to_be_bytes(), &mut bytes);
    vec![Patch { at: places().duration, bytes }]
}

/// One line of the index: time, and position in the Segment.
pub(super) fn cue_point(time_ms: u64, position: u64, out: &mut Vec<u8>) {
    master(0xbb, out, |point| {
        uint(0xb3, time_ms, point); // CueTime
        master(0xb7, point, |positions| {
            uint(0xf7, 1, positions); // CueTrack
            uint(0xf1, position, positions); // CueClusterPosition
        });
    });
}

/// Where the Cues lie, in the room that was left for it.
pub(super) fn seek_head(cues: u64) -> Patch {
    let mut bytes = Vec::new();
    master(id::SEEK_HEAD, &mut bytes, |head| {
        master(0x4dbb, head, |seek| {
            element(0x53ab, &id::CUES.to_be_bytes(), seek); // SeekID
            element(0x53ac, &cues.to_be_bytes(), seek); // SeekPosition
        });
    });
    Patch { at: places().seek_head, bytes }
}

/// The last element of a file; its size is repeated as its last four bytes.
pub(super) fn trailer(text: &[u8]) -> Vec<u8> {
    let text = &text[..text.len().min(MAX_NOTE_BYTES)];
    let body = TRAILER.len() + text.len() + 4;
    let mut out = vec![id::VOID as u8];
    out.extend_from_slice(&long_size(body as u64));
    out.extend_from_slice(&TRAILER);
    out.extend_from_slice(text);
    out.extend_from_slice(&(9 + body as u32).to_be_bytes());
    out
}
