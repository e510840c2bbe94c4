//! Reading NUT's numbers from bytes that may not all be there yet.

use super::Malformed;

/// Why a step could not be taken.
#[derive(Debug)]
pub(super) enum Need {
    /// The bytes end here: wait.
    More,
    /// What is there is wrong.
    Better(Malformed),
}

impl From<Malformed> for Need {
    fn from(malformed: Malformed) -> Self {
        Self::Better(malformed)
    }
}

/// Reads from the front of `bytes`.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn take(&mut self, n: usize) -> Result<&'a [u8], Need> {
        let taken = self.bytes[self.at..].get(..n).ok_or(Need::More)?;
        self.at += n;
        Ok(taken)
    }

    pub(super) fn skip(&mut self, n: usize) -> Result<(), Need> {
        self.take(n).map(|_| ())
    }

    pub(super) fn u8(&mut self) -> Result<u8, Need> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(super) fn u64(&mut self) -> Result<u64, Need> {
        self.take(8).map(|bytes| bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// v: seven bits a byte, the most significant first; the top bit says that more follow.
    pub(super) fn var(&mut self) -> Result<u64, Need> {
        let mut value = 0_u64;
        loop {
            let byte = self.u8()?;
            if value >> 57 != 0 {
                return Err(Malformed("number too large").into());
            }
            value = value << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
    }

    /// s: 0, 1, -1, 2, -2, … in the order of `v`.
    pub(super) fn signed(&mut self) -> Result<i64, Need> {
        let code = self.var()?;
        let code = i64::try_from(code)
            .ok()
            .and_then(|code| code.checked_add(1))
            .ok_or(Malformed("number too large"))?;
        Ok(if code & 1 == 1 { -(code >> 1) } else { code >> 1 })
    }

    /// v, no greater than `max`.
    pub(super) fn at_most(&mut self, max: u64, what: &'static str) -> Result<usize, Need> {
        let value = self.var()?;
        if value <= max { Ok(value as usize) } else { Err(Malformed(what).into()) }
    }
}

/// Inside a packet that is wholly there, missing bytes are a mistake and no reason to wait.
pub(super) fn complete<T>(result: Result<T, Need>) -> Result<T, Malformed> {
    result.map_err(|need| match need {
        Need::More => Malformed("packet ends early"),
        Need::Better(malformed) => malformed,
    })
}
