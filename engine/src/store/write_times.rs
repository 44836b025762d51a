//! How long transactions that write, and claims, take: histograms of this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The upper bounds of the histograms. Most are near 50 ms: an action on many messages holds SQLite's only
/// writer no longer.
pub const WRITE_BOUNDS: [Duration; 14] = [
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(30),
    Duration::from_millis(40),
    Duration::from_millis(50),
    Duration::from_millis(75),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// Counts transactions by how long they took, from their beginning to the end of their commit or rollback. Cheap
/// to clone.
#[derive(Clone, Debug, Default)]
pub struct WriteTimes(Arc<WriteCounters>);

#[derive(Debug, Default)]
struct WriteCounters {
    /// The sum of all times, in microseconds.
    microseconds: AtomicU64,
    /// Transactions per bound of the histogram, and those above the last.
    times: [AtomicU64; WRITE_BOUNDS.len() + 1],
}

/// A transaction that has begun. It is counted when this is dropped.
#[derive(Debug)]
pub struct WriteTimer {
    times: WriteTimes,
    begun: Instant,
}

/// The values of the histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteTimesReading {
    /// Transactions per bound of [`WRITE_BOUNDS`], and those above the last.
    pub times: Vec<u64>,
    /// The sum of all times.
    pub total: Duration,
}

impl WriteTimes {
    /// Counts a transaction that begins now. On SQLite it has the writer from now on.
    pub fn start(&self) -> WriteTimer {
        WriteTimer {
            times: self.clone(),
            begun: Instant::now(),
        }
    }

    /// Reads the histogram.
    pub fn read(&self) -> WriteTimesReading {
        let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WriteTimesReading {
            times: self.0.times.iter().map(number).collect(),
            total: Duration::from_micros(number(&self.0.microseconds)),
        }
    }

    fn add(&self, took: Duration) {
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let slot = WRITE_BOUNDS.partition_point(|bound| *bound < took);
        self.0.times[slot].fetch_add(1, Ordering::Relaxed);
        self.0
            .microseconds
            .fetch_add(microseconds, Ordering::Relaxed);
    }
}

impl Drop for WriteTimer {
    fn drop(&mut self) {
        self.times.add(self.begun.elapsed());
    }
}

impl WriteTimesReading {
    /// How many transactions have ended.
    pub fn number(&self) -> u64 {
        self.times.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_are_counted_by_how_long_they_took() {
        let times = WriteTimes::default();
        for milliseconds in [0, 1, 3, 50, 51, 6_000] {
            times.add(Duration::from_millis(milliseconds));
        }
        let reading = times.read();
        assert_eq!(reading.total, Duration::from_millis(6_105));
        assert_eq!(reading.number(), 6);
        let expected = [2, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1];
        assert_eq!(reading.times, expected);
        let timer = times.start();
        assert_eq!(times.read().number(), 6, "it has not ended");
        drop(timer);
        assert_eq!(times.read().number(), 7);
    }
}
