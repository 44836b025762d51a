//! The limit of suppressions of the relay whose recipients were counted last.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How long the recipients of a relay are not counted again.
const LIFETIME: Duration = Duration::from_secs(60);

/// The limit of the relay that was counted last.
#[derive(Default)]
pub(super) struct LastLimit(Mutex<Option<CountedLimit>>);

struct CountedLimit {
    relay: String,
    limit: i64,
    counted: Instant,
}

impl LastLimit {
    /// The limit of a relay, where it was counted within a minute.
    pub fn of(&self, relay: &str, now: Instant) -> Option<i64> {
        let last = self.0.lock();
        let last = last.as_ref()?;
        (last.relay == relay && now - last.counted < LIFETIME).then_some(last.limit)
    }

    /// Keeps the limit of a relay that was counted at `now`.
    pub fn set(&self, relay: &str, limit: i64, now: Instant) {
        *self.0.lock() = Some(CountedLimit {
            relay: relay.to_owned(),
            limit,
            counted: now,
        });
    }
}
