//! Colour arithmetic between what a camera sends and what picture files hold: ranges and matrices.

use std::borrow::Cow;

use super::{Frame, chroma};
use crate::h264::Matrix;

/// Bits behind the point in the fixed-point numbers below.
const BITS: u32 = 16;
const HALF: i32 = 1 << (BITS - 1);

/// Luma weights of red, green and blue.
#[derive(Clone, Copy)]
struct Weights {
    r: f64,
    g: f64,
    b: f64,
}

/// ITU-R BT.601-7 section 2.5.1; JFIF (ITU-T T.871 section 6.2) uses the same.
const BT601: Weights = Weights { r: 0.299, g: 0.587, b: 0.114 };
/// ITU-R BT.709-6 section 3.
const BT709: Weights = Weights { r: 0.2126, g: 0.7152, b: 0.0722 };

impl Weights {
    fn of(matrix: Matrix) -> Self {
        match matrix {
            Matrix::Bt709 => BT709,
            // H.264 leaves "unspecified" to custom, and ours is BT.601: so does ffmpeg's scaler.
            Matrix::Bt601 | Matrix::Unspecified => BT601,
        }
    }

    /// What one step of Cb and of Cr (both −0.5 to 0.5) adds to red, green and blue.
    fn rgb(self) -> [(f64, f64); 3] {
        let (cr_r, cb_b) = (2.0 * (1.0 - self.r), 2.0 * (1.0 - self.b));
        [(0.0, cr_r), (-self.b * cb_b / self.g, -self.r * cr_r / self.g), (cb_b, 0.0)]
    }
}

/// How samples of a frame become numbers from 0 to 255: offset of luma, factors of luma and chroma
/// (ITU-T H.264 equations E-4 to E-9; 8 bits).
fn range(full: bool) -> (i32, f64, f64) {
    if full { (0, 1.0, 1.0) } else { (16, 255.0 / 219.0, 255.0 / 224.0) }
}

fn fixed(x: f64) -> i32 {
    (x * f64::from(1 << BITS)).round() as i32
}

fn sample(fixed: i32) -> u8 {
    ((fixed + HALF) >> BITS).clamp(0, 255) as u8
}

/// The planes as JFIF wants them: BT.601, full range. Borrowed when they are so already.
pub(super) fn jfif(frame: &Frame) -> [Cow<'_, [u8]>; 3] {
    let planes = [&frame.y, &frame.u, &frame.v].map(|p| Cow::Borrowed(p.samples()));
    if frame.full_range && frame.matrix != Matrix::Bt709 {
        return planes;
    }
    let (width, height) = (frame.width as usize, frame.height as usize);
    let (chroma_width, _) = chroma(width, height);
    let (offset, luma, scale) = range(frame.full_range);
    let luma = fixed(luma);
    // Chroma of one matrix gives chroma and a little luma of the other; grey stays grey, so luma
    // never gives chroma and all of it can be done at half size.
    let [red, green, blue] = Weights::of(frame.matrix).rgb();
    let to_luma = |of: fn((f64, f64)) -> f64| BT601.r * of(red) + BT601.g * of(green) + BT601.b * of(blue);
    let (cb_y, cr_y) = (to_luma(|c| c.0), to_luma(|c| c.1));
    let to_cb = |of: f64, y: f64| fixed(scale * (of - y) / (2.0 * (1.0 - BT601.b)));
    let to_cr = |of: f64, y: f64| fixed(scale * (of - y) / (2.0 * (1.0 - BT601.r)));
    let (cb_cb, cr_cb) = (to_cb(blue.0, cb_y), to_cb(blue.1, cr_y));
    let (cb_cr, cr_cr) = (to_cr(red.0, cb_y), to_cr(red.1, cr_y));
    let (cb_y, cr_y) = (fixed(scale * cb_y), fixed(scale * cr_y));

    let [y, u, v] = [&frame.y, &frame.u, &frame.v].map(super::Plane::samples);
    let centred = |s: &u8| i32::from(*s) - 128;
    let chroma_plane = |of_u: i32, of_v: i32| -> Vec<u8> {
        let one = |(u, v)| sample(of_u * centred(u) + of_v * centred(v) + (128 << BITS));
        u.iter().zip(v).map(one).collect()
    };
    let mut out_y = Vec::with_capacity(y.len());
    let mut shift = Vec::with_capacity(chroma_width);
    for (row, line) in y.chunks_exact(width).enumerate() {
        if row % 2 == 0 {
            shift.clear();
            let (u, v) = (frame.u.row(row / 2), frame.v.row(row / 2));
            shift.extend(u.iter().zip(v).map(|(u, v)| cb_y * centred(u) + cr_y * centred(v)));
        }
        for (pair, shift) in line.chunks(2).zip(&shift) {
            out_y.extend(pair.iter().map(|s| sample(luma * (i32::from(*s) - offset) + shift)));
        }
    }
    [Cow::Owned(out_y), Cow::Owned(chroma_plane(cb_cb, cr_cb)), Cow::Owned(chroma_plane(cb_cr, cr_cr))]
}

