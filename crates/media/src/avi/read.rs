//! The reader's half: what a file of ours says of itself, and how much of it a crash left whole.

use std::io::{self, Read, Seek};

use bytes::{BufMut, BytesMut};

use super::{
    BITMAP_BYTES, FULL_FRAMES, MAX_FRAMES, PICTURE, at, time_90k,
    write::{START_CODE, chunk, has_index, progress, trailer},
};
use crate::{
    ParamSets,
    container::{Closing, Head, MARK, MAX_PART_BYTES, Parts, Shot, input},
    h264::{annexb_nals, nal_type},
    mp4::MAX_NOTE_BYTES,
};

/// Largest description of a stream that is believed; ours have some hundred bytes.
const MAX_FORMAT_BYTES: u64 = 1 << 16;
/// `AVIIF_KEYFRAME`.
const KEY: u32 = 0x10;

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

pub(crate) fn read_head(file: &mut (impl Read + Seek)) -> io::Result<Option<Head>> {
    let len = input::len(file)?;
    let Some(start) = input::bytes(file, 0, at::STRF + 8, len)? else { return Ok(None) };
    let is = |at: u64, word: &[u8]| start[at as usize..].starts_with(word);
    let ours = is(0, b"RIFF")
        && is(8, b"AVI LIST")
        && is(at::HDRL_SIZE + 4, b"hdrl")
        && is(at::AVIH, b"avih\x38\0\0\0")
        && is(at::STRL, b"LIST")
        && is(at::STRL + 8, b"strl")
        && is(at::STRH, b"strh\x38\0\0\0vidsH264")
        && is(at::STRF, b"strf");
    let size = u32_at(&start, at::STRF as usize + 4).map(u64::from).filter(|_| ours);
    let Some(size) = size.filter(|size| (BITMAP_BYTES..=MAX_FORMAT_BYTES).contains(size)) else {
        return Ok(None);
    };
    let Some(format) = input::bytes(file, at::STRF + 8, size, len)? else { return Ok(None) };
    let Some(params) = ParamSets::from_extradata(&format[BITMAP_BYTES as usize..]) else { return Ok(None) };
    let mark_at = at::STRF + 8 + size + size % 2;
    let Some(head) = input::bytes(file, mark_at, 8, len)? else { return Ok(None) };
    let size = u32_at(&head, 4).map(u64::from).filter(|_| head.starts_with(b"JUNK"));
    let Some(size) = size.filter(|size| *size <= (MAX_NOTE_BYTES + MARK.len()) as u64) else {
        return Ok(None);
    };
    let Some(note) = input::bytes(file, mark_at + 8, size, len)? else { return Ok(None) };
    let Some(mark) = note.strip_prefix(&MARK) else { return Ok(None) };
    let movi = mark_at + 8 + size + size % 2;
    let begins = input::bytes(file, movi, 12, len)?;
    let begins = begins.is_some_and(|list| list.starts_with(b"LIST") && list.ends_with(b"movi"));
    let picture_us = u32_at(&start, at::SCALE as usize);
    Ok(begins.then(|| Head { mark: mark.to_vec(), params, picture_us, end: movi + 12 }))
}

pub(crate) fn read_trailer(file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    let last = input::last(file)?;
    Ok(last.and_then(|bytes| {
        let body = bytes.strip_prefix(b"JUNK")?.get(4..)?;
        let whole = u32_at(&bytes, 4)? as usize == body.len();
        whole.then(|| input::trailer_text(body))?
    }))
}

/// One picture's chunk.
struct Picture {
    key: bool,
    body: u64,
    size: u32,
    end: u64,
}

/// The picture at `at`; `None` when there is none or it is not whole.
fn picture(file: &mut (impl Read + Seek), at: u64, len: u64) -> io::Result<Option<Picture>> {
    // Key frames begin with their SPS, and so does nothing else.
    let Some(head) = input::bytes(file, at, 14, len)? else { return Ok(None) };
    let Some(size) = u32_at(&head, 4).filter(|size| *size > 5 && head.starts_with(&PICTURE)) else {
        return Ok(None);
    };
    let end = at + 8 + u64::from(size) + u64::from(size % 2);
    let key = head[8..].starts_with(&START_CODE) && head[12] & 0x1f == nal_type::SPS;
    Ok((end <= len).then_some(Picture { key, body: at + 8, size, end }))
}

pub(crate) fn scan(file: &mut (impl Read + Seek), head: &Head) -> io::Result<Parts> {
    let len = input::len(file)?;
    let mut parts = Parts { frames: 0, duration_90k: 0, next_sequence: 1, valid_len: head.end };
    while parts.frames < MAX_FRAMES
        && let Some(picture) = picture(file, parts.valid_len, len)?
    {
        parts.frames += 1;
        parts.valid_len = picture.end;
    }
    parts.duration_90k = time_90k(parts.frames, head.picture_us.unwrap_or_default()) as u64;
    parts.next_sequence = u32::try_from(parts.frames + 1).unwrap_or(u32::MAX);
    Ok(parts)
}

/// The picture at `at` as a part; it is shown at `pts_90k`.
pub(crate) fn read_part(
    file: &mut (impl Read + Seek),
    at: u64,
    pts_90k: i64,
) -> io::Result<Option<(Vec<Shot>, u64)>> {
    let len = input::len(file)?;
    let Some(picture) = picture(file, at, len)?.filter(|p| u64::from(p.size) <= MAX_PART_BYTES) else {
        return Ok(None);
    };
    let Some(bytes) = input::bytes(file, picture.body, picture.size.into(), len)? else { return Ok(None) };
    let mut data = BytesMut::with_capacity(bytes.len() + 16);
    for nal in annexb_nals(&bytes).filter(|nal| nal_type::SLICES.contains(&(nal[0] & 0x1f))) {
        data.put_u32(nal.len() as u32);
        data.put_slice(nal);
    }
    Ok(Some((vec![Shot { pts_90k, key: picture.key, data: data.freeze() }], picture.end)))
}

/// The old index (`idx1`) of all pictures, the trailer, and the numbers in the head.
pub(crate) fn close(
    file: &mut (impl Read + Seek),
    head_len: u64,
    parts: &Parts,
    note: &[u8],
) -> io::Result<Closing> {
    let mut index = Vec::with_capacity(parts.frames.min(FULL_FRAMES) as usize * 16);
    let mut at = head_len;
    while let Some(picture) = picture(file, at, parts.valid_len)? {
        index.extend_from_slice(&PICTURE);
        // Positions count from the word `movi`.
        let position = u32::try_from(at - (head_len - 4)).unwrap_or(u32::MAX);
        for value in [if picture.key { KEY } else { 0 }, position, picture.size] {
            index.extend_from_slice(&value.to_le_bytes());
        }
        at = picture.end;
    }
    let mut tail = Vec::with_capacity(index.len() + 256);
    chunk(*b"idx1", &index, &mut tail);
    tail.extend(trailer(note));
    let mut patches = progress(head_len, parts, parts.valid_len + tail.len() as u64);
    patches.push(has_index());
    Ok(Closing { tail, patches })
}
