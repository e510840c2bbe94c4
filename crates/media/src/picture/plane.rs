//! One plane of samples, and changing its size.

use std::cmp::Ordering;

/// Samples row by row without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plane {
    width: usize,
    height: usize,
    samples: Vec<u8>,
}

/// Fixed-point one of the weights below: 255 times it fits 32 bits, and the rounding of 8,192 weights
/// is lost in it.
const ONE: u32 = 1 << 22;

/// Which input samples make one output sample: `first` on, each with its weight; weights add to [`ONE`].
struct Tap {
    first: usize,
    weights: Vec<u32>,
}

impl Plane {
    /// `None` when `samples` is not exactly `width` × `height`, or empty.
    pub(super) fn new(width: usize, height: usize, samples: Vec<u8>) -> Option<Self> {
        let right = !samples.is_empty() && width.checked_mul(height) == Some(samples.len());
        right.then_some(Self { width, height, samples })
    }

    /// Takes the first `width` samples of each of `height` rows, `stride` apart. `None` when `from` is
    /// too short.
    pub(super) fn packed(from: &[u8], stride: usize, width: usize, height: usize) -> Option<Self> {
        let mut samples = Vec::with_capacity(width.checked_mul(height)?);
        for row in 0..height {
            let start = row.checked_mul(stride)?;
            samples.extend_from_slice(from.get(start..start.checked_add(width)?)?);
        }
        Self::new(width, height, samples)
    }

    /// Three planes of 4:2:0 from pixels that have three samples each. `None` when there are too few.
    pub(super) fn from_444(samples: &[u8], width: usize, height: usize) -> Option<[Self; 3]> {
        let pixels = samples.get(..width.checked_mul(height)?.checked_mul(3)?)?;
        let (half_width, half_height) = super::chroma(width, height);
        let part = |part: usize| -> Vec<u8> { pixels.iter().skip(part).step_by(3).copied().collect() };
        let whole = |number: usize| Self::new(width, height, part(number));
        let half = |number: usize| Some(whole(number)?.resized(half_width, half_height));
        Some([whole(0)?, half(1)?, half(2)?])
    }

    /// The same without a colour.
    pub(super) fn with_grey(luma: Self, width: usize, height: usize) -> [Self; 3] {
        let (width, height) = super::chroma(width, height);
        let grey = Self { width, height, samples: vec![128; width * height] };
        [luma, grey.clone(), grey]
    }

    /// Turned clockwise by so many quarters.
    pub(super) fn turned(&self, quarters: u8) -> Self {
        let (width, height) = (self.width, self.height);
        let at = |x: usize, y: usize| self.samples[y * width + x];
        match quarters % 4 {
            1 => {
                let samples = (0..width).flat_map(|x| (0..height).rev().map(move |y| at(x, y))).collect();
                Self { width: height, height: width, samples }
            }
            2 => Self { samples: self.samples.iter().rev().copied().collect(), ..*self },
            3 => {
                let samples = (0..width).rev().flat_map(|x| (0..height).map(move |y| at(x, y))).collect();
                Self { width: height, height: width, samples }
            }
            _ => self.clone(),
        }
    }

    /// Width and height in samples.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// All samples, row by row.
    pub(super) fn samples(&self) -> &[u8] {
        &self.samples
    }

    /// Row `y`; the last one for any below.
    pub(super) fn row(&self, y: usize) -> &[u8] {
        let start = y.min(self.height - 1) * self.width;
        &self.samples[start..start + self.width]
    }

