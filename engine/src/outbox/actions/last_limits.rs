//! The limits of suppressions of the relays whose recipients were counted within a minute.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How long the recipients of a relay are not counted again.
const LIFETIME: Duration = Duration::from_secs(60);

/// The limits by relay.
#[derive(Default)]
pub(in crate::outbox) struct LastLimits(Mutex<HashMap<String, CountedLimit>>);

struct CountedLimit {
    limit: i64,
    counted: Instant,
}

impl CountedLimit {
    fn is_recent(&self, now: Instant) -> bool {
        now - self.counted < LIFETIME
    }
}

impl LastLimits {
    /// The limit of a relay, where it was counted within a minute.
    pub fn of(&self, relay: &str, now: Instant) -> Option<i64> {
        let limits = self.0.lock();
        let known = limits.get(relay).filter(|known| known.is_recent(now));
        known.map(|known| known.limit)
    }

    /// Keeps the limit of a relay that was counted at `now`.
    pub fn set(&self, relay: &str, limit: i64, now: Instant) {
        let mut limits = self.0.lock();
        limits.retain(|_, known| known.is_recent(now));
        let counted = CountedLimit {
            limit,
            counted: now,
        };
        limits.insert(relay.to_owned(), counted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_each_relay_is_known_for_a_minute() {
        let (limits, begun) = (LastLimits::default(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        limits.set("one:25", 20, at(0));
        limits.set("other:25", 30, at(30));
        assert_eq!(limits.of("one:25", at(59)), Some(20));
        assert_eq!(limits.of("other:25", at(59)), Some(30));
        assert_eq!(limits.of("one:25", at(60)), None);
        limits.set("third:25", 40, at(60));
        assert_eq!(limits.0.lock().len(), 2, "the first is forgotten");
    }
}
