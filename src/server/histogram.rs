//! A histogram of durations with two significant digits, as `INFO latencystats` and
//! `LATENCY HISTOGRAM` show them.
//!
//! Values are nanoseconds from 1 to a second; longer ones count as a second. A bucket spans less than
//! 1% of its values: 256 buckets of one nanosecond, then 128 for every doubling.

/// Bits of a value that choose its bucket.
const PRECISION_BITS: u32 = 8;
/// Buckets to a doubling.
const HALF: usize = 1 << (PRECISION_BITS - 1);
/// Longest duration told apart, in nanoseconds.
const VALUE_NS_MAX: u64 = 1_000_000_000;
/// Number of buckets: up to the doubling that holds the longest duration.
const BUCKETS: usize = index_of(VALUE_NS_MAX.next_power_of_two() - 1) + 1;
/// First bound `LATENCY HISTOGRAM` shows, in nanoseconds; each next one doubles it.
const FIRST_BOUND_NS: u64 = 1024;

/// Counts durations. 12 KiB, so it is made for a command only when that command runs.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Box<[u32]>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into_boxed_slice(), total: 0 }
    }
}

/// The bucket of a value. Buckets are in order of their values.
const fn index_of(value: u64) -> usize {
    let shift = (64 - (value | 1).leading_zeros()).saturating_sub(PRECISION_BITS);
    (shift as usize) * HALF + (value >> shift) as usize
}

/// The largest value in a bucket.
const fn last_value_of(index: usize) -> u64 {
    let shift = (index / HALF).saturating_sub(1);
    let leading = (index - shift * HALF) as u64;
    ((leading + 1) << shift) - 1
}

impl Histogram {
    /// Counts one duration.
    pub fn record_us(&mut self, us: u64) {
        let ns = us.saturating_mul(1000).clamp(1, VALUE_NS_MAX);
        if let Some(count) = self.counts.get_mut(index_of(ns)) {
            *count = count.saturating_add(1);
            self.total += 1;
        }
    }

    /// Number of durations counted.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The duration, in microseconds, that this percentage of all durations does not exceed.
    pub fn percentile_us(&self, percentage: f64) -> f64 {
        let wanted = (percentage / 100.0 * self.total as f64 + 0.5) as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted.max(1) {
                return last_value_of(index) as f64 / 1000.0;
            }
        }
        0.0
    }

    /// Bounds in microseconds, each twice the one before, with the number of durations up to it; only
    /// bounds at which the number grows.
    pub fn cumulative_us(&self) -> Vec<(u64, u64)> {
        let mut pairs: Vec<(u64, u64)> = Vec::new();
        let mut seen = 0;
        let mut bound = FIRST_BOUND_NS;
        for (index, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if index != index_of(bound) && index + 1 != BUCKETS {
                continue;
            }
            if pairs.last().map_or(0, |(_, before)| *before) < seen {
                pairs.push((last_value_of(index) / 1000, seen));
            }
            bound *= 2;
        }
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket() {
        let mut before = None;
        for index in 0..BUCKETS {
            let last = last_value_of(index);
            assert_eq!(index_of(last), index);
            assert_eq!(index_of(last + 1), index + 1);
            assert!(before < Some(last));
            before = Some(last);
        }
    }

    #[test]
    fn percentiles_are_those_of_redis() {
        let of = |values: &[u64], percentage| {
            let mut histogram = Histogram::default();
            values.iter().for_each(|us| histogram.record_us(*us));
            format!("{:.3}", histogram.percentile_us(percentage))
        };
        // Figures that redis-server 7.0 shows for the same durations.
        for (us, shown) in [(13, "13.055"), (5, "5.023"), (626, "626.687"), (1, "1.003")] {
            assert_eq!(of(&[us], 50.0), shown);
        }
        assert_eq!(of(&[5, 6], 50.0), "5.023");
        assert_eq!(of(&[5, 6], 99.9), "6.015");
        assert_eq!(of(&[], 50.0), "0.000");
        assert_eq!(of(&[u64::MAX], 50.0), "1002438.655");
    }

    #[test]
    fn cumulative_bounds_double() {
        let mut histogram = Histogram::default();
        for us in [0, 1, 3, 7, 20, 1000, 10_100, 20_000] {
            histogram.record_us(us);
        }
        let expected = [(1, 2), (4, 3), (8, 4), (33, 5), (1056, 6), (16908, 7), (33816, 8)];
        assert_eq!(histogram.cumulative_us(), expected);
        histogram.record_us(u64::MAX);
        assert_eq!(histogram.cumulative_us().last(), Some(&(1_073_741, 9)));
        assert_eq!(histogram.count(), 9);
    }
}
