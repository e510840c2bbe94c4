//! A JPEG as a camera sends it (ITU-T T.81, and what USB cameras leave out of it): made whole as a file, or decoded.

use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use super::{Failed, Frame, SIDES, comment, plane::Plane};
use crate::h264::Matrix;

/// Markers, each behind 0xff (T.81 table B.1).
mod marker {
    pub(super) const DHT: u8 = 0xc4;
    pub(super) const SOI: u8 = 0xd8;
    pub(super) const EOI: u8 = 0xd9;
    pub(super) const SOS: u8 = 0xda;
    pub(super) const APP0: u8 = 0xe0;
    pub(super) const COM: u8 = 0xfe;
}

/// The tables that T.81 gives as an example (K.3 to K.6), which every encoder of a camera uses and many do not send:
/// class and number, how many codes of each length, and what they stand for.
const TABLES: [(u8, [u8; 16], &[u8]); 4] = [
    (0x00, [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], &DC),
    (0x10, [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d], &AC_LUMA),
    (0x01, [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], &DC),
    (0x11, [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77], &AC_CHROMA),
];
const DC: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
#[rustfmt::skip]
const AC_LUMA: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
    0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0,
    0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28,
    0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
    0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
    0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
    0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
    0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5,
    0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
    0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
    0xf9, 0xfa,
];
#[rustfmt::skip]
const AC_CHROMA: [u8; 162] = [
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
    0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0,
    0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26,
    0x27, 0x28, 0x29, 0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
    0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
    0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
    0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5,
    0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
    0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
    0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
    0xf9, 0xfa,
];

/// As far as the decoder reads ahead at most, twice over: 64 bits.
const AHEAD_BYTES: usize = 16;

/// Where the parts of a JPEG are.
struct Parts {
    /// Behind SOI, and behind APP0 if that comes first (T.871 wants it there).
    head: usize,
    /// At SOS, before which tables may stand.
    scan: usize,
    /// Behind EOI. What follows is the rest of a buffer.
    end: usize,
    has_tables: bool,
}

