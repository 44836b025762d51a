//! A relay that is not well: since when, and when one connection tries again. Measured, and not by
//! the time of day: a clock that is put back by hours would keep all mail for as long.

use std::time::Duration;

use domain::outbox::{BackoffView, Jitter, relay_backoff};
use domain::{Failure, Timestamp};
use tokio::time::Instant;

pub struct RelayBackoff {
    relay: String,
    failure: Failure,
    /// How often in a row it was tried for nothing.
    failures: i64,
    since: Instant,
    next: Instant,
}

impl RelayBackoff {
    /// A relay that would not have a mail, whichever it were; again, where it failed `before`.
    pub fn new(
        relay: &str,
        failure: Failure,
        before: Option<&Self>,
        (moment, jitter): (Instant, Jitter),
    ) -> Self {
        let failures = before.map_or(1, |before| before.failures + 1);
        Self {
            relay: relay.to_owned(),
            failure,
            failures,
            since: before.map_or(moment, |before| before.since),
            next: moment + relay_backoff(failures, jitter),
        }
    }

    /// How long until one tries for all; none where its time has come.
    pub fn remaining(&self, moment: Instant) -> Option<Duration> {
        let left = self.next.saturating_duration_since(moment);
        (!left.is_zero()).then_some(left)
    }

    /// What the console is told where the time of day is `now`.
    pub fn view(&self, (now, moment): (Timestamp, Instant)) -> BackoffView {
        let since = now - moment.saturating_duration_since(self.since);
        BackoffView {
            relay: self.relay.clone(),
            failure: self.failure.clone(),
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
    fn a_trial_comes_when_its_wait_is_over_and_is_told_by_the_time_of_day() {
        let begun = Instant::now();
        let failure = || Failure::new(Stage::Data, Fault::TimedOut, "no answer");
        let at = |seconds| begun + Duration::from_secs(seconds);
        let first = RelayBackoff::new("relay:25", failure(), None, (at(0), 0));
        let again = RelayBackoff::new("relay:25", failure(), Some(&first), (at(6), 0));
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
            // It is always the hundredth second: the clock was put to it.
            let told = backoff.view((Timestamp(100_000), at(passed)));
            let told = (told.since.0 / 1000, told.next.0 / 1000);
            assert_eq!(told, (since, next), "after {passed} s");
        }
    }
}
