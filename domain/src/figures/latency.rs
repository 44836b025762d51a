//! A histogram of latencies in buckets of a logarithmic scale, and its compact encoding.

use std::time::Duration;

/// The longest latency with a bucket of its own: 30 days, in milliseconds. Longer latencies are counted
/// in the same bucket.
const LONGEST: u64 = 30 * 86_400_000;

/// The buckets of an octave.
const PER_OCTAVE: usize = 8;

/// The number of binary places in [`LOWER`] and [`MIDDLE`].
const PLACES: u32 = 20;

/// The lower bounds of the buckets of an octave: `2^(k/8)` in units of `2^-20`.
const LOWER: [u64; PER_OCTAVE] = [
    1_048_576, 1_143_480, 1_246_974, 1_359_835, 1_482_910, 1_617_125, 1_763_488, 1_923_097,
];

/// The geometric middles of the buckets of an octave: `2^((k + 1/2)/8)` in units of `2^-20`.
const MIDDLE: [u64; PER_OCTAVE] = [
    1_095_000, 1_194_106, 1_302_182, 1_420_040, 1_548_564, 1_688_722, 1_841_564, 2_008_240,
];

/// A bucket that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bucket {
    index: u8,
    count: u64,
}

/// A histogram of delivery latencies: eight buckets for each octave from 1 ms to 30 days.
///
/// A percentile of the histogram differs by at most 5 % from that of the latencies themselves; latencies
/// below 1 ms count as 1 ms. Histograms of parts are merged without a further error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatencyHistogram {
    /// The buckets that are not empty, in ascending order of their indexes.
    buckets: Vec<Bucket>,
}

impl LatencyHistogram {
    /// Whether no latency is counted.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// The number of latencies.
    pub fn count(&self) -> u64 {
        let counts = self.buckets.iter().map(|bucket| bucket.count);
        counts.fold(0, u64::saturating_add)
    }

    /// Counts a latency.
    pub fn record(&mut self, latency: Duration) {
        self.add(bucket_of(latency), 1);
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for bucket in &other.buckets {
            self.add(bucket.index, bucket.count);
        }
    }

    fn add(&mut self, index: u8, count: u64) {
        let found = self
            .buckets
            .binary_search_by_key(&index, |bucket| bucket.index);
        match found {
            Ok(at) => {
                let bucket = &mut self.buckets[at];
                bucket.count = bucket.count.saturating_add(count);
            }
            Err(at) => self.buckets.insert(at, Bucket { index, count }),
        }
    }

    /// The latency that `percent` of all latencies do not exceed, by the nearest rank: the middle of its
    /// bucket. `None` for an empty histogram.
    pub fn percentile(&self, percent: u32) -> Option<Duration> {
        let rank = (u128::from(self.count()) * u128::from(percent)).div_ceil(100);
        let mut below = 0;
        let bucket = self.buckets.iter().find(|bucket| {
            below += u128::from(bucket.count);
            below >= rank
        });
        // Saturated counts may add up to less than a rank.
        let bucket = bucket.or_else(|| self.buckets.last())?;
        Some(middle(bucket.index))
    }

    /// The encoding: for each bucket that is not empty the distance of its index from that of the bucket
    /// before and its count, both as LEB128.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 * self.buckets.len());
        let mut last = 0;
        for bucket in &self.buckets {
            push(&mut bytes, u64::from(bucket.index - last));
            push(&mut bytes, bucket.count);
            last = bucket.index;
        }
        bytes
    }

    /// Decodes [`LatencyHistogram::encode`]; `None` for other bytes.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut buckets: Vec<Bucket> = Vec::with_capacity(bytes.len() / 2);
        while !bytes.is_empty() {
            let distance = u8::try_from(take(&mut bytes)?).ok()?;
            let index = match buckets.last() {
                None => distance,
                Some(_) if distance == 0 => return None,
                Some(last) => last.index.checked_add(distance)?,
            };
            let count = take(&mut bytes).filter(|count| *count > 0)?;
            buckets.push(Bucket { index, count });
        }
        Some(Self { buckets })
    }
}

/// The index of the bucket of a latency.
fn bucket_of(latency: Duration) -> u8 {
    let milliseconds = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    let milliseconds = milliseconds.clamp(1, LONGEST);
    let octave = milliseconds.ilog2();
    let scaled = (milliseconds << PLACES) >> octave;
    // The first bound is not above any scaled latency.
    let within = LOWER.partition_point(|lower| *lower <= scaled) - 1;
    u8::try_from(octave as usize * PER_OCTAVE + within).unwrap_or(u8::MAX)
}

