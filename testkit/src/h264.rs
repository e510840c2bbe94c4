//! As much of H.264 (ITU-T H.264, section 7.3.1 and annex B) as a reader of streams and files needs to
//! tell pictures apart. Written for the tests alone: it shares nothing with the service's own parser.

use bytes::Bytes;

/// A slice of a picture that needs others.
pub const SLICE: u8 = 1;
/// A slice of a picture that can be shown without any other.
pub const IDR: u8 = 5;
/// Sequence parameter set.
pub const SPS: u8 = 7;
/// Picture parameter set.
pub const PPS: u8 = 8;

/// The NAL units of one picture.
pub type Picture = Vec<Bytes>;

/// The kind of a NAL unit.
pub fn kind(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |byte| byte & 0x1f)
}

/// Does it hold a part of a picture?
pub fn is_slice(nal: &[u8]) -> bool {
    matches!(kind(nal), SLICE | IDR)
}

/// The parts of one picture, without the parameter sets and notes that go with it.
pub fn slices(nals: &[Bytes]) -> Vec<Bytes> {
    nals.iter().filter(|nal| is_slice(nal)).cloned().collect()
}

/// Does this slice begin a picture? Its `first_mb_in_slice` is then 0, an exp-Golomb code of one set bit.
pub fn begins_picture(nal: &[u8]) -> bool {
    is_slice(nal) && nal.get(1).is_some_and(|byte| byte & 0x80 != 0)
}

/// The NAL units of a byte stream (annex B).
pub fn split(stream: &Bytes) -> Vec<Bytes> {
    let starts: Vec<usize> =
        stream.windows(3).enumerate().filter(|(_, code)| *code == [0, 0, 1]).map(|(at, _)| at + 3).collect();
    let ends = starts.iter().skip(1).map(|start| start - 3).chain([stream.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| {
            // A start code may have more zeros in front; a NAL unit never ends in one.
            let zeros = stream[*start..end].iter().rev().take_while(|byte| **byte == 0).count();
            stream.slice(*start..end - zeros)
        })
        .filter(|nal| !nal.is_empty())
        .collect()
}

/// The pictures of a byte stream: each one's slices, with the parameter sets before them.
pub fn pictures(stream: &Bytes) -> Vec<Picture> {
    let mut pictures: Vec<Picture> = Vec::new();
    let mut before = Vec::new();
    for nal in split(stream) {
        if !is_slice(&nal) {
            before.push(nal);
        } else if begins_picture(&nal) || pictures.is_empty() {
            before.push(nal);
            pictures.push(std::mem::take(&mut before));
        } else if let Some(picture) = pictures.last_mut() {
            picture.push(nal);
        }
    }
    pictures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_stream_is_split_into_pictures() {
        let stream = Bytes::from_static(&[
            0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 0x80, 0, 0, 1, 0x65, 0x40, 0, 0, 1,
            0x41, 0x9a, 0,
        ]);
        let kinds: Vec<Vec<u8>> =
            pictures(&stream).iter().map(|picture| picture.iter().map(|nal| kind(nal)).collect()).collect();
        assert_eq!(kinds, [vec![SPS, PPS, IDR, IDR], vec![SLICE]]);
        assert_eq!(split(&stream)[1], Bytes::from_static(&[0x68, 2]));
    }
}
