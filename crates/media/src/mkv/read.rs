//! The reader's half: what a file of ours says of itself, and how much of it a crash left whole.

use std::io::{self, Read, Seek};

use bytes::Bytes;

use super::{
    KEY, TICKS_PER_MS, id,
    write::{DURATION_BYTES, cue_point, element, long_size, places, progress, seek_head, trailer},
};
use crate::{
    ParamSets,
    container::{Closing, Head, MARK, MAX_PART_BYTES, Parts, Patch, Shot, input},
    mp4::MAX_NOTE_BYTES,
};

/// Largest element of the head that is believed; ours have some hundred bytes.
const MAX_HEAD_BYTES: u64 = 1 << 16;
/// Length of a picture while nothing is known of a next one.
const GUESS_90K: i64 = 3000;

/// An element's place; `end` is `None` when its size is not known.
#[derive(Debug, Clone, Copy)]
struct Place {
    id: u32,
    body: u64,
    end: Option<u64>,
}

/// Id, length of the header and size of the element that begins with `bytes`.
fn header(bytes: &[u8]) -> Option<(u32, usize, Option<u64>)> {
    let id_len = bytes.first()?.leading_zeros() as usize + 1;
    if id_len > 4 {
        return None;
    }
    let id = bytes.get(..id_len)?.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
    let size_len = bytes.get(id_len)?.leading_zeros() as usize + 1;
    if size_len > 8 {
        return None;
    }
    let size = bytes.get(id_len..id_len + size_len)?;
    let size = size.iter().fold(0, |size, byte| size << 8 | u64::from(*byte));
    // The length's marker goes; all ones means that the size is not known.
    let mask = (1 << (7 * size_len)) - 1;
    let size = size & mask;
    Some((id, id_len + size_len, (size != mask).then_some(size)))
}

/// The element at `at`; `None` when it does not lie in the file of `len` bytes as a whole.
fn place(file: &mut (impl Read + Seek), at: u64, len: u64) -> io::Result<Option<Place>> {
    let Some(bytes) = input::bytes(file, at, len.saturating_sub(at).min(12), len)? else { return Ok(None) };
    let Some((id, header, size)) = header(&bytes) else { return Ok(None) };
    let body = at + header as u64;
    let end = size.map(|size| body.saturating_add(size));
    Ok(end.is_none_or(|end| end <= len).then_some(Place { id, body, end }))
}

/// The element at `at` if it is of this kind, whole, and not too large: its body and its end.
fn known(
    file: &mut (impl Read + Seek),
    at: u64,
    kind: u32,
    max: u64,
    len: u64,
) -> io::Result<Option<(Vec<u8>, u64)>> {
    let Some(Place { id, body, end: Some(end) }) = place(file, at, len)? else { return Ok(None) };
    if id != kind || end - body > max {
        return Ok(None);
    }
    Ok(input::bytes(file, body, end - body, len)?.map(|bytes| (bytes, end)))
}

/// The elements in a body; ends at the first that is not whole.
fn children(mut rest: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        let (id, header, size) = header(rest)?;
        let end = header.checked_add(usize::try_from(size?).ok()?)?;
        let body = rest.get(header..end)?;
        rest = &rest[end..];
        Some((id, body))
    })
}

pub(crate) fn read_head(file: &mut (impl Read + Seek)) -> io::Result<Option<Head>> {
    let len = input::len(file)?;
    let Some((_, ebml)) = known(file, 0, id::EBML, MAX_HEAD_BYTES, len)? else { return Ok(None) };
    // Its size may be unknown, and a cut file is shorter than a known one says.
    let places = places();
    let start = input::bytes(file, ebml, 12, len)?;
    let begins = start.is_some_and(|bytes| bytes.starts_with(&id::SEGMENT.to_be_bytes()));
    // What is written again later lies where we put it, or not in a file of ours.
    if !begins || ebml + 12 != places.segment {
        return Ok(None);
    }
    let room = place(file, places.seek_head, len)?;
    if room.is_none_or(|room| room.end != Some(places.info)) {
        return Ok(None);
    }
    let Some((_, info)) = known(file, places.info, id::INFO, MAX_HEAD_BYTES, len)? else { return Ok(None) };
    if info < places.duration + DURATION_BYTES {
        return Ok(None);
    }
    let most = (MAX_NOTE_BYTES + MARK.len()) as u64;
    let Some((note, noted)) = known(file, info, id::VOID, most, len)? else { return Ok(None) };
    let Some(mark) = note.strip_prefix(&MARK) else { return Ok(None) };
    let Some((tracks, end)) = known(file, noted, id::TRACKS, MAX_HEAD_BYTES, len)? else { return Ok(None) };
    let entry = children(&tracks).find(|(id, _)| *id == id::TRACK_ENTRY);
    let private = entry.and_then(|(_, entry)| children(entry).find(|(id, _)| *id == id::CODEC_PRIVATE));
    let params = private.and_then(|(_, record)| ParamSets::from_extradata(record));
    Ok(params.map(|params| Head { mark: mark.to_vec(), params, picture_us: None, end }))
}