/// Red, green and blue as JFIF codes them: BT.601 in full range (T.871 section 7).
pub(super) fn ycbcr([r, g, b]: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = [r, g, b].map(f64::from);
    let y = BT601.r * r + BT601.g * g + BT601.b * b;
    let coded = |of: f64, weight: f64| (of - y) / (2.0 * (1.0 - weight)) + 128.0;
    [y, coded(b, BT601.b), coded(r, BT601.r)].map(|x| x.round().clamp(0.0, 255.0) as u8)
}

/// The picture as rows of R, G, B bytes.
pub(super) fn rgb(frame: &Frame) -> Vec<u8> {
    let (width, height) = (frame.width as usize, frame.height as usize);
    let (offset, luma, scale) = range(frame.full_range);
    let luma = fixed(luma);
    let [red, green, blue] =
        Weights::of(frame.matrix).rgb().map(|(cb, cr)| (fixed(scale * cb), fixed(scale * cr)));
    // Interpolated, or the edges of strong colours show steps of two pixels.
    let (u, v) = (frame.u.resized(width, height), frame.v.resized(width, height));
    let mut out = Vec::with_capacity(width * height * 3);
    for ((y, u), v) in frame.y.samples().iter().zip(u.samples()).zip(v.samples()) {
        let y = luma * (i32::from(*y) - offset);
        let (cb, cr) = (i32::from(*u) - 128, i32::from(*v) - 128);
        let one = |(of_cb, of_cr): (i32, i32)| sample(y + of_cb * cb + of_cr * cr);
        out.extend([one(red), one(green), one(blue)]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::Plane;
    use super::*;

    fn flat(yuv: [u8; 3], full_range: bool, matrix: Matrix) -> Frame {
        let plane = |n: usize, s: u8| Plane::new(n, n, vec![s; n * n]).unwrap();
        let [y, u, v] = yuv;
        Frame {
            width: 16,
            height: 16,
            full_range,
            matrix,
            index: 0,
            y: plane(16, y),
            u: plane(8, u),
            v: plane(8, v),
        }
    }

    /// Pure colours by the equations of BT.601 and BT.709, limited and full range.
    #[test]
    fn known_colours() {
        use Matrix::{Bt601, Bt709};
        for (yuv, full, matrix, rgb_want) in [
            ([16, 128, 128], false, Bt601, [0, 0, 0]),
            ([235, 128, 128], false, Bt709, [255, 255, 255]),
            ([0, 128, 128], true, Bt709, [0, 0, 0]),
            ([81, 90, 240], false, Bt601, [255, 0, 0]),
            ([63, 102, 240], false, Bt709, [255, 0, 0]),
            ([173, 42, 26], false, Bt709, [0, 255, 0]),
            ([182, 30, 12], true, Bt709, [0, 255, 0]),
            ([29, 255, 107], true, Bt601, [0, 0, 255]),
            ([41, 240, 110], false, Bt601, [0, 0, 255]),
        ] {
            let frame = flat(yuv, full, matrix);
            let close = |got: &[u8], way: &str| {
                let far = got.iter().zip(rgb_want).map(|(a, b)| a.abs_diff(b)).max().unwrap();
                assert!(far <= 3, "{yuv:?} {full} {matrix:?} {way}: {got:?}");
            };
            close(&rgb(&frame)[..3], "rgb");
            let [y, u, v] = jfif(&frame).map(|p| p[0]);
            close(&rgb(&flat([y, u, v], true, Bt601))[..3], "jfif");
        }
    }

    #[test]
    fn what_jfif_wants_is_not_copied() {
        let frame = flat([1, 2, 3], true, Matrix::Unspecified);
        assert!(jfif(&frame).iter().all(|p| matches!(p, Cow::Borrowed(_))));
    }
}
