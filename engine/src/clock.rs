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
    /// Further offset of the time of day, in milliseconds, set by [`Clock::put_back`].
    day_offset: Arc<AtomicI64>,
}

impl Clock {
    /// The time of day, to be stored and displayed. The system clock may step forward or back at
    /// any time, so durations are measured with [`Clock::monotonic`].
    pub fn now(&self) -> Timestamp {
        let now = Self::of_machine() + self.advanced();
        Timestamp(now.0 + self.day_offset.load(Ordering::Relaxed))
    }

    /// The time of day by the clock of this machine, to compare it with that of another one.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn of_machine() -> Timestamp {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(milliseconds(now))
    }

    /// By how many milliseconds another clock, which says `other` now, is ahead of that of this machine, which
    /// said `asked_at` before the question. What the answer took is no difference.
    pub(crate) fn ahead_of_machine(other: Timestamp, asked_at: Timestamp) -> i64 {
        let answered_at = Self::of_machine().max(asked_at);
        other.0 - other.0.clamp(asked_at.0, answered_at.0)
    }

    /// Monotonic time, unaffected by changes of the time of day. Timeouts, backoffs and rate limits
    /// use it.
    pub fn monotonic(&self) -> Instant {
        Instant::now() + self.advanced()
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

    fn advanced(&self) -> Duration {
        Duration::from_millis(self.advanced_by.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_clocks_is_more_than_the_time_of_the_answer() {
        let now = Clock::of_machine();
        let asked_at = now - Duration::from_secs(5);
        let second = Duration::from_secs(1);
        assert_eq!(Clock::ahead_of_machine(now - second, asked_at), 0);
        assert_eq!(Clock::ahead_of_machine(asked_at - second, asked_at), -1000);
        let ahead = Clock::ahead_of_machine(now + Duration::from_hours(1), asked_at);
        assert!((3_500_000..=3_600_000).contains(&ahead), "{ahead}");
    }
}
