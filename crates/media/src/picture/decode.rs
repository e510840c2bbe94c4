//! H.264 units in, the newest picture out: the only door to the decoder.

use std::sync::Arc;

use openh264::{
    decoder::{DecodeOptions, DecodedYUV, Decoder as Inner, Flush},
    formats::YUVSource,
};

use super::{Failed, Frame, chroma, plane::Plane};
use crate::unit::{ParamSets, Unit};

/// Most pixels of a picture: 36,864 macroblocks (ITU-T H.264 table A-1, level 5.2, the highest the
/// decoder knows). It also bounds the decoder's memory.
const MAX_PIXELS: u64 = 36_864 * 256;

/// Largest access unit fed, in bytes; the cache of a path holds less.
const MAX_UNIT_BYTES: usize = 32 << 20;

/// How often one call decodes: once, and again without what did not decode.
const MAX_RUNS: usize = 4;

/// Decodes cached pictures. One thread; use it from a thread that may be busy for some 10 ms. It
/// keeps about 6 MB for 640x360 between calls on a stream without B-frames, to save 3 ms on the next.
pub struct Decoder {
    /// Never used.
    fresh: Option<Inner>,
    /// Used for these parameter sets and fit to go on with them.
    kept: Option<(Arc<ParamSets>, Inner)>,
    /// Annex B of the unit being fed; kept for its capacity.
    bytes: Vec<u8>,
}

/// What one pass over a group of pictures gave.
struct Run {
    /// The last picture in the order of showing.
    newest: Option<[Plane; 3]>,
    /// How many came out.
    pictures: usize,
    /// Every unit gave its picture at once: nothing was held back for reordering.
    direct: bool,
}

/// The unit that did not decode, and the decoder's words.
struct Broken {
    at: usize,
    why: String,
}

impl Decoder {
    /// A decoder for any camera.
    pub fn new() -> Result<Self, Failed> {
        Ok(Self { fresh: Some(inner()?), kept: None, bytes: Vec::new() })
    }

    /// Decodes `units`, which are in decoding order and hold a key frame, from their last key frame on,
    /// and returns the picture shown last of all. Where a unit is damaged, it and those after it are
    /// left out: [`Frame::index`] says how far decoding came.
    pub fn newest(&mut self, units: &[Arc<Unit>]) -> Result<Frame, Failed> {
        let start = units.iter().rposition(|unit| unit.key).ok_or(Failed::NoKeyFrame)?;
        let mut gop = &units[start..];
        let params = &gop[0].params;
        if u64::from(params.info.width) * u64::from(params.info.height) > MAX_PIXELS {
            return Err(Failed::TooLarge);
        }
        let mut why = String::from("no picture came out");
        for runs_left in (0..MAX_RUNS).rev() {
            let (inner, fresh) = self.take(params)?;
            match self.run(inner, gop) {
                Ok((run, inner)) => {
                    // A picture lost without a word is taken to be the last one's; when that did not
                    // help, what came out must do.
                    let complete = run.pictures >= gop.len() || runs_left == 0;
                    if run.direct {
                        self.kept = Some((Arc::clone(params), inner));
                    }
                    match run.newest {
                        Some(planes) if complete => return Ok(frame(planes, gop, start)),
                        _ if !fresh => {}
                        _ => gop = &gop[..gop.len() - 1],
                    }
                }
                Err(broken) => {
                    why = broken.why;
                    // A decoder that was used before may itself be what is wrong.
                    if fresh {
                        gop = &gop[..broken.at];
                    }
                }
            }
            if gop.is_empty() {
                break;
            }
        }
        Err(Failed::Decode(why))
    }

    /// The kept decoder if it suits, and whether it is a new one. One that has reordered pictures
    /// cannot begin another group (openh264 2.6 fails with error 16384 after a few units), and one
    /// made for other parameter sets is not worth the doubt.
    fn take(&mut self, params: &Arc<ParamSets>) -> Result<(Inner, bool), Failed> {
        match (self.kept.take(), self.fresh.take()) {
            (Some((of, inner)), fresh) if Arc::ptr_eq(&of, params) || of == *params => {
                self.fresh = fresh;
                Ok((inner, false))
            }
            (_, Some(inner)) => Ok((inner, true)),
            _ => Ok((inner()?, true)),
        }
    }

