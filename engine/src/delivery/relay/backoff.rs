//! Backoff of a relay that fails every message: since when, and when one connection tries again.
//!
//! Measured by the monotonic clock: after the time of day was set back by hours, delivery would wait
//! for as long.

use std::time::Duration;

use domain::outbox::{BackoffView, Jitter, RelayState, relay_backoff};
use domain::{Failure, Timestamp};
use tokio::time::Instant;

/// A relay that is backing off. It is half-open once [`RelayBackoff::remaining`] is over: then one
/// connection tries for all.
pub(in crate::delivery) struct RelayBackoff {
    relay: String,
    failure: Failure,
    /// Consecutive failures.
    failures: i64,
    since: Instant,
    next: Instant,
}

impl RelayBackoff {
    /// Starts the backoff after a failure; `earlier` is the backoff whose half-open attempt failed.
    pub fn after(
        earlier: Option<&Self>,
        relay: &str,
        failure: Failure,
        now: Instant,
        jitter: Jitter,
    ) -> Self {
        let failures = earlier.map_or(1, |earlier| earlier.failures + 1);
        Self {
            relay: relay.to_owned(),
            failure,
            failures,
            since: earlier.map_or(now, |earlier| earlier.since),
            next: now + relay_backoff(failures, jitter),
        }
    }

    /// The time until one connection tries again; `None` where that is now.
    pub fn remaining(&self, now: Instant) -> Option<Duration> {
        let left = self.next.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// The first failure in a row.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// The backoff by the time of day.
    pub fn view(&self, state: RelayState, now: Timestamp, monotonic: Instant) -> BackoffView {
        let since = now - monotonic.saturating_duration_since(self.since);
        BackoffView {
            relay: self.relay.clone(),
            id: None,
            name: None,
            account: None,
            state,
            failure: self.failure.clone(),
            cause: None,
            since,
            next: since + self.next.saturating_duration_since(self.since),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Fault, Stage};

    use super::*;

    #[test]
    fn an_attempt_is_made_after_the_backoff_which_is_shown_by_the_time_of_day() {
        let begun = Instant::now();
        let failure = || Failure::new(Stage::Data, Fault::TimedOut, "no answer");
        let at = |seconds| begun + Duration::from_secs(seconds);
        let first = RelayBackoff::after(None, "relay:25", failure(), at(0), 0);
        let again = RelayBackoff::after(Some(&first), "relay:25", failure(), at(6), 0);
        for (backoff, passed, left, since, next) in [
            (&first, 0, Some(5), 100, 105),
            (&first, 4, Some(1), 96, 101),
            (&first, 5, None, 95, 100),
            (&first, 6, None, 94, 99),
            (&again, 6, Some(10), 94, 110),
            (&again, 16, None, 84, 100),
        ] {
            let left = left.map(Duration::from_secs);
            assert_eq!(backoff.remaining(at(passed)), left, "after {passed} s");
            // The time of day is always the hundredth second: the clock was set to it.
            let state = RelayState::BackingOff;
            let view = backoff.view(state, Timestamp(100_000), at(passed));
            let shown = (view.since.0 / 1000, view.next.0 / 1000);
            assert_eq!(shown, (since, next), "after {passed} s");
        }
    }
}
