//! The reader's half: what a file of ours says of itself, and how much of it a crash left whole.

use std::io::{self, Read, Seek, SeekFrom};

use bytes::Bytes;
use mp4_atom::{Atom, Codec, Moof, Moov, TrunSamples};

use super::{MAX_NOTE_BYTES, ours::only_ours};
use crate::{
    ParamSets,
    container::{Head, MARK, MAX_PART_BYTES, Parts, Shot, TRAILER},
};

/// `sample_is_non_sync_sample` (ISO/IEC 14496-12 section 8.8.3.1).
const NOT_SYNC: u32 = 0x0001_0000;
/// Largest `ftyp`, `moov` or `moof` that is believed; ours have a few kilobytes.
const MAX_BOX_BYTES: u64 = 1 << 20;

/// One box's place in the file.
#[derive(Debug, Clone, Copy)]
struct Place {
    kind: [u8; 4],
    body: u64,
    end: u64,
}

/// The head; `None` when the file is not one of ours or its head is not whole.
pub fn read_head(file: &mut (impl Read + Seek)) -> io::Result<Option<Head>> {
    let len = file.seek(SeekFrom::End(0))?;
    let Some(ftyp) = place(file, 0, len)?.filter(|found| &found.kind == b"ftyp") else { return Ok(None) };
    let Some(uuid) = place(file, ftyp.end, len)?.filter(|found| &found.kind == b"uuid") else {
        return Ok(None);
    };
    let Some(note) = body(file, uuid, MAX_NOTE_BYTES as u64 + 16)? else { return Ok(None) };
    let Some(mark) = note.strip_prefix(&MARK) else { return Ok(None) };
    let Some(at) = place(file, uuid.end, len)?.filter(|found| &found.kind == b"moov") else {
        return Ok(None);
    };
    let Some(bytes) = body(file, at, MAX_BOX_BYTES)?.filter(|bytes| only_ours(bytes)) else {
        return Ok(None);
    };
    let Ok(moov) = Moov::decode_body(&mut bytes.as_slice()) else { return Ok(None) };
    let codec = moov.trak.first().and_then(|trak| trak.mdia.minf.stbl.stsd.codecs.first());
    let Some(Codec::Avc1(avc1)) = codec else { return Ok(None) };
    let sps = avc1.avcc.sequence_parameter_sets.iter();
    let nals = sps.chain(&avc1.avcc.picture_parameter_sets);
    let params = ParamSets::from_nals(nals.map(Vec::as_slice));
    Ok(params.map(|params| Head { mark: mark.to_vec(), params, picture_us: None, end: at.end }))
}

/// The trailer's text; `None` when the file was not ended.
pub fn read_trailer(file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    let len = file.seek(SeekFrom::End(0))?;
    if len < 28 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(len - 4))?;
    let mut size = [0; 4];
    file.read_exact(&mut size)?;
    let size = u64::from(u32::from_be_bytes(size));
    if size < 28 || size > len || size > MAX_NOTE_BYTES as u64 + 28 {
        return Ok(None);
    }
    let Some(found) = place(file, len - size, len)?.filter(|f| &f.kind == b"uuid" && f.end == len) else {
        return Ok(None);
    };
    let note = body(file, found, size)?;
    Ok(note
        .and_then(|note| note.strip_prefix(&TRAILER)?.split_last_chunk::<4>().map(|(text, _)| text.to_vec())))
}

/// Walks the parts. Stops at the first that is not whole: a crash leaves one at most, at the end.
pub fn scan(file: &mut (impl Read + Seek), head: &Head) -> io::Result<Parts> {
    let len = file.seek(SeekFrom::End(0))?;
    let mut parts = Parts { frames: 0, duration_90k: 0, next_sequence: 1, valid_len: head.end };
    let mut first_90k = None;
    while let Some(part) = part_at(file, parts.valid_len, len)? {
        parts.frames += part.frames;
        // By the parts' own times, not by adding up: the last length in a part may have been a guess.
        let first_90k = *first_90k.get_or_insert(part.begin_90k);
        let until_90k = part.begin_90k.saturating_add(part.duration_90k).saturating_sub(first_90k);
        parts.duration_90k = parts.duration_90k.max(until_90k);
        parts.next_sequence = part.moof.mfhd.sequence_number.saturating_add(1);
        parts.valid_len = part.data.end;
    }
    Ok(parts)
}

