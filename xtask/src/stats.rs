//! From samples to the few numbers a page tells. Pure.

use serde_json::{Value, json};

/// Nearest-rank percentiles: every one of
/// them is a value that was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) count: usize,
    pub(crate) min: f64,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Summary {
    /// # Panics
    /// Without samples: a scenario that measured nothing has failed before.
    pub(crate) fn of(samples: &[f64]) -> Self {
        assert!(!samples.is_empty(), "a scenario takes samples or fails");
        let mut sorted = samples.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let rank = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1];
        Self {
            count: sorted.len(),
            min: sorted[0],
            p50: rank(50),
            p95: rank(95),
            p99: rank(99),
            max: sorted[sorted.len() - 1],
        }
    }

    pub(crate) fn json(self) -> Value {
        json!({
            "count": self.count,
            "min": rounded(self.min),
            "p50": rounded(self.p50),
            "p95": rounded(self.p95),
            "p99": rounded(self.p99),
            "max": rounded(self.max),
        })
    }
}

/// Three digits behind the point: microseconds of milliseconds, kilobytes of megabytes.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let samples: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let summary = Summary::of(&samples);
        assert_eq!(
            (summary.min, summary.p50, summary.p95, summary.p99, summary.max),
            (1., 50., 95., 99., 100.)
        );
        let few = Summary::of(&[3., 1., 2.]);
        assert_eq!((few.count, few.p50, few.p95, few.max), (3, 2., 3., 3.));
        assert_eq!((Summary::of(&[7.]).p50, Summary::of(&[7.]).max), (7., 7.));
    }
}
