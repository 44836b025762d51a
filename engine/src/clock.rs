//! What time it is, so that a test can say so.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use domain::Instant;

/// Tells the time of day. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds that are added to the system's time.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    pub fn now(&self) -> Instant {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Instant(
            i64::try_from(now.as_millis()).unwrap_or(i64::MAX) + self.ahead.load(Ordering::Relaxed),
        )
    }

    /// Lets time pass, for this clock and its clones.
    pub fn advance(&self, by: std::time::Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.ahead.fetch_add(by, Ordering::Relaxed);
    }
}