/// The part at `at`; `None` when there is none, or it is not whole, or unlike ours.
fn part_at(file: &mut (impl Read + Seek), at: u64, len: u64) -> io::Result<Option<Part>> {
    let Some(moof_at) = place(file, at, len)?.filter(|f| &f.kind == b"moof") else { return Ok(None) };
    let Some(bytes) = body(file, moof_at, MAX_BOX_BYTES)?.filter(|bytes| only_ours(bytes)) else {
        return Ok(None);
    };
    let Ok(moof) = Moof::decode_body(&mut bytes.as_slice()) else { return Ok(None) };
    let Some(data) = place(file, moof_at.end, len)?.filter(|f| &f.kind == b"mdat") else { return Ok(None) };
    let part = measure(moof, data);
    Ok(part.filter(|part| part.bytes == data.end - data.body))
}

/// The pictures of the part at `at`, and where it ends.
pub(crate) fn read_part(file: &mut (impl Read + Seek), at: u64) -> io::Result<Option<(Vec<Shot>, u64)>> {
    let len = file.seek(SeekFrom::End(0))?;
    let Some(part) = part_at(file, at, len)? else { return Ok(None) };
    let Some(data) = body(file, part.data, MAX_PART_BYTES)? else { return Ok(None) };
    let mut data = Bytes::from(data);
    let mut dts_90k = i64::try_from(part.begin_90k).unwrap_or(i64::MAX);
    let mut shots = Vec::new();
    for entry in part.moof.traf.iter().flat_map(|traf| &traf.trun).flat_map(|trun| match &trun.samples {
        TrunSamples::Explicit(entries) => entries.as_slice(),
        // Refused by `measure`.
        TrunSamples::Inherited { .. } => &[],
    }) {
        // `measure` has seen that the sizes fill the data.
        let size = (entry.size.unwrap_or_default() as usize).min(data.len());
        shots.push(Shot {
            pts_90k: dts_90k.saturating_add(entry.cts.unwrap_or_default()),
            key: entry.flags.is_some_and(|flags| flags & NOT_SYNC == 0),
            data: data.split_to(size),
        });
        dts_90k = dts_90k.saturating_add(entry.duration.unwrap_or_default().into());
    }
    Ok((!shots.is_empty()).then_some((shots, part.data.end)))
}

struct Part {
    frames: u64,
    begin_90k: u64,
    duration_90k: u64,
    bytes: u64,
    moof: Moof,
    data: Place,
}

/// `None` for a part unlike ours.
fn measure(moof: Moof, data: Place) -> Option<Part> {
    let [traf] = moof.traf.as_slice() else { return None };
    let [trun] = traf.trun.as_slice() else { return None };
    let TrunSamples::Explicit(entries) = &trun.samples else { return None };
    let begin_90k = traf.tfdt.as_ref()?.base_media_decode_time;
    let (frames, mut duration_90k, mut bytes) = (entries.len() as u64, 0, 0);
    for entry in entries {
        duration_90k += u64::from(entry.duration?);
        bytes += u64::from(entry.size?);
    }
    Some(Part { frames, begin_90k, duration_90k, bytes, moof, data })
}

/// The box at `at` if it lies in the file as a whole.
fn place(file: &mut (impl Read + Seek), at: u64, len: u64) -> io::Result<Option<Place>> {
    if len < at || len - at < 8 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    let mut head = [0; 8];
    file.read_exact(&mut head)?;
    let [s0, s1, s2, s3, kind @ ..] = head;
    // 0 (to the end) and 1 (64 bits) are never written by us.
    let size = u64::from(u32::from_be_bytes([s0, s1, s2, s3]));
    if size < 8 || size > len - at {
        return Ok(None);
    }
    Ok(Some(Place { kind, body: at + 8, end: at + size }))
}

fn body(file: &mut (impl Read + Seek), place: Place, max: u64) -> io::Result<Option<Vec<u8>>> {
    let size = place.end - place.body;
    if size > max {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(place.body))?;
    let mut bytes = vec![0; size as usize];
    file.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}
