//! Cuts what a client sends into requests and interleaved frames. Holds one unfinished head at most
//! beyond what was handed over; bodies and oversized frames are skipped as they come.

use bytes::{Buf, Bytes, BytesMut};

use super::{
    Violation,
    message::{MAX_HEAD_BYTES, Request, plausible},
};

/// Longest interleaved frame a viewer's RTCP can need; longer ones are skipped.
const MAX_FRAME_BYTES: usize = 2_048;

/// One complete thing a client sent.
#[derive(Debug)]
pub(super) enum Item {
    /// A request whose body has passed.
    Request(Request),
    /// RFC 2326 section 10.12.
    Frame {
        /// The channel.
        channel: u8,
        /// What it carries.
        data: Bytes,
    },
    /// A frame that was too long.
    Skipped,
}

/// The bytes not looked at yet.
#[derive(Debug, Default)]
pub(super) struct Input {
    bytes: BytesMut,
    /// How far no end of a head was found.
    scanned: usize,
    /// Bytes to skip before `held` is due.
    skip: usize,
    held: Option<Item>,
}

impl Input {
    /// Adds what was read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes held.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Is nothing begun?
    pub(super) fn is_idle(&self) -> bool {
        self.bytes.is_empty() && self.held.is_none()
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The next complete thing. `frames`: interleaved frames may come.
    pub(super) fn next(&mut self, frames: bool) -> Result<Option<Item>, Violation> {
        loop {
            if self.held.is_some() {
                let skipped = self.skip.min(self.bytes.len());
                self.bytes.advance(skipped);
                self.skip -= skipped;
                return Ok(if self.skip == 0 { self.held.take() } else { None });
            }
            // Some clients end a body with a line too many (RFC 2326 section 4.1).
            let blank = self.bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
            self.bytes.advance(blank);
            if self.bytes.is_empty() {
                return Ok(None);
            }
            if self.bytes[0] == b'$' {
                if !frames {
                    return Err(Violation::NotRtsp);
                }
                let Some(&[_, channel, high, low]) = self.bytes.first_chunk() else { return Ok(None) };
                let length = usize::from(u16::from_be_bytes([high, low]));
                if length > MAX_FRAME_BYTES {
                    self.bytes.advance(4);
                    self.skip = length;
                    self.held = Some(Item::Skipped);
                    continue;
                }
                if self.bytes.len() < 4 + length {
                    return Ok(None);
                }
                let data = Bytes::copy_from_slice(&self.bytes[4..4 + length]);
                self.bytes.advance(4 + length);
                return Ok(Some(Item::Frame { channel, data }));
            }
            if !plausible(&self.bytes) {
                return Err(Violation::NotRtsp);
            }
            let Some(end) = self.head_end() else {
                return if self.bytes.len() < MAX_HEAD_BYTES { Ok(None) } else { Err(Violation::TooLarge) };
            };
            if end > MAX_HEAD_BYTES {
                return Err(Violation::TooLarge);
            }
            let request = Request::parse(&self.bytes[..end])?;
            self.bytes.advance(end);
            self.scanned = 0;
            self.skip = request.body_bytes()?;
            self.held = Some(Item::Request(request));
        }
    }

    /// Where the head's empty line ends. Looks at every byte once, however small the pieces come.
    fn head_end(&mut self) -> Option<usize> {
        let bytes = &self.bytes[..];
        for at in self.scanned..bytes.len() {
            if bytes[at] == b'\n' {
                match bytes[at + 1..] {
                    [b'\n', ..] => return Some(at + 2),
                    [b'\r', b'\n', ..] => return Some(at + 3),
                    _ => {}
                }
            }
        }
        // The last two bytes may be the beginning of the end.
        self.scanned = bytes.len().saturating_sub(2);
        None
    }
}
