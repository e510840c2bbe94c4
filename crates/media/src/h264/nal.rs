//! NAL units: their types, and where one ends and the next begins.

/// `nal_unit_type` values (ITU-T H.264 table 7-1) that mean something here.
pub mod nal_type {
    /// First and last type that carries a slice of a picture.
    pub const SLICES: std::ops::RangeInclusive<u8> = 1..=5;
    /// Slice of an IDR picture.
    pub const IDR: u8 = 5;
    /// Sequence parameter set.
    pub const SPS: u8 = 7;
    /// Picture parameter set.
    pub const PPS: u8 = 8;
}

/// The NAL units of an Annex B byte stream, without start codes and the zeros around them (annex B.1).
/// Bytes before the first start code are skipped.
pub fn annexb_nals(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = start(stream);
    std::iter::from_fn(move || {
        loop {
            let (nal, next) = match start_code(rest?) {
                Some(at) => (&rest?[..at], Some(&rest?[at + 3..])),
                None => (rest?, None),
            };
            rest = next;
            let end = nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if end > 0 {
                return Some(&nal[..end]);
            }
        }
    })
}

fn start(stream: &[u8]) -> Option<&[u8]> {
    start_code(stream).map(|at| &stream[at + 3..])
}

/// Where the next `00 00 01` begins.
fn start_code(bytes: &[u8]) -> Option<usize> {
    // Steps of up to three bytes: the third decides how far the next code can be.
    let mut at = 0;
    while let Some(third) = bytes.get(at + 2) {
        match third {
            0 => at += 1,
            1 if bytes[at] == 0 && bytes[at + 1] == 0 => return Some(at),
            _ => at += 3,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_start_codes_of_both_lengths() {
        let cases: [(&[u8], &[&[u8]]); 7] = [
            (&[], &[]),
            (&[1, 2, 3], &[]),
            (&[0, 0, 1, 9, 0, 0, 0, 1, 8, 7, 0, 0, 1, 6], &[&[9], &[8, 7], &[6]]),
            (&[0, 0, 0, 0, 1, 9, 5, 0, 0], &[&[9, 5]]),
            (&[0, 0, 1, 0, 0, 1, 4], &[&[4]]),
            (&[5, 0, 0, 1, 4, 0, 1, 0, 0, 2], &[&[4, 0, 1, 0, 0, 2]]),
            (&[0, 0, 1], &[]),
        ];
        for (stream, nals) in cases {
            assert_eq!(annexb_nals(stream).collect::<Vec<_>>(), nals, "{stream:?}");
        }
    }
}
