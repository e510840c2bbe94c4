//! A picture as a camera's driver lays it into memory, made a [`Frame`].

use super::{Failed, Frame, SIDES, chroma, mjpeg, plane::Plane};
use crate::h264::Matrix;

/// How samples lie in memory (kernel, "Video for Linux API", sections 2.4 to 2.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pixels {
    /// A JPEG.
    Jpeg,
    /// 4:2:2, `Y Cb Y Cr`.
    Yuyv,
    /// 4:2:2, `Cb Y Cr Y`.
    Uyvy,
    /// 4:2:0: luma, then `Cb Cr` pairs.
    Nv12,
    /// 4:2:0: luma, then Cb, then Cr.
    I420,
    /// 4:2:2: luma, then Cb, then Cr.
    Planar422,
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// Luma alone.
    Grey,
}

/// One picture as it lies in memory.
#[derive(Debug, Clone, Copy)]
pub struct Still<'a> {
    /// How.
    pub pixels: Pixels,
    /// Pixels from left to right; of a JPEG its own count.
    pub width: u32,
    /// Pixels from top to bottom; of a JPEG its own count.
    pub height: u32,
    /// From one row to the next, of the first plane where there are several; 0: rows have no gaps.
    pub bytes_per_line: u32,
    /// All of it, perhaps with something behind it.
    pub bytes: &'a [u8],
}

impl Frame {
    /// Takes over a driver's picture. One that is cut off is refused.
    pub fn from_still(still: &Still<'_>) -> Result<Self, Failed> {
        if still.pixels == Pixels::Jpeg {
            return mjpeg::decode(still.bytes);
        }
        if !(SIDES.contains(&still.width) && SIDES.contains(&still.height)) {
            return Err(Failed::TooLarge);
        }
        let (width, height) = (still.width as usize, still.height as usize);
        let cut_off = || Failed::Decode("the picture is cut off".into());
        let [y, u, v] = planes(still, width, height).ok_or_else(cut_off)?;
        // Cameras code as BT.601 tells, luma from 16 to 235; what we make of colours has the full range.
        let full_range = matches!(still.pixels, Pixels::Rgb | Pixels::Bgr);
        Ok(Self {
            width: still.width,
            height: still.height,
            full_range,
            matrix: Matrix::Bt601,
            index: 0,
            y,
            u,
            v,
        })
    }

    /// Mean luma, 0 to 255.
    pub fn brightness(&self) -> u8 {
        let samples = self.y.samples();
        let sum: u64 = samples.iter().map(|sample| u64::from(*sample)).sum();
        (sum / samples.len().max(1) as u64) as u8
    }
}

/// `None`: too few bytes.
fn planes(still: &Still<'_>, width: usize, height: usize) -> Option<[Plane; 3]> {
    let bytes = still.bytes;
    let stride =
        |least: usize| Some(still.bytes_per_line as usize).filter(|stride| *stride >= least).unwrap_or(least);
    let (half_width, half_height) = chroma(width, height);
    Some(match still.pixels {
        // Not here: see above.
        Pixels::Jpeg => return None,
        Pixels::Grey => {
            let y = Plane::packed(bytes, stride(width), width, height)?;
            Plane::with_grey(y, width, height)
        }
        Pixels::Yuyv => packed_422(bytes, stride(half_width * 4), (width, height), [0, 1, 3])?,
        Pixels::Uyvy => packed_422(bytes, stride(half_width * 4), (width, height), [1, 0, 2])?,
        Pixels::Nv12 => {
            let stride = stride(width);
            let y = Plane::packed(bytes, stride, width, height)?;
            let pairs = bytes.get(stride.checked_mul(height)?..)?;
            let pairs = Plane::packed(pairs, stride.max(half_width * 2), half_width * 2, half_height)?;
            let every_other = |first: usize| {
                let samples = pairs.samples().iter().skip(first).step_by(2).copied().collect();
                Plane::new(half_width, half_height, samples)
            };
            [y, every_other(0)?, every_other(1)?]
        }
        Pixels::I420 | Pixels::Planar422 => {
            let stride = stride(width);
            let rows = if still.pixels == Pixels::I420 { half_height } else { height };
            let half_stride = stride.div_ceil(2);
            let y = Plane::packed(bytes, stride, width, height)?;
            let chroma = |number: usize| {
                let start = stride.checked_mul(height)? + number * half_stride.checked_mul(rows)?;
                let plane = Plane::packed(bytes.get(start..)?, half_stride, half_width, rows)?;
                Some(if rows == half_height { plane } else { plane.resized(half_width, half_height) })
            };
            [y, chroma(0)?, chroma(1)?]
        }
        Pixels::Rgb | Pixels::Bgr => {
            let stride = stride(width * 3);
            let mut samples = Vec::with_capacity(width * height * 3);
            for row in 0..height {
                let row = bytes.get(row * stride..row * stride + width * 3)?;
                for pixel in row.as_chunks::<3>().0 {
                    let [r, g, b] =
                        if still.pixels == Pixels::Rgb { *pixel } else { [pixel[2], pixel[1], pixel[0]] };
                    samples.extend(super::color::ycbcr([r, g, b]));
                }
            }
            Plane::from_444(&samples, width, height)?
        }
    })
}