    fn run(&mut self, mut inner: Inner, gop: &[Arc<Unit>]) -> Result<(Run, Inner), Broken> {
        let last = gop.len().saturating_sub(1);
        let mut run = Run { newest: None, pictures: 0, direct: true };
        // Flushing after each unit, the default, empties the reorder buffer too early and can run the
        // decoder out of pictures: it is flushed once, behind the last unit.
        let options = DecodeOptions::new().flush_after_decode(Flush::NoFlush);
        for (at, unit) in gop.iter().enumerate() {
            let broken = |why: String| Broken { at, why };
            self.annexb(unit, at == 0).map_err(|why| broken(why.into()))?;
            let decoded = inner.decode_with_options(&self.bytes, options.clone());
            let decoded = decoded.map_err(|e| broken(words(&e)))?;
            run.pictures += usize::from(decoded.is_some());
            run.direct &= decoded.is_some();
            if at == last
                && let Some(picture) = decoded
            {
                run.newest = Some(copied(&picture).map_err(|why| broken(why.into()))?);
            }
        }
        let broken = |why: String| Broken { at: last, why };
        let flushed = inner.flush_remaining().map_err(|e| broken(words(&e)))?;
        run.pictures += flushed.len();
        run.direct &= flushed.is_empty();
        if let Some(picture) = flushed.last() {
            run.newest = Some(copied(picture).map_err(|why| broken(why.into()))?);
        }
        drop(flushed);
        Ok((run, inner))
    }

    /// Fills `bytes` with the unit as ITU-T H.264 annex B has it, parameter sets first for the first.
    fn annexb(&mut self, unit: &Unit, first: bool) -> Result<(), &'static str> {
        const START_CODE: [u8; 4] = [0, 0, 0, 1];
        if unit.data.len() > MAX_UNIT_BYTES {
            return Err("the unit is too large");
        }
        self.bytes.clear();
        let sets = first.then(|| std::iter::once(&unit.params.sps).chain(&unit.params.pps));
        for nal in sets.into_iter().flatten().cloned().chain(unit.nals()) {
            self.bytes.extend_from_slice(&START_CODE);
            self.bytes.extend_from_slice(&nal);
        }
        if self.bytes.is_empty() { Err("the unit is empty") } else { Ok(()) }
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("warm", &self.kept.is_some()).finish_non_exhaustive()
    }
}

fn inner() -> Result<Inner, Failed> {
    Inner::new().map_err(|e| Failed::Decode(words(&e)))
}

/// The decoder's first sentence; the rest is about backtraces.
fn words(error: &openh264::Error) -> String {
    let text = error.to_string();
    text.split(" User Message").next().unwrap_or_default().to_owned()
}

/// Copies the picture out of the decoder, whose memory it is until the next unit.
fn copied(picture: &DecodedYUV<'_>) -> Result<[Plane; 3], &'static str> {
    let (width, height) = picture.dimensions();
    let (chroma_width, chroma_height) = chroma(width, height);
    let (y, u, v) = picture.strides();
    let planes = [
        Plane::packed(picture.y(), y, width, height),
        Plane::packed(picture.u(), u, chroma_width, chroma_height),
        Plane::packed(picture.v(), v, chroma_width, chroma_height),
    ];
    match planes {
        [Some(y), Some(u), Some(v)] => Ok([y, u, v]),
        _ => Err("the decoder gave a picture of the wrong size"),
    }
}

fn frame([y, u, v]: [Plane; 3], gop: &[Arc<Unit>], start: usize) -> Frame {
    // Pictures come out in the order of showing, so the last one out is the one shown last.
    let shown = gop.iter().enumerate().max_by_key(|(_, unit)| unit.pts_90k).map_or(0, |(at, _)| at);
    let info = &gop[0].params.info;
    let (width, height) = y.size();
    Frame {
        width: width as u32,
        height: height as u32,
        full_range: info.full_range,
        matrix: info.matrix,
        index: start + shown,
        y,
        u,
        v,
    }
}
