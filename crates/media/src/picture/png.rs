//! Writing PNG files (ISO/IEC 15948).

use png::{BitDepth, ColorType, Encoder};

use super::{Failed, Frame, color};

pub(super) fn encode(frame: &Frame, comment: String) -> Result<Vec<u8>, Failed> {
    let failed = |e: png::EncodingError| Failed::Encode(e.to_string());
    let pixels = color::rgb(frame);
    let mut file = Vec::with_capacity(pixels.len() / 2 + 4096);
    let mut encoder = Encoder::new(&mut file, frame.width, frame.height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    // Written with the header, so before the first IDAT, where it is looked for.
    encoder.add_text_chunk("Comment".into(), comment).map_err(failed)?;
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}
