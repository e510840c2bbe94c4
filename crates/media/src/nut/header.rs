//! Main header, stream headers and sync points.

use bytes::Bytes;

use super::{
    Event, Malformed,
    cursor::{Cursor, Need, complete},
    frame::{self, FrameCode},
};
use crate::CLOCK_HZ;

const MAX_STREAMS: u64 = 8;
const MAX_TIME_BASES: u64 = 16;
/// Elision headers: the specification allows 127 of up to 255 bytes, 1,024 in all.
const MAX_ELISIONS: u64 = 127;
const MAX_ELISION_BYTES: usize = 1024;
/// `class` of video streams.
const CLASS_VIDEO: u64 = 0;

/// The main header, as far as frames need it.
#[derive(Debug)]
pub(super) struct Main {
    stream_count: usize,
    time_bases: Vec<(u32, u32)>,
    pub(super) codes: Vec<FrameCode>,
    /// What frames may leave out at their beginning; the first is empty.
    pub(super) elision: Vec<Bytes>,
}

/// One stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) is_video: bool,
    fourcc: [u8; 4],
    time_base: (u32, u32),
    /// How many bits of a time stand in a frame's header.
    pub(super) pts_shift: u32,
    pub(super) last_pts: i64,
    extradata: Bytes,
    width: u32,
    height: u32,
}

impl Stream {
    pub(super) fn event(&self) -> Event {
        Event::Stream {
            fourcc: self.fourcc,
            width: self.width,
            height: self.height,
            extradata: self.extradata.clone(),
            time_base: self.time_base,
        }
    }

    /// A time of this stream in 1/90,000 s, to the nearest.
    pub(super) fn in_90k(&self, pts: i64) -> i64 {
        let (num, den) = (i128::from(self.time_base.0), i128::from(self.time_base.1));
        let scaled = i128::from(pts) * num * i128::from(CLOCK_HZ) * 2 + den;
        scaled.div_euclid(den * 2).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }
}

pub(super) fn main(body: &[u8]) -> Result<Main, Malformed> {
    complete(read_main(&mut Cursor::new(body)))
}

fn read_main(cursor: &mut Cursor<'_>) -> Result<Main, Need> {
    let version = cursor.at_most(4, "unknown version")?;
    if version < 2 {
        return Err(Malformed("unknown version").into());
    }
    if version > 3 {
        cursor.var()?; // minor version
    }
    let stream_count = cursor.at_most(MAX_STREAMS, "too many streams")?;
    cursor.var()?; // max_distance: for seeking
    let time_base_count = cursor.at_most(MAX_TIME_BASES, "too many time bases")?;
    let mut time_bases = Vec::with_capacity(time_base_count);
    for _ in 0..time_base_count {
        let part = |cursor: &mut Cursor<'_>| -> Result<u32, Need> {
            let value = cursor.at_most(u64::from(u32::MAX >> 1), "time base")? as u32;
            if value == 0 { Err(Malformed("time base").into()) } else { Ok(value) }
        };
        time_bases.push((part(cursor)?, part(cursor)?));
    }
    let codes = frame::codes(cursor, stream_count)?;
    let mut elision = vec![Bytes::new()];
    // Older muxers end here.
    if cursor.left() > 0 {
        let (count, mut bytes) = (cursor.at_most(MAX_ELISIONS, "too many elision headers")?, 0);
        for _ in 0..count {
            let length = cursor.at_most(255, "elision header too large")?;
            bytes += length;
            if bytes > MAX_ELISION_BYTES {
                return Err(Malformed("elision headers too large").into());
            }
            elision.push(Bytes::copy_from_slice(cursor.take(length)?));
        }
    }
    if codes.iter().any(|code| code.elision >= elision.len()) {
        return Err(Malformed("unknown elision header").into());
    }
    Ok(Main { stream_count, time_bases, codes, elision })
}

pub(super) fn stream(body: &[u8], main: &Main) -> Result<(usize, Stream), Malformed> {
    complete(read_stream(&mut Cursor::new(body), main))
}

fn read_stream(cursor: &mut Cursor<'_>, main: &Main) -> Result<(usize, Stream), Need> {
    let index = cursor.at_most((main.stream_count as u64).saturating_sub(1), "unknown stream")?;
    let is_video = cursor.var()? == CLASS_VIDEO;
    let tag_bytes = cursor.at_most(4, "codec tag")?;
    let mut fourcc = [0; 4];
    fourcc[..tag_bytes].copy_from_slice(cursor.take(tag_bytes)?);
    let time_base = cursor.var()?;
    let time_base = *usize::try_from(time_base)
        .ok()
        .and_then(|index| main.time_bases.get(index))
        .ok_or(Malformed("unknown time base"))?;
    let pts_shift = cursor.at_most(15, "time bits")? as u32;
    for _ in 0..3 {
        cursor.var()?; // max_pts_distance, decode_delay, stream_flags
    }
    let extradata = cursor.at_most(super::MAX_HEADER_BYTES as u64, "parameters too large")?;
    let extradata = Bytes::copy_from_slice(cursor.take(extradata)?);
    let (width, height) = if is_video {
        let side = |cursor: &mut Cursor<'_>| cursor.at_most(65_535, "picture too large");
        (side(cursor)? as u32, side(cursor)? as u32)
    } else {
        (0, 0)
    };
    Ok((index, Stream { is_video, fourcc, time_base, pts_shift, last_pts: 0, extradata, width, height }))
}

/// Sets the time last seen in every stream, from which the short times of frames count on.
pub(super) fn syncpoint(body: &[u8], main: &Main, streams: &mut [Option<Stream>]) -> Result<(), Malformed> {
    let coded = complete(Cursor::new(body).var())?;
    let count = main.time_bases.len().max(1) as u64;
    let (num, den) = *main.time_bases.get((coded % count) as usize).ok_or(Malformed("unknown time base"))?;
    let time = i128::from(coded / count);
    for stream in streams.iter_mut().flatten() {
        let (own_num, own_den) = stream.time_base;
        let scaled = time * i128::from(num) * i128::from(own_den) / (i128::from(den) * i128::from(own_num));
        stream.last_pts = i64::try_from(scaled).map_err(|_| Malformed("time too large"))?;
    }
    Ok(())
}
