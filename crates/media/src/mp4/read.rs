//! The reader's half: what a file of ours says of itself, and how much of it a crash left whole.

use std::io::{self, Read, Seek, SeekFrom};

use mp4_atom::{Atom, Codec, Moof, Moov, TrunSamples};

use super::{MARK, MAX_NOTE_BYTES, TRAILER};

/// Largest `ftyp`, `moov` or `moof` that is believed; ours have a few kilobytes.
const MAX_BOX_BYTES: u64 = 1 << 20;

/// The head of a file of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The text given to [`super::init`].
    pub mark: Vec<u8>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// As in RFC 6381, such as `avc1.42c01f`.
    pub codec: String,
    /// Where the first part begins.
    pub end: u64,
}

/// What lies behind the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Pictures in whole parts.
    pub frames: u64,
    /// From the first picture to the end of the last one.
    pub duration_90k: u64,
    /// Number for the next part.
    pub next_sequence: u32,
    /// The file is whole up to here: the end of its last whole part.
    pub valid_len: u64,
}

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
    let Some(bytes) = body(file, at, MAX_BOX_BYTES)? else { return Ok(None) };
    let Ok(moov) = Moov::decode_body(&mut bytes.as_slice()) else { return Ok(None) };
    let codec = moov.trak.first().and_then(|trak| trak.mdia.minf.stbl.stsd.codecs.first());
    let Some(Codec::Avc1(avc1)) = codec else { return Ok(None) };
    Ok(Some(Head {
        mark: mark.to_vec(),
        width: avc1.visual.width.into(),
        height: avc1.visual.height.into(),
        codec: format!(
            "avc1.{:02x}{:02x}{:02x}",
            avc1.avcc.avc_profile_indication, avc1.avcc.profile_compatibility, avc1.avcc.avc_level_indication
        ),
        end: at.end,
    }))
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
    while let Some(moof_at) = place(file, parts.valid_len, len)?.filter(|f| &f.kind == b"moof") {
        let Some(bytes) = body(file, moof_at, MAX_BOX_BYTES)? else { break };
        let Ok(moof) = Moof::decode_body(&mut bytes.as_slice()) else { break };
        let Some(mdat) = place(file, moof_at.end, len)?.filter(|f| &f.kind == b"mdat") else { break };
        let Some(part) = measure(&moof) else { break };
        if part.bytes != mdat.end - mdat.body {
            break;
        }
        parts.frames += part.frames;
        // By the parts' own times, not by adding up: the last length in a part may have been a guess.
        let first_90k = *first_90k.get_or_insert(part.begin_90k);
        let until_90k = part.begin_90k.saturating_add(part.duration_90k).saturating_sub(first_90k);
        parts.duration_90k = parts.duration_90k.max(until_90k);
        parts.next_sequence = moof.mfhd.sequence_number.saturating_add(1);
        parts.valid_len = mdat.end;
    }
    Ok(parts)
}

struct Part {
    frames: u64,
    begin_90k: u64,
    duration_90k: u64,
    bytes: u64,
}

/// `None` for a part unlike ours.
fn measure(moof: &Moof) -> Option<Part> {
    let [traf] = moof.traf.as_slice() else { return None };
    let [trun] = traf.trun.as_slice() else { return None };
    let TrunSamples::Explicit(entries) = &trun.samples else { return None };
    let begin_90k = traf.tfdt.as_ref()?.base_media_decode_time;
    let mut part = Part { frames: entries.len() as u64, begin_90k, duration_90k: 0, bytes: 0 };
    for entry in entries {
        part.duration_90k += u64::from(entry.duration?);
        part.bytes += u64::from(entry.size?);
    }
    Some(part)
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
