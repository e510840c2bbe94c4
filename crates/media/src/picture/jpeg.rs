//! Writing JPEG/JFIF files (ITU-T T.81, T.871) straight from 4:2:0 planes.

use std::borrow::Cow;

use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor};

use super::{Failed, Frame, chroma, color};

/// SOI and the JFIF APP0 segment without a thumbnail, which T.871 wants first: 2 + 18 bytes.
const HEAD_BYTES: usize = 20;

pub(super) fn encode(frame: &Frame, quality: u8, comment: &str) -> Result<Vec<u8>, Failed> {
    if !(1..=100).contains(&quality) {
        return Err(Failed::Invalid("quality must be 1 to 100"));
    }
    let (width, height) = (frame.width as usize, frame.height as usize);
    let (Ok(width_16), Ok(height_16)) = (frame.width.try_into(), frame.height.try_into()) else {
        return Err(Failed::TooLarge);
    };
    let source = Source {
        size: (width_16, height_16),
        width,
        chroma_width: chroma(width, height).0,
        planes: color::jfif(frame),
    };
    // Half a byte a pixel holds most pictures; a larger one grows.
    let mut file = Vec::with_capacity(width * height / 2 + 4096);
    let mut encoder = Encoder::new(&mut file, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode_image(source).map_err(|e| Failed::Encode(e.to_string()))?;
    insert_comment(&mut file, comment)?;
    Ok(file)
}

/// Puts a COM segment (T.81 section B.2.4.5) behind APP0; the encoder has no word for it.
fn insert_comment(file: &mut Vec<u8>, comment: &str) -> Result<(), Failed> {
    let app0 = file.get(2..HEAD_BYTES).is_some_and(|head| head.starts_with(&[0xff, 0xe0, 0, 16]));
    let length = u16::try_from(comment.len() + 2);
    let (true, Ok(length)) = (app0, length) else {
        return Err(Failed::Encode("the file does not begin as JFIF".into()));
    };
    let segment = [0xff, 0xfe].into_iter().chain(length.to_be_bytes()).chain(comment.bytes());
    file.splice(HEAD_BYTES..HEAD_BYTES, segment);
    Ok(())
}

struct Source<'a> {
    size: (u16, u16),
    width: usize,
    chroma_width: usize,
    planes: [Cow<'a, [u8]>; 3],
}

impl ImageBuffer for Source<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.size.0
    }

    fn height(&self) -> u16 {
        self.size.1
    }

    /// The encoder takes every component in full size and halves chroma itself: each sample twice
    /// comes back as it was.
    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let y = usize::from(y);
        let [luma, cb, cr] = &self.planes;
        let [out_y, out_cb, out_cr, _] = buffers;
        out_y.extend_from_slice(&luma[y * self.width..][..self.width]);
        for (plane, out) in [(cb, out_cb), (cr, out_cr)] {
            let row = &plane[y / 2 * self.chroma_width..][..self.chroma_width];
            let end = out.len() + self.width;
            out.extend(row.iter().flat_map(|s| [*s, *s]));
            out.truncate(end);
        }
    }
}