/// `at`: where luma, Cb and Cr are in each four bytes.
fn packed_422(
    bytes: &[u8],
    stride: usize,
    (width, height): (usize, usize),
    at: [usize; 3],
) -> Option<[Plane; 3]> {
    let (half_width, half_height) = chroma(width, height);
    let [luma, cb, cr] = at;
    let mut y = Vec::with_capacity((width + 1) * height);
    let mut halves =
        [Vec::with_capacity(half_width * half_height), Vec::with_capacity(half_width * half_height)];
    for row in 0..height {
        let line = bytes.get(row * stride..row * stride + half_width * 4)?;
        let quads = line.as_chunks::<4>().0;
        y.extend(quads.iter().flat_map(|quad| [quad[luma], quad[luma + 2]]));
        // Rows of chroma have no odd one left over.
        y.truncate((row + 1) * width);
        if row % 2 == 0 {
            let below = bytes.get((row + 1) * stride..(row + 1) * stride + half_width * 4);
            let below = below.filter(|_| row + 1 < height).unwrap_or(line).as_chunks::<4>().0;
            for (plane, at) in halves.iter_mut().zip([cb, cr]) {
                let mean = |(one, other): (&[u8; 4], &[u8; 4])| {
                    (u16::from(one[at]) + u16::from(other[at])).div_ceil(2) as u8
                };
                plane.extend(quads.iter().zip(below).map(mean));
            }
        }
    }
    let [u, v] = halves.map(|samples| Plane::new(half_width, half_height, samples));
    Some([Plane::new(width, height, y)?, u?, v?])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Left half one colour, right half another, as `Y Cb Cr`.
    const LEFT: [u8; 3] = [90, 60, 200];
    const RIGHT: [u8; 3] = [180, 140, 100];

    fn pixel(x: usize, width: usize) -> [u8; 3] {
        if x < width / 2 { LEFT } else { RIGHT }
    }

    fn laid_out(pixels: Pixels, width: usize, height: usize, gap: usize) -> Vec<u8> {
        let plane = |part: usize, step: usize, rows: usize, gap: usize| -> Vec<u8> {
            let row: Vec<u8> = (0..width).step_by(step).map(|x| pixel(x, width)[part]).collect();
            [row, vec![7; gap]].concat().repeat(rows)
        };
        let quads = |order: [usize; 4]| -> Vec<u8> {
            let row: Vec<u8> = (0..width)
                .step_by(2)
                .flat_map(|x| {
                    let [y, u, v] = pixel(x, width);
                    order.map(|part| [y, u, v][part])
                })
                .collect();
            [row, vec![7; gap]].concat().repeat(height)
        };
        match pixels {
            Pixels::Grey => plane(0, 1, height, gap),
            Pixels::Yuyv => quads([0, 1, 0, 2]),
            Pixels::Uyvy => quads([1, 0, 2, 0]),
            Pixels::Nv12 => {
                let pairs: Vec<u8> =
                    (0..width).step_by(2).flat_map(|x| [pixel(x, width)[1], pixel(x, width)[2]]).collect();
                [plane(0, 1, height, gap), [pairs, vec![7; gap]].concat().repeat(height / 2)].concat()
            }
            Pixels::I420 | Pixels::Planar422 => {
                let rows = if pixels == Pixels::I420 { height / 2 } else { height };
                [plane(0, 1, height, gap), plane(1, 2, rows, gap / 2), plane(2, 2, rows, gap / 2)].concat()
            }
            Pixels::Jpeg | Pixels::Rgb | Pixels::Bgr => Vec::new(),
        }
    }

    #[test]
    fn every_layout_gives_the_same_picture() {
        use Pixels::{Grey, I420, Nv12, Planar422, Uyvy, Yuyv};
        let (width, height) = (32, 16);
        for (pixels, per_line) in
            [(Grey, 32), (Yuyv, 64), (Uyvy, 64), (Nv12, 32), (I420, 32), (Planar422, 32)]
        {
            for gap in [0, 8] {
                let bytes = laid_out(pixels, width, height, gap);
                let bytes_per_line = per_line + gap as u32;
                let still = Still { pixels, width: 32, height: 16, bytes_per_line, bytes: &bytes };
                let frame = Frame::from_still(&still).unwrap();
                let at = |x: usize| [frame.y.row(3)[x], frame.u.row(3)[x / 2], frame.v.row(3)[x / 2]];
                let want = |colour: [u8; 3]| if pixels == Grey { [colour[0], 128, 128] } else { colour };
                assert_eq!((at(2), at(30)), (want(LEFT), want(RIGHT)), "{pixels:?} {gap}");
                assert_eq!(frame.brightness(), 135);
                // The last row may lack its gap, but not a pixel.
                let last_gap = if matches!(pixels, I420 | Planar422) { gap / 2 } else { gap };
                let enough = bytes.len() - last_gap;
                for (length, good) in [(enough, true), (enough - 1, false), (0, false)] {
                    let cut = Still { bytes: &bytes[..length], ..still };
                    assert_eq!(Frame::from_still(&cut).is_ok(), good, "{pixels:?} {gap} {length}");
                }
            }
        }
    }

    #[test]
    fn colours_of_rgb_are_kept() {
        for (pixels, colour) in [(Pixels::Rgb, [200, 30, 60]), (Pixels::Bgr, [60, 30, 200])] {
            let bytes = colour.repeat(16 * 16);
            let still = Still { pixels, width: 16, height: 16, bytes_per_line: 48, bytes: &bytes };
            let frame = Frame::from_still(&still).unwrap();
            let back = super::super::color::rgb(&frame);
            let far = back[..3].iter().zip([200_u8, 30, 60]).map(|(a, b)| a.abs_diff(b)).max();
            assert!(far <= Some(2), "{:?}", &back[..3]);
        }
        let tiny = Still { pixels: Pixels::Rgb, width: 2, height: 2, bytes_per_line: 6, bytes: &[0; 12] };
        assert_eq!(Frame::from_still(&tiny), Err(Failed::TooLarge));
    }
}
