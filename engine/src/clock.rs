//! The clock: UTC time of day and monotonic time, both adjustable in tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::Timestamp;
use domain::timestamp::milliseconds;
use tokio::time::Instant;

/// The clocks of the nodes may differ by so much.
pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Reads the time of day and monotonic time. Cheap to clone; clones share their offsets.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds added to both times by [`Clock::advance`].
    advanced_by: Arc<AtomicU64>,
    /// Further offset of the time of day, in milliseconds, set by [`Clock::put_back`] and
    /// [`Clock::put_forward`].
    day_offset: Arc<AtomicI64>,
}

impl Clock {
    /// The time of day, to be stored and displayed. The system clock may step forward or back at
    /// any time, so durations are measured with [`Clock::monotonic`].
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Timestamp {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = Timestamp(milliseconds(now)) + self.advanced_by();
        Timestamp(now.0 + self.day_offset.load(Ordering::Relaxed))
    }

    /// Monotonic time, unaffected by changes of the time of day. Timeouts, backoffs and rate limits
    /// use it.
    pub fn monotonic(&self) -> Instant {
        Instant::now() + self.advanced_by()
    }

    /// Advances both times by `by`, for this clock and its clones.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.advanced_by.fetch_add(by, Ordering::Relaxed);
    }

    /// Sets the time of day back by `by`, for this clock and its clones. Monotonic time is
    /// unaffected.
    pub fn put_back(&self, by: Duration) {
        self.day_offset
            .fetch_sub(milliseconds(by), Ordering::Relaxed);
    }

    /// Sets the time of day forward by `by`, for this clock and its clones. Monotonic time is
    /// unaffected.
    pub fn put_forward(&self, by: Duration) {
        self.day_offset
            .fetch_add(milliseconds(by), Ordering::Relaxed);
    }

    /// By how much [`Clock::advance`] advanced it.
    pub(crate) fn advanced_by(&self) -> Duration {
        Duration::from_millis(self.advanced_by.load(Ordering::Relaxed))
    }
}