/// An error: it is no whole JPEG.
fn parts(jpeg: &[u8]) -> Result<Parts, Failed> {
    let broken = |what: &str| Failed::Decode(what.to_owned());
    if !jpeg.starts_with(&[0xff, marker::SOI]) {
        return Err(broken("it does not begin as a JPEG"));
    }
    let (mut at, mut head, mut has_tables) = (2, 2, false);
    let scan = loop {
        let [0xff, kind, high, low] = *jpeg.get(at..at + 4).ok_or_else(|| broken("it ends in its head"))?
        else {
            return Err(broken("its head has no segments"));
        };
        match kind {
            // A byte that fills up (T.81 section B.1.1.2).
            0xff => {
                at += 1;
                continue;
            }
            marker::SOS => break at,
            marker::DHT => has_tables = true,
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < 2 {
            return Err(broken("a segment has no length"));
        }
        at += 2 + length;
        if kind == marker::APP0 && head == 2 {
            head = at;
        }
    };
    // In coded data 0xff is always followed by 0 or by a restart marker, so the last one is the end.
    let end = jpeg[scan..].windows(2).rposition(|pair| pair == [0xff, marker::EOI]);
    let end = end.ok_or_else(|| broken("it is cut off"))?;
    Ok(Parts { head, scan, end: scan + end + 2, has_tables })
}

/// The picture in so many pieces of `jpeg` and what must stand between them.
fn completed(jpeg: &[u8], parts: &Parts, comment: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(parts.end + comment.len() + 512);
    file.extend_from_slice(&jpeg[..parts.head]);
    file.extend_from_slice(comment);
    file.extend_from_slice(&jpeg[parts.head..parts.scan]);
    if !parts.has_tables {
        for (number, counts, values) in TABLES {
            let length = (2 + 1 + counts.len() + values.len()) as u16;
            file.extend([0xff, marker::DHT]);
            file.extend(length.to_be_bytes());
            file.push(number);
            file.extend(counts);
            file.extend(values);
        }
    }
    file.extend_from_slice(&jpeg[parts.scan..parts.end]);
    file
}

/// A camera's JPEG as a file that every viewer shows, with the comment `camera-service {mark}` and not one coded byte
/// changed. `mark` as for [`Frame::to_jpeg`]. Whether it can be decoded is not looked at: [`Frame::from_still`] does that.
pub fn to_file(jpeg: &[u8], mark: &str) -> Result<Vec<u8>, Failed> {
    let parts = parts(jpeg)?;
    let comment = comment(mark)?;
    let length = (comment.len() + 2) as u16;
    let segment = [&[0xff, marker::COM], &length.to_be_bytes()[..], comment.as_bytes()].concat();
    Ok(completed(jpeg, &parts, &segment))
}

/// Decodes it; one that is cut off or damaged is refused, as far as that can be seen: not in its last row of blocks.
pub(super) fn decode(jpeg: &[u8]) -> Result<Frame, Failed> {
    let why = |error: &dyn std::fmt::Display| Failed::Decode(error.to_string());
    let mut whole = completed(jpeg, &parts(jpeg)?, &[]);
    // Behind EOI the decoder (zune-jpeg 0.5) makes up what is missing, without a word. Without EOI it complains,
    // once it has read what it looks at in advance.
    whole.truncate(whole.len() - 2);
    whole.extend([0; AHEAD_BYTES]);
    let side = *SIDES.end() as usize;
    let options = DecoderOptions::new_safe()
        .set_strict_mode(true)
        .set_max_width(side)
        .set_max_height(side)
        .jpeg_set_out_colorspace(ColorSpace::YCbCr);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&whole), options);
    decoder.decode_headers().map_err(|error| why(&error))?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    if grey {
        decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::Luma));
    }
    let samples = decoder.decode().map_err(|error| why(&error))?;
    let info = decoder.info().ok_or_else(|| Failed::Decode("no size".into()))?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    let planes = if grey {
        Plane::new(width, height, samples).map(|y| Plane::with_grey(y, width, height))
    } else {
        Plane::from_444(&samples, width, height)
    };
    let [y, u, v] = planes.ok_or_else(|| Failed::Decode("too few samples".into()))?;
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    // T.871: JFIF is BT.601 in full range.
    Ok(Frame { width, height, full_range: true, matrix: Matrix::Bt601, index: 0, y, u, v })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Vec<u8> {
        let (width, height) = (64_usize, 48_usize);
        let samples: Vec<u8> = (0..width * height * 3).map(|n| (n * 7 % 251) as u8).collect();
        let [y, u, v] = Plane::from_444(&samples, width, height).unwrap();
        let frame =
            Frame { width: 64, height: 48, full_range: true, matrix: Matrix::Bt601, index: 0, y, u, v };
        frame.to_jpeg(90, None, "").unwrap()
    }

    /// Without its tables, as many USB cameras send it.
    fn without_tables(jpeg: &[u8]) -> Vec<u8> {
        let mut file = jpeg.to_vec();
        while let Some(at) = file.windows(2).position(|pair| pair == [0xff, marker::DHT]) {
            let length = usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
            file.drain(at..at + 2 + length);
        }
        file
    }

    #[test]
    fn what_cameras_leave_out_is_put_back() {
        let whole = picture();
        let sent = [without_tables(&whole), vec![0; 700]].concat();
        assert!(sent.len() < whole.len() + 700 - 300);
        // The encoder writes the same tables: T.81's.
        let (back, right) = (decode(&sent).unwrap(), decode(&whole).unwrap());
        assert_eq!(back, right);
        assert_eq!((back.width, back.height), (64, 48));
        let file = to_file(&sent, "here").unwrap();
        assert!(file.ends_with(&[0xff, marker::EOI]), "what lay behind it in the buffer is not kept");
        assert!(file[..64].windows(19).any(|text| text == b"camera-service here"), "{:?}", &file[..64]);
        assert_eq!(decode(&file).unwrap(), right);
        assert_eq!(to_file(&whole, "here").unwrap().len(), whole.len() + 23);
    }

    #[test]
    fn what_is_cut_off_or_damaged_is_refused() {
        let whole = picture();
        for end in [0, 1, 2, 10, 30, 200, whole.len() / 2, whole.len() - 1] {
            assert!(to_file(&whole[..end], "").is_err(), "{end}");
            assert!(decode(&whole[..end]).is_err(), "{end}");
        }
        // Cut in its middle by a camera that still ends it properly.
        let parts = parts(&whole).unwrap();
        let half = parts.scan + (whole.len() - parts.scan) / 2;
        assert!(decode(&[&whole[..half], &[0xff, marker::EOI]].concat()).is_err());
        for nonsense in [&b"RIFF"[..], &[0xff, 0xd8, 0xff, 0xe0, 0, 0, 0, 0], &[0xff; 64]] {
            assert!(decode(nonsense).is_err());
        }
        let mut hostile = whole.clone();
        for at in 0..hostile.len() {
            let kept = hostile[at];
            hostile[at] = !kept;
            // Right or wrong, but no panic.
            let _ = decode(&hostile);
            let _ = to_file(&hostile, "");
            hostile[at] = kept;
        }
    }
}
