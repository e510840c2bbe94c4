//! The NUT container as our ffmpeg writes it to a pipe: bytes in, packets out, each as soon as its last
//! byte is there. Format: the NUT Open Container Format specification (`MPlayer` and `FFmpeg`), version 3.
//!
//! Only what a pipe needs: the first video stream, no seeking, no index. Every length is checked
//! against what may be, before anything is kept for it.

mod cursor;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod header;

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use cursor::{Cursor, Need};
pub use fuzzing::fuzz;
use header::{Main, Stream};

/// Largest packet that is believed; the same as for a picture.
const MAX_PACKET_BYTES: usize = crate::h264::MAX_PICTURE_BYTES;
/// Largest header packet that is believed.
const MAX_HEADER_BYTES: usize = 64 << 10;
/// What every file begins with.
const FILE_ID: &[u8] = b"nut/multimedia container\0";

const MAIN: u64 = 0x4E4D_7A56_1F5F_04AD;
const STREAM: u64 = 0x4E53_1140_5BF2_F9DB;
const SYNCPOINT: u64 = 0x4E4B_E4AD_EECA_4569;
const INDEX: u64 = 0x4E58_DD67_2F23_E64E;
const INFO: u64 = 0x4E49_AB68_B596_BA78;

/// Input that is not NUT, or not what we believe of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed NUT: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The video stream's header; before its first packet, and again if it changes.
    Stream {
        /// Codec tag, such as `H264`.
        fourcc: [u8; 4],
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// Parameter sets.
        extradata: Bytes,
        /// Seconds a tick, as a fraction.
        time_base: (u32, u32),
    },
    /// One packet of the video stream.
    Packet {
        /// Presentation time in 1/90,000 s on the source's clock.
        pts_90k: i64,
        /// As the muxer marked it.
        key: bool,
        /// The packet.
        data: Bytes,
    },
}

/// Takes a NUT stream apart.
#[derive(Debug, Default)]
pub struct Demuxer {
    input: BytesMut,
    began: bool,
    main: Option<Main>,
    streams: Vec<Option<Stream>>,
}

enum Step {
    Event(Event),
    Nothing,
}

impl Demuxer {
    /// Waits for the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes. Call [`Self::poll`] until it has nothing more, then push again.
    pub fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// The next event; `None` when more bytes are needed.
    pub fn poll(&mut self) -> Result<Option<Event>, Malformed> {
        loop {
            match self.step() {
                Ok(Step::Event(event)) => return Ok(Some(event)),
                Ok(Step::Nothing) => {}
                Err(Need::More) => return Ok(None),
                Err(Need::Better(malformed)) => return Err(malformed),
            }
        }
    }

    fn step(&mut self) -> Result<Step, Need> {
        if !self.began {
            let n = self.input.len().min(FILE_ID.len());
            if self.input[..n] != FILE_ID[..n] {
                return Err(Malformed("not a NUT stream").into());
            }
            if n < FILE_ID.len() {
                return Err(Need::More);
            }
            self.input.advance(n);
            self.began = true;
        }
        match self.input.first() {
            None => Err(Need::More),
            Some(b'N') => self.packet(),
            Some(_) => self.frame(),
        }
    }

    /// Everything but frames stands in packets behind a start code.
    fn packet(&mut self) -> Result<Step, Need> {
        let mut cursor = Cursor::new(&self.input);
        let code = cursor.u64()?;
        if ![MAIN, STREAM, SYNCPOINT, INDEX, INFO].contains(&code) {
            return Err(Malformed("unknown start code").into());
        }
        let length = cursor.var()?;
        let max = if code == INDEX { MAX_PACKET_BYTES } else { MAX_HEADER_BYTES } as u64;
        if length > max {
            return Err(Malformed("header too large").into());
        }
        if length > 4096 {
            cursor.skip(4)?; // checksum of the packet's header
        }
        let body = cursor.take(length as usize)?;
        // The checksum at the end guards against broken disks, not against a pipe.
        let body = body.get(..body.len().saturating_sub(4)).unwrap_or_default();
        let step = match code {
            MAIN => {
                self.main = Some(header::main(body)?);
                Step::Nothing
            }
            STREAM => {
                let main = self.main.as_ref().ok_or(Malformed("stream before main header"))?;
                let (index, mut stream) = header::stream(body, main)?;
                if self.streams.len() <= index {
                    self.streams.resize(index + 1, None);
                }
                let news = self.video() == Some(index) || (stream.is_video && self.video().is_none());
                let step = if news && self.streams[index].as_ref() != Some(&stream) {
                    Step::Event(stream.event())
                } else {
                    Step::Nothing
                };
                // A repeated header says nothing of the time last seen.
                stream.last_pts = self.streams[index].as_ref().map_or(0, |old| old.last_pts);
                self.streams[index] = Some(stream);
                step
            }
            SYNCPOINT => {
                let main = self.main.as_ref().ok_or(Malformed("sync point before main header"))?;
                header::syncpoint(body, main, &mut self.streams)?;
                Step::Nothing
            }
            _ => Step::Nothing,
        };
        let used = cursor.position();
        self.input.advance(used);
        Ok(step)
    }

    fn frame(&mut self) -> Result<Step, Need> {
        let main = self.main.as_ref().ok_or(Malformed("frame before main header"))?;
        let mut cursor = Cursor::new(&self.input);
        let head = frame::head(&mut cursor, main, &self.streams)?;
        let start = cursor.position();
        if self.input.len() - start < head.data_bytes {
            return Err(Need::More);
        }
        let elided = main.elision[head.elision].clone();
        self.input.advance(start);
        let data = self.input.split_to(head.data_bytes);
        let is_video = self.video() == Some(head.stream);
        let stream = self.streams[head.stream].as_mut().expect("frame::head() found it there");
        stream.last_pts = head.pts;
        if !is_video || head.end_of_relevance {
            return Ok(Step::Nothing);
        }
        let data = if elided.is_empty() {
            data.freeze()
        } else {
            let mut whole = BytesMut::with_capacity(elided.len() + data.len());
            whole.extend_from_slice(&elided);
            whole.extend_from_slice(&data);
            whole.freeze()
        };
        Ok(Step::Event(Event::Packet { pts_90k: stream.in_90k(head.pts), key: head.key, data }))
    }

    /// The first video stream.
    fn video(&self) -> Option<usize> {
        self.streams.iter().position(|stream| stream.as_ref().is_some_and(|stream| stream.is_video))
    }
}