pub(crate) fn read_trailer(file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    let last = input::last(file)?;
    Ok(last.and_then(|bytes| {
        let (id, header, size) = header(&bytes)?;
        let body = &bytes[header..];
        (id == id::VOID && size? == body.len() as u64).then(|| input::trailer_text(body))?
    }))
}

/// A Cluster with its blocks.
struct Cluster {
    end: u64,
    /// Of each block: its time, is it a key frame, where its data begins and ends in the file.
    blocks: Vec<(i64, bool, u64, u64)>,
}

/// The Cluster at `at`; `None` when there is none, or it is not whole, or unlike ours.
fn cluster(file: &mut (impl Read + Seek), at: u64, len: u64) -> io::Result<Option<Cluster>> {
    let Some(Place { id: id::CLUSTER, body, end: Some(end) }) = place(file, at, len)? else {
        return Ok(None);
    };
    let Some(first) = place(file, body, end)?.filter(|first| first.id == id::TIMESTAMP) else {
        return Ok(None);
    };
    let Some(mut at) = first.end.filter(|end| end - first.body == 8) else { return Ok(None) };
    let Some(time) = input::bytes(file, first.body, 8, end)? else { return Ok(None) };
    let time_ms = time.iter().fold(0, |time, byte| time << 8 | u64::from(*byte));
    // A thousand years; what a stranger wrote must not overflow.
    let Some(time_ms) = i64::try_from(time_ms).ok().filter(|ms| *ms < 1 << 45) else { return Ok(None) };
    let mut blocks = Vec::new();
    while at < end {
        let Some(Place { id: id::SIMPLE_BLOCK, body, end: Some(block_end) }) = place(file, at, end)? else {
            return Ok(None);
        };
        let Some(head) = input::bytes(file, body, 4, block_end)? else { return Ok(None) };
        let relative_ms = i16::from_be_bytes([head[1], head[2]]);
        let pts_90k = (time_ms + i64::from(relative_ms)) * TICKS_PER_MS;
        blocks.push((pts_90k, head[3] & KEY != 0, body + 4, block_end));
        at = block_end;
    }
    Ok((!blocks.is_empty()).then_some(Cluster { end, blocks }))
}

pub(crate) fn scan(file: &mut (impl Read + Seek), head: &Head) -> io::Result<Parts> {
    let len = input::len(file)?;
    let mut parts = Parts { frames: 0, duration_90k: 0, next_sequence: 1, valid_len: head.end };
    // The first time, the two latest ones.
    let mut times: Option<(i64, i64, i64)> = None;
    while let Some(cluster) = cluster(file, parts.valid_len, len)? {
        for (pts_90k, ..) in &cluster.blocks {
            let (first, before, last) = times.unwrap_or((*pts_90k, pts_90k - GUESS_90K, *pts_90k));
            times = Some(if *pts_90k > last { (first, last, *pts_90k) } else { (first, before, last) });
        }
        parts.frames += cluster.blocks.len() as u64;
        parts.next_sequence = parts.next_sequence.saturating_add(1);
        parts.valid_len = cluster.end;
    }
    if let Some((first, before, last)) = times {
        // The last picture lasts as long as the one before it.
        parts.duration_90k = (last - first + last - before).max(0) as u64;
    }
    Ok(parts)
}

pub(crate) fn read_part(file: &mut (impl Read + Seek), at: u64) -> io::Result<Option<(Vec<Shot>, u64)>> {
    let len = input::len(file)?;
    let Some(cluster) = cluster(file, at, len)? else { return Ok(None) };
    if cluster.end - at > MAX_PART_BYTES {
        return Ok(None);
    }
    let mut shots = Vec::with_capacity(cluster.blocks.len());
    for (pts_90k, key, begin, end) in cluster.blocks {
        let Some(data) = input::bytes(file, begin, end - begin, len)? else { return Ok(None) };
        shots.push(Shot { pts_90k, key, data: Bytes::from(data) });
    }
    Ok(Some((shots, cluster.end)))
}

/// Cues for every Cluster that begins with a key frame, the trailer, and the lengths.
pub(crate) fn close(
    file: &mut (impl Read + Seek),
    head_len: u64,
    parts: &Parts,
    note: &[u8],
) -> io::Result<Closing> {
    let places = places();
    let (mut at, mut points) = (head_len, Vec::new());
    while let Some(cluster) = cluster(file, at, parts.valid_len)? {
        if let Some((pts_90k, true, ..)) = cluster.blocks.first() {
            cue_point((pts_90k / TICKS_PER_MS).max(0) as u64, at - places.segment, &mut points);
        }
        at = cluster.end;
    }
    let (mut tail, mut patches) = (Vec::new(), progress(parts));
    if !points.is_empty() {
        element(id::CUES, &points, &mut tail);
        patches.push(seek_head(parts.valid_len - places.segment));
    }
    tail.extend(trailer(note));
    let size = parts.valid_len + tail.len() as u64 - places.segment;
    patches.push(Patch { at: places.segment_size, bytes: long_size(size).to_vec() });
    Ok(Closing { tail, patches })
}