/// The middle of a bucket, to the microsecond.
fn middle(index: u8) -> Duration {
    let (octave, within) = (
        usize::from(index) / PER_OCTAVE,
        usize::from(index) % PER_OCTAVE,
    );
    Duration::from_micros(((1000 * MIDDLE[within]) << octave) >> PLACES)
}

/// Appends a number as LEB128.
fn push(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a number in LEB128 from the front of the bytes.
fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64_u32).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        // The tenth byte has one bit of the number.
        if shift == 63 && part > 1 {
            return None;
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn histogram(latencies: &[u64]) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::default();
        for latency in latencies {
            histogram.record(Duration::from_millis(*latency));
        }
        histogram
    }

    /// The percentile of the latencies themselves, by the nearest rank.
    fn exact(latencies: &[u64], percent: usize) -> u64 {
        let mut sorted = latencies.to_vec();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted[rank - 1].clamp(1, LONGEST)
    }

    #[test]
    fn a_latency_is_in_the_bucket_of_its_octave() {
        for (milliseconds, index) in [
            (0, 0),
            (1, 0),
            (2, 8),
            (3, 12),
            (4, 16),
            (1000, 79),
            (1023, 79),
            (1024, 80),
            (60_000, 126),
            (LONGEST - 1, 250),
            (LONGEST, 250),
            (u64::MAX, 250),
        ] {
            assert_eq!(
                bucket_of(Duration::from_millis(milliseconds)),
                index,
                "{milliseconds}"
            );
        }
    }

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        assert_eq!(LatencyHistogram::default().percentile(50), None);
        let latencies: Vec<u64> = (1..=99).map(|_| 10).chain([60_000]).collect();
        let histogram = histogram(&latencies);
        assert_eq!(histogram.count(), 100);
        for (percent, expected) in [(0, 10.0), (50, 10.0), (99, 10.0), (100, 60_000.0)] {
            let found = histogram.percentile(percent).expect("latencies");
            let error = (found.as_secs_f64() * 1000.0 / expected - 1.0).abs();
            assert!(error < 0.05, "{percent}: {found:?}");
        }
    }

    #[test]
    fn the_encoding_is_compact_and_others_are_refused() {
        for (latencies, encoded) in [
            (&[][..], &[0_u8; 0][..]),
            (&[1], &[0, 1]),
            (&[1, 1, 2], &[0, 2, 8, 1]),
            (&[LONGEST], &[0xfa, 0x01, 1]),
        ] {
            assert_eq!(histogram(latencies).encode(), encoded, "{latencies:?}");
        }
        for bytes in [
            // An index without a count, a repeated index, and a count of 0.
            &[1][..],
            &[1, 1, 0, 1],
            &[1, 0],
            // An index above the last bucket.
            &[0x80, 0x02, 1],
            &[200, 1, 1, 200, 1, 1],
            // An incomplete number, and one of more than 64 bits.
            &[1, 0x80],
            &[1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2],
        ] {
            assert_eq!(LatencyHistogram::decode(bytes), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn percentiles_are_at_most_five_percent_off(
            latencies in vec(0..2 * LONGEST, 1..200),
            small in vec(0..5000_u64, 1..200),
            percent in 1..=100_usize,
        ) {
            for latencies in [latencies, small] {
                let percentile = histogram(&latencies).percentile(percent as u32);
                let found = percentile.expect("latencies").as_secs_f64() * 1000.0;
                let exact = exact(&latencies, percent) as f64;
                prop_assert!((found / exact - 1.0).abs() < 0.05, "{found} of {exact}");
            }
        }

        #[test]
        fn merged_parts_are_the_whole(
            one in vec(0..LONGEST, 0..50),
            other in vec(0..LONGEST, 0..50),
        ) {
            let mut merged = histogram(&one);
            merged.merge(&histogram(&other));
            prop_assert_eq!(merged, histogram(&[one, other].concat()));
        }

        #[test]
        fn decoding_is_the_inverse_of_encoding(
            latencies in vec(0..LONGEST, 0..50),
            times in 1..u64::MAX / 100,
        ) {
            let mut counted = LatencyHistogram::default();
            for latency in latencies {
                counted.add(bucket_of(Duration::from_millis(latency)), times);
            }
            prop_assert_eq!(LatencyHistogram::decode(&counted.encode()), Some(counted));
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in vec(any::<u8>(), 0..40)) {
            if let Some(decoded) = LatencyHistogram::decode(&bytes) {
                prop_assert_eq!(LatencyHistogram::decode(&decoded.encode()), Some(decoded));
            }
        }
    }
}
