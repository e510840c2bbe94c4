//! Frame headers, and the table in the main header that makes them short.

use super::{
    MAX_PACKET_BYTES, Malformed,
    cursor::{Cursor, Need},
    header::{Main, Stream},
};

// Frame flags of the specification.
const KEY: u64 = 1;
const END_OF_RELEVANCE: u64 = 2;
const CODED_PTS: u64 = 8;
const STREAM_ID: u64 = 16;
const SIZE_MSB: u64 = 32;
const CHECKSUM: u64 = 64;
const RESERVED: u64 = 128;
const SIDE_DATA: u64 = 256;
const HEADER_IDX: u64 = 1024;
const MATCH_TIME: u64 = 2048;
const CODED: u64 = 4096;
const INVALID: u64 = 8192;

/// What one value of a frame's first byte means.
#[derive(Debug, Clone, Default)]
pub(super) struct FrameCode {
    flags: u64,
    stream: usize,
    size_mul: u64,
    size_lsb: u64,
    pts_delta: i64,
    reserved: u64,
    pub(super) elision: usize,
}

/// A frame's header.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) stream: usize,
    pub(super) pts: i64,
    pub(super) key: bool,
    pub(super) end_of_relevance: bool,
    pub(super) elision: usize,
    pub(super) data_bytes: usize,
}

/// The table of all 256 frame codes.
pub(super) fn codes(cursor: &mut Cursor<'_>, stream_count: usize) -> Result<Vec<FrameCode>, Need> {
    let mut codes = Vec::with_capacity(256);
    let mut code = FrameCode { size_mul: 1, ..FrameCode::default() };
    while codes.len() < 256 {
        code.flags = cursor.var()?;
        let fields = cursor.at_most(64, "frame code fields")?;
        // Fields left out keep the value of the group before; sizes and counts do not.
        code.size_lsb = 0;
        code.reserved = 0;
        let mut count = None;
        for field in 0..fields {
            match field {
                0 => code.pts_delta = cursor.signed()?,
                1 => code.size_mul = cursor.at_most(MAX_PACKET_BYTES as u64, "frame size")? as u64,
                2 => {
                    code.stream =
                        cursor.at_most((stream_count as u64).saturating_sub(1), "unknown stream")?;
                }
                3 => code.size_lsb = cursor.at_most(MAX_PACKET_BYTES as u64, "frame size")? as u64,
                4 => code.reserved = cursor.at_most(256, "reserved fields")? as u64,
                5 => count = Some(cursor.var()?),
                6 => drop(cursor.signed()?),
                7 => code.elision = cursor.at_most(127, "elision header")?,
                _ => drop(cursor.var()?),
            }
        }
        let count = count.unwrap_or(code.size_mul.saturating_sub(code.size_lsb));
        if count == 0 || count > 256 {
            return Err(Malformed("frame code count").into());
        }
        let first_lsb = code.size_lsb;
        for step in 0..count {
            // `N` begins a start code and can be no frame.
            if codes.len() == usize::from(b'N') {
                codes.push(FrameCode { flags: INVALID, ..FrameCode::default() });
            }
            if codes.len() == 256 {
                return Err(Malformed("too many frame codes").into());
            }
            codes.push(FrameCode { size_lsb: first_lsb + step, ..code.clone() });
        }
    }
    Ok(codes)
}

/// Reads a frame's header.
pub(super) fn head(cursor: &mut Cursor<'_>, main: &Main, streams: &[Option<Stream>]) -> Result<Head, Need> {
    let code = &main.codes[usize::from(cursor.u8()?)];
    let mut flags = code.flags;
    if flags & INVALID != 0 {
        return Err(Malformed("invalid frame code").into());
    }
    if flags & CODED != 0 {
        flags ^= cursor.var()?;
    }
    let stream_index =
        if flags & STREAM_ID != 0 { cursor.at_most(255, "unknown stream")? } else { code.stream };
    let stream =
        streams.get(stream_index).and_then(Option::as_ref).ok_or(Malformed("frame of an unknown stream"))?;
    let pts = if flags & CODED_PTS != 0 {
        full_time(cursor.var()?, stream)?
    } else {
        stream.last_pts.checked_add(code.pts_delta).ok_or(Malformed("time too large"))?
    };
    let mut size = code.size_lsb;
    if flags & SIZE_MSB != 0 {
        let msb = cursor.at_most(MAX_PACKET_BYTES as u64, "frame too large")? as u64;
        size = msb
            .checked_mul(code.size_mul)
            .and_then(|msb| msb.checked_add(size))
            .ok_or(Malformed("frame too large"))?;
    }
    if flags & MATCH_TIME != 0 {
        cursor.signed()?;
    }
    let mut elision =
        if flags & HEADER_IDX != 0 { cursor.at_most(127, "elision header")? } else { code.elision };
    let reserved =
        if flags & RESERVED != 0 { cursor.at_most(256, "reserved fields")? as u64 } else { code.reserved };
    for _ in 0..reserved {
        cursor.var()?;
    }
    // The specification: larger frames leave nothing out.
    if size > 4096 {
        elision = 0;
    }
    let left_out = main.elision.get(elision).ok_or(Malformed("unknown elision header"))?.len() as u64;
    let data_bytes = size.checked_sub(left_out).ok_or(Malformed("frame smaller than its beginning"))?;
    if data_bytes > MAX_PACKET_BYTES as u64 {
        return Err(Malformed("frame too large").into());
    }
    if flags & SIDE_DATA != 0 {
        return Err(Malformed("side data is not written by version 3").into());
    }
    if flags & CHECKSUM != 0 {
        cursor.skip(4)?;
    }
    Ok(Head {
        stream: stream_index,
        pts,
        key: flags & KEY != 0,
        end_of_relevance: flags & END_OF_RELEVANCE != 0,
        elision,
        data_bytes: data_bytes as usize,
    })
}

/// A frame tells only the last bits of its time, unless it is far from the one before.
fn full_time(coded: u64, stream: &Stream) -> Result<i64, Need> {
    let too_large = Malformed("time too large");
    let coded = i64::try_from(coded).map_err(|_| too_large)?;
    let span = 1_i64 << stream.pts_shift;
    if coded >= span {
        return Ok(coded - span);
    }
    let mask = span - 1;
    let delta = stream.last_pts.checked_sub(mask / 2).ok_or(too_large)?;
    (coded.wrapping_sub(delta) & mask).checked_add(delta).ok_or(too_large.into())
}