    /// The same picture in another size: each axis averages the area it shrinks and interpolates
    /// linearly where it grows. Sides of 0 are taken as 1.
    pub(super) fn resized(&self, width: usize, height: usize) -> Self {
        let across = taps(self.width, width.max(1));
        let down = taps(self.height, height.max(1));
        let (width, height) = (across.len(), down.len());
        let mut narrow = Vec::with_capacity(width * self.height);
        for row in self.samples.chunks_exact(self.width) {
            narrow.extend(across.iter().map(|tap| {
                let sum: u32 =
                    row[tap.first..].iter().zip(&tap.weights).map(|(s, w)| u32::from(*s) * w).sum();
                rounded(sum)
            }));
        }
        let mut samples = Vec::with_capacity(width * height);
        let mut sums = vec![0u32; width];
        for tap in &down {
            sums.fill(0);
            for (row, weight) in narrow[tap.first * width..].chunks_exact(width).zip(&tap.weights) {
                for (sum, sample) in sums.iter_mut().zip(row) {
                    *sum += u32::from(*sample) * weight;
                }
            }
            samples.extend(sums.iter().map(|sum| rounded(*sum)));
        }
        Self { width, height, samples }
    }
}

fn rounded(sum: u32) -> u8 {
    ((sum + ONE / 2) / ONE).min(255) as u8
}

fn taps(from: usize, to: usize) -> Vec<Tap> {
    let step = from as f64 / to as f64;
    let tap = |first: usize, weights: Vec<f64>| {
        let total: f64 = weights.iter().sum();
        let mut weights: Vec<u32> =
            weights.iter().map(|w| (w / total * f64::from(ONE)).round() as u32).collect();
        // Rounding may leave the sum a little off, which would tint a flat area: the largest one,
        // where it shows least, takes the difference.
        let off = i64::from(ONE) - weights.iter().map(|w| i64::from(*w)).sum::<i64>();
        if let Some(largest) = weights.iter_mut().max() {
            *largest = (i64::from(*largest) + off).max(0) as u32;
        }
        Tap { first, weights }
    };
    (0..to)
        .map(|at| match to.cmp(&from) {
            Ordering::Equal => tap(at, vec![1.0]),
            Ordering::Less => {
                let (start, end) = (at as f64 * step, ((at + 1) as f64 * step).min(from as f64));
                let first = (start as usize).min(from - 1);
                let last = (end.ceil() as usize).clamp(first + 1, from);
                let covered = |i: usize| ((i + 1) as f64).min(end) - (i as f64).max(start);
                tap(first, (first..last).map(|i| covered(i).max(0.0)).collect())
            }
            Ordering::Greater => {
                let centre = ((at as f64 + 0.5) * step - 0.5).clamp(0.0, (from - 1) as f64);
                let first = (centre as usize).min(from.saturating_sub(2));
                let second = centre - first as f64;
                tap(first, if from == 1 { vec![1.0] } else { vec![1.0 - second, second] })
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_averages_and_growing_interpolates() {
        let plane = Plane::new(4, 2, vec![0, 100, 200, 40, 100, 200, 40, 0]).unwrap();
        assert_eq!(plane.resized(2, 1).samples(), [100, 70]);
        assert_eq!(plane.resized(4, 2), plane);
        let ramp = Plane::new(2, 1, vec![0, 100]).unwrap();
        assert_eq!(ramp.resized(4, 2).samples(), [0, 25, 75, 100, 0, 25, 75, 100]);
    }

    #[test]
    fn a_flat_area_stays_flat_in_any_size() {
        for (w, h) in [(1, 1), (2, 3), (640, 360), (17, 5)] {
            let plane = Plane::new(w, h, vec![235; w * h]).unwrap();
            for (to_w, to_h) in [(1, 1), (16, 16), (7, 1000), (641, 359), (0, 0)] {
                let got = plane.resized(to_w, to_h);
                assert_eq!(got.samples().len(), to_w.max(1) * to_h.max(1));
                assert!(got.samples().iter().all(|s| *s == 235), "{w}x{h} to {to_w}x{to_h}");
            }
        }
    }

    #[test]
    fn too_few_samples_are_noticed() {
        assert!(Plane::new(2, 2, vec![0; 3]).is_none());
        assert!(Plane::new(0, 2, vec![]).is_none());
        assert!(Plane::packed(&[0; 10], 4, 3, 3).is_none());
        assert_eq!(Plane::packed(&[1, 2, 9, 9, 3, 4], 4, 2, 2).unwrap().samples(), [1, 2, 3, 4]);
    }
}
