//! Mail that a relay accepts, in the place of a check.

use std::time::Duration;

use domain::Timestamp;
use domain::health::HealthState;

use super::state::INTERVAL;
use crate::clock::CLOCK_SKEW;
use crate::store::relays::health::{HealthRecord, HealthRow};

/// A relay through which mail flows is checked only so often: the mail shows that it is healthy.
const MAIL_INTERVAL: Duration = Duration::from_mins(30);

/// A relay that accepted mail so short a time ago answers: where it refuses one more connection, that
/// says nothing about its health.
const BUSY: Duration = Duration::from_mins(1);

impl HealthRow {
    /// Whether accepted mail stands in for the check that is due.
    ///
    /// A relay with a limit of connections is not checked at all while mail flows: the check would take
    /// one of them. Only the mail through a healthy relay counts: others have to show that they accept
    /// every connection.
    pub(super) fn needs_no_check(&self, is_limited: bool, now: Timestamp) -> bool {
        let is_healthy = self.record.state == HealthState::Healthy && self.record.is_settled();
        let has_mail = self.has_mail(INTERVAL, now);
        let checked = is_within(self.checked_at, MAIL_INTERVAL, now);
        is_healthy && has_mail && (is_limited || checked)
    }

    /// Whether a refusal of one more connection is no failure.
    pub(super) fn is_busy(&self, now: Timestamp) -> bool {
        self.has_mail(BUSY, now)
    }

    fn has_mail(&self, within: Duration, now: Timestamp) -> bool {
        is_within(self.mail_at, within, now)
    }

    /// The record with the mail that a relay accepted after it was down: one success, in the order of
    /// time.
    pub(super) fn record_with_mail(&self, now: Timestamp) -> HealthRecord {
        let known = self.mail_at.filter(|at| !is_ahead(*at, now));
        let after = known.filter(|at| Some(*at) > self.checked_at);
        match (self.record.state, after) {
            (HealthState::Down, Some(at)) => self.record.after(Ok(()), at),
            _ => self.record.clone(),
        }
    }
}

/// Whether a time is less than `within` ago. One that a clock wrote that was ahead is not.
fn is_within(at: Option<Timestamp>, within: Duration, now: Timestamp) -> bool {
    at.is_some_and(|at| !is_ahead(at, now) && now.saturating_since(at) < within)
}

/// Whether a clock wrote a time that was ahead: those of nodes differ by less.
fn is_ahead(at: Timestamp, now: Timestamp) -> bool {
    at > now + CLOCK_SKEW
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Scope;

    /// A row with times in minutes.
    fn row(state: HealthState, checked_at: i64, mail_at: Option<i64>) -> HealthRow {
        let minutes = |minutes: i64| Timestamp(minutes * 60_000);
        HealthRow {
            scope: Scope::Global,
            revision: 1,
            record: HealthRecord {
                state,
                since: Timestamp(0),
                failing_since: None,
                failure: None,
                recent: vec![state == HealthState::Healthy],
                run_since: Timestamp(0),
            },
            checked_at: Some(minutes(checked_at)),
            mail_at: mail_at.map(minutes),
            due_at: minutes(100),
            is_leased: true,
        }
    }

    #[test]
    fn mail_through_a_healthy_relay_stands_in_for_a_check() {
        use HealthState::{Degraded, Down, Healthy, Unknown};
        // At minute 100.
        for (state, checked, mail, is_limited, expected) in [
            (Healthy, 95, Some(99), false, true),
            (Healthy, 71, Some(99), false, true),
            (Healthy, 70, Some(99), false, false),
            (Healthy, 70, Some(99), true, true),
            (Healthy, 95, Some(95), false, false),
            (Healthy, 95, None, true, false),
            (Degraded, 95, Some(99), true, false),
            (Down, 95, Some(99), true, false),
            (Unknown, 95, Some(99), true, false),
            // The clock of another node is a minute ahead.
            (Healthy, 101, Some(101), false, true),
            // The clock was set back.
            (Healthy, 95, Some(102), false, false),
            (Healthy, 95, Some(102), true, false),
            (Healthy, 102, Some(99), false, false),
        ] {
            let row = row(state, checked, mail);
            let found = row.needs_no_check(is_limited, Timestamp(100 * 60_000));
            assert_eq!(found, expected, "{state:?} {checked} {mail:?} {is_limited}");
        }
    }

    #[test]
    fn mail_is_a_success_of_a_relay_that_is_down() {
        use HealthState::{Degraded, Down, Healthy};
        for (state, checked, mail, recent) in [
            (Down, 95, Some(99), &[false, true][..]),
            (Down, 95, Some(94), &[false]),
            (Down, 95, None, &[false]),
            (Degraded, 95, Some(99), &[false]),
            (Healthy, 95, Some(99), &[true]),
            // The clock was set back.
            (Down, 95, Some(102), &[false]),
        ] {
            let now = Timestamp(100 * 60_000);
            let record = row(state, checked, mail).record_with_mail(now);
            assert_eq!(record.recent, recent, "{state:?} {mail:?}");
        }
    }
}
