//! Reading an RBSP bit by bit (ITU-T H.264 sections 7.2 and 9.1). Bounded by its bytes.

use super::Malformed;

/// A NAL unit's payload without emulation prevention bytes, being read.
pub(super) struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    /// `nal` with its header byte; emulation prevention (section 7.4.1) is undone.
    pub(super) fn of_nal(nal: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(nal.len());
        let mut zeros = 0;
        for &byte in nal.get(1..).unwrap_or_default() {
            if zeros >= 2 && byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            bytes.push(byte);
        }
        Self { bytes, at: 0 }
    }

    pub(super) fn bit(&mut self) -> Result<bool, Malformed> {
        let byte = self.bytes.get(self.at / 8).ok_or(Malformed("header ends early"))?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Ok(bit == 1)
    }

    /// u(n), n up to 32.
    pub(super) fn bits(&mut self, n: u32) -> Result<u32, Malformed> {
        let mut value = 0;
        for _ in 0..n {
            value = value << 1 | u32::from(self.bit()?);
        }
        Ok(value)
    }

    /// ue(v) (section 9.1).
    pub(super) fn ue(&mut self) -> Result<u32, Malformed> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return Err(Malformed("number too large"));
            }
        }
        // At most 2^32 - 2: one less than 1 followed by 31 bits.
        Ok(((1_u64 << zeros) - 1 + u64::from(self.bits(zeros)?)) as u32)
    }

    /// se(v) (section 9.1.1).
    pub(super) fn se(&mut self) -> Result<i32, Malformed> {
        let code = i64::from(self.ue()?);
        let magnitude = (code + 1) / 2;
        Ok((if code % 2 == 1 { magnitude } else { -magnitude }) as i32)
    }
}
