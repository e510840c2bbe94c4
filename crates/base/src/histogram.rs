//! How long things took: counted in fixed buckets, read as a distribution. One addition of each kind to
//! observe, no lock. What was measured, and by which clock, is the caller's business.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Upper bounds of the buckets, in microseconds. From a ping to the longest wait for a camera; what took
/// longer falls into one more bucket without a bound.
pub const BOUNDS_US: [u64; 18] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 30_000_000,
];

/// Counts by duration.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

/// A histogram as it was read. Buckets hold what fell into each, not what fell into all below too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Distribution {
    /// How many fell into each bucket; the last one is that without a bound.
    pub buckets: [u64; BOUNDS_US.len() + 1],
    /// All of them together, in microseconds.
    pub sum_us: u64,
}

impl Histogram {
    /// Counts one.
    pub fn observe(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < us);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// As it is now.
    pub fn read(&self) -> Distribution {
        Distribution {
            buckets: std::array::from_fn(|bucket| self.buckets[bucket].load(Ordering::Relaxed)),
            sum_us: self.sum_us.load(Ordering::Relaxed),
        }
    }
}

impl Distribution {
    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Adds what another one holds.
    pub fn add(&mut self, other: &Self) {
        self.buckets.iter_mut().zip(other.buckets).for_each(|(mine, theirs)| *mine += theirs);
        self.sum_us += other.sum_us;
    }

    /// The duration that `share` of all stayed below, as Prometheus' `histogram_quantile` reckons: spread
    /// evenly inside a bucket. What is beyond the last bound is told as that bound. `None`: nothing was
    /// observed.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = share * count as f64;
        let mut below = 0_u64;
        for (bucket, inside) in self.buckets.iter().enumerate() {
            let reached = below + inside;
            if *inside > 0 && reached as f64 >= rank {
                let low = bucket.checked_sub(1).map_or(0, |previous| BOUNDS_US[previous]);
                let high = BOUNDS_US.get(bucket).copied().unwrap_or(low);
                let part = ((rank - below as f64) / *inside as f64).clamp(0.0, 1.0);
                let us = low as f64 + (high - low) as f64 * part;
                return Some(Duration::from_secs_f64(us / 1e6));
            }
            below = reached;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::default();
        for us in [0, 50, 51, 30_000_000, 30_000_001] {
            histogram.observe(Duration::from_micros(us));
        }
        let read = histogram.read();
        assert_eq!((read.buckets[0], read.buckets[1]), (2, 1));
        assert_eq!((read.buckets[17], read.buckets[18]), (1, 1));
        assert_eq!((read.count(), read.sum_us), (5, 60_000_102));
    }

    #[test]
    fn quantiles_are_reckoned_inside_the_bucket() {
        let histogram = Histogram::default();
        assert_eq!(histogram.read().quantile(0.5), None);
        // 90 between 500 us and 1 ms, 10 between 10 and 25 ms.
        (0..90).for_each(|_| histogram.observe(Duration::from_micros(700)));
        (0..10).for_each(|_| histogram.observe(Duration::from_millis(20)));
        let ms = |share| histogram.read().quantile(share).unwrap().as_secs_f64() * 1e3;
        assert!((ms(0.45) - 0.75).abs() < 1e-9, "{}", ms(0.45));
        assert!((ms(0.95) - 17.5).abs() < 1e-9, "{}", ms(0.95));
        assert!((ms(1.0) - 25.0).abs() < 1e-9);
        let far = Histogram::default();
        far.observe(Duration::from_hours(1));
        assert_eq!(far.read().quantile(0.5), Some(Duration::from_secs(30)));
    }

    #[test]
    fn distributions_add_up() {
        let (one, two) = (Histogram::default(), Histogram::default());
        one.observe(Duration::from_micros(10));
        two.observe(Duration::from_secs(1));
        let mut sum = one.read();
        sum.add(&two.read());
        assert_eq!((sum.count(), sum.sum_us, sum.buckets[13]), (2, 1_000_010, 1));
    }
}
