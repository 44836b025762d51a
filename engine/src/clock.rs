//! What time it is, so that a test can say so.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::Timestamp;
use tokio::time::Instant;

/// Tells the time of day, and how time passes. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds that passed beside the real ones.
    passed: Arc<AtomicU64>,
    /// Milliseconds by which the time of day differs besides.
    put: Arc<AtomicI64>,
}

impl Clock {
    /// The time of day: what is stored and shown. It may be put forward or back at any time.
    pub fn now(&self) -> Timestamp {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = Timestamp(milliseconds(now)) + self.passed();
        Timestamp(now.0 + self.put.load(Ordering::Relaxed))
    }

    /// A moment of this process, whatever the time of day is put to: what waits are measured with.
    pub fn monotonic(&self) -> Instant {
        Instant::now() + self.passed()
    }

    /// Lets time pass, for this clock and its clones.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.passed.fetch_add(by, Ordering::Relaxed);
    }

    /// Puts the time of day back, for this clock and its clones; no time passes.
    pub fn put_back(&self, by: Duration) {
        self.put.fetch_sub(milliseconds(by), Ordering::Relaxed);
    }

    fn passed(&self) -> Duration {
        Duration::from_millis(self.passed.load(Ordering::Relaxed))
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
