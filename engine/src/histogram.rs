//! Histograms of times: how many are within each of some bounds, counted without locks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Counts times since the start of the process. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Histogram(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    bounds: &'static [Duration],
    /// Times per bound, and those above the last.
    times: Box<[AtomicU64]>,
    /// The sum of all times, in microseconds.
    microseconds: AtomicU64,
}

/// A time that is being measured. It is counted when this is dropped.
#[derive(Debug)]
pub(crate) struct Timer {
    histogram: Histogram,
    begun: Instant,
}

/// The values of a histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistogramReading {
    /// Upper bounds, ascending.
    pub bounds: &'static [Duration],
    /// Times per bound that are in none before, and those above the last.
    pub times: Vec<u64>,
    /// The sum of all times.
    pub total: Duration,
}

impl Histogram {
    /// Without any times, for these upper bounds, ascending.
    pub fn new(bounds: &'static [Duration]) -> Self {
        let times = std::iter::repeat_with(AtomicU64::default);
        Self(Arc::new(Counters {
            bounds,
            times: times.take(bounds.len() + 1).collect(),
            microseconds: AtomicU64::default(),
        }))
    }

    /// Measures a time that begins now.
    pub fn start(&self) -> Timer {
        Timer {
            histogram: self.clone(),
            begun: Instant::now(),
        }
    }

    /// Counts a time. Returns the index of its bound, that behind the last where it is above all.
    pub fn add(&self, time: Duration) -> usize {
        let Counters {
            bounds,
            times,
            microseconds,
        } = &*self.0;
        let slot = bounds.partition_point(|bound| *bound < time);
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        times[slot].fetch_add(1, Ordering::Relaxed);
        microseconds.fetch_add(time, Ordering::Relaxed);
        slot
    }

    /// Reads the counters.
    pub fn read(&self) -> HistogramReading {
        let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HistogramReading {
            bounds: self.0.bounds,
            times: self.0.times.iter().map(number).collect(),
            total: Duration::from_micros(number(&self.0.microseconds)),
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.histogram.add(self.begun.elapsed());
    }
}

impl HistogramReading {
    /// How many times are counted.
    pub fn number(&self) -> u64 {
        self.times.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: [Duration; 4] = [
        Duration::from_millis(1),
        Duration::from_millis(5),
        Duration::from_millis(50),
        Duration::from_millis(75),
    ];

    #[test]
    fn times_are_counted_by_their_bound() {
        let histogram = Histogram::new(&BOUNDS);
        for (milliseconds, slot) in [(0, 0), (1, 0), (3, 1), (50, 2), (51, 3), (6_000, 4)] {
            let time = Duration::from_millis(milliseconds);
            assert_eq!(histogram.add(time), slot, "{milliseconds} ms");
        }
        let reading = histogram.read();
        assert_eq!(reading.bounds, BOUNDS);
        assert_eq!(reading.total, Duration::from_millis(6_105));
        assert_eq!(
            (reading.times.as_slice(), reading.number()),
            (&[2, 1, 1, 1, 1][..], 6)
        );
        let timer = histogram.start();
        assert_eq!(histogram.read().number(), 6, "it has not ended");
        drop(timer);
        assert_eq!(histogram.read().number(), 7);
    }
}
