//! The state of a relay by the results of its checks, and when the next one follows. Pure.
//!
//! One failure changes nothing: it is confirmed by checks soon after it. Two in a row mean that the relay
//! is down; failures among successes, that it is degraded. Neither ends with the first success, so that
//! a relay that takes two connections of three is reported once.

use std::time::Duration;

use domain::Timestamp;
use domain::health::{HealthFailure, HealthState};
use domain::outbox::Jitter;

use crate::store::relays::health::HealthRecord;

/// The time between two checks of a relay that passes them, or is down.
pub(super) const INTERVAL: Duration = Duration::from_mins(5);

/// The time until a result that may be the first of several is confirmed.
const CONFIRMING: Duration = Duration::from_secs(20);

/// The time between two checks of a degraded relay that pass.
const DEGRADED_INTERVAL: Duration = Duration::from_mins(1);

/// The time between two checks of a relay that refuses the sign-in: providers lock accounts after
/// repeated failures. A save of its settings makes it due at once, and so does accepted mail.
const REFUSED_INTERVAL: Duration = Duration::from_mins(30);

/// A relay is down after so many failures in a row.
const DOWN_AFTER: usize = 2;

/// A degraded relay is down after so many failures in a row. One that fails every third connection at
/// random has them once in 81 checks.
const DEGRADED_DOWN_AFTER: usize = 4;

/// A relay that was down is healthy after so many successes in a row. After a failure of a healthy one
/// so many confirm that it was alone.
const CONFIRMED_AFTER: usize = 3;

/// A degraded relay is healthy after so many successes in a row, ten minutes. One that fails every third
/// connection at random has them once in 58 times.
const RECOVERED_AFTER: usize = 10;

/// A healthy relay with so many failures among its newest results is degraded, and one that was down
/// with so many successes.
const MIXED: usize = 2;

/// How many results are kept.
const WINDOW: usize = RECOVERED_AFTER;

impl HealthRecord {
    /// The record after one more result.
    pub(super) fn after(&self, result: Result<(), HealthFailure>, at: Timestamp) -> Self {
        let mut next = self.clone();
        let passed = result.is_ok();
        if next.recent.last() != Some(&passed) {
            next.run_since = at;
        }
        next.recent.push(passed);
        if next.recent.len() > WINDOW {
            next.recent.remove(0);
        }
        if let Err(failure) = result {
            next.failing_since.get_or_insert(at);
            next.failure = Some(failure);
        }
        next.move_to(next.assessed());
        if next.state == HealthState::Healthy && next.is_settled() {
            next.failing_since = None;
            next.failure = None;
        }
        next
    }

    /// The state by the newest results and the state before them.
    fn assessed(&self) -> HealthState {
        use HealthState::{Degraded, Down, Healthy, Unknown};
        let (run, passed) = (self.run(), self.recent.last() == Some(&true));
        match (self.state, passed) {
            (Unknown, true) => Healthy,
            (Unknown | Healthy, false) if run >= DOWN_AFTER => Down,
            (Healthy, false) if self.count(false) >= MIXED => Degraded,
            (Degraded, true) if run >= RECOVERED_AFTER => Healthy,
            (Degraded, false) if run >= DEGRADED_DOWN_AFTER => Down,
            (Down, true) if run >= CONFIRMED_AFTER => Healthy,
            (Down, false) if self.count(true) >= MIXED => Degraded,
            (state, _) => state,
        }
    }

    /// Enters a state. It began with the first result that shows it, and the results before that no
    /// longer count.
    fn move_to(&mut self, state: HealthState) {
        if state == self.state {
            return;
        }
        let begun = match (self.state, state) {
            (HealthState::Healthy, HealthState::Degraded) => self.failing_since,
            _ => None,
        };
        // The history has one state at a time.
        let after = self.since + Duration::from_millis(1);
        self.since = begun.unwrap_or(self.run_since).max(after);
        self.recent.drain(..self.recent.len() - self.run());
        self.state = state;
    }

    /// The number of equal results at the end.
    fn run(&self) -> usize {
        let newest = self.recent.last();
        let equal = |result: &&bool| Some(*result) == newest;
        self.recent.iter().rev().take_while(equal).count()
    }

    fn count(&self, passed: bool) -> usize {
        let equal = |result: &&bool| **result == passed;
        self.recent.iter().filter(equal).count()
    }

    /// Whether no failure of a healthy relay has to be confirmed.
    pub(super) fn is_settled(&self) -> bool {
        let passed = self.recent.last() == Some(&true);
        passed && (self.count(false) == 0 || self.run() >= CONFIRMED_AFTER)
    }

    /// The time until the next check, with up to a quarter of jitter.
    pub(super) fn next_check(&self, jitter: Jitter) -> Duration {
        let Some(&passed) = self.recent.last() else {
            return Duration::ZERO;
        };
        let wait = match (self.state, passed) {
            (HealthState::Unknown | HealthState::Degraded, false) | (HealthState::Down, true) => {
                CONFIRMING
            }
            (HealthState::Healthy, _) if !self.is_settled() => CONFIRMING,
            (HealthState::Degraded, true) => DEGRADED_INTERVAL,
            (HealthState::Down, false) if self.is_sign_in_refused() => REFUSED_INTERVAL,
            _ => INTERVAL,
        };
        wait + wait * u32::from(jitter) / (4 * 255)
    }

    /// Whether the last check was refused for good at the sign-in.
    fn is_sign_in_refused(&self) -> bool {
        let failure = self.failure.as_ref();
        failure.is_some_and(|failure| {
            let reply = failure.reply.as_deref().unwrap_or_default();
            failure.stage == domain::Stage::Auth && reply.starts_with('5')
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::Stage;

    use super::*;

    fn failure(stage: Stage, reply: Option<&str>) -> HealthFailure {
        HealthFailure {
            stage,
            summary: "It failed.".to_owned(),
            reply: reply.map(str::to_owned),
        }
    }

    fn new() -> HealthRecord {
        HealthRecord {
            state: HealthState::Unknown,
            since: Timestamp(0),
            failing_since: None,
            failure: None,
            recent: Vec::new(),
            run_since: Timestamp(0),
        }
    }

    /// The record after these results, the first at second 1 and each a second after the one before.
    fn after(results: &str) -> HealthRecord {
        (1..)
            .zip(results.bytes())
            .fold(new(), |record, (second, result)| {
                let result = match result {
                    b'+' => Ok(()),
                    _ => Err(failure(Stage::Tcp, None)),
                };
                record.after(result, Timestamp(second * 1000))
            })
    }

    /// A change of the state, as in `Down since 3`.
    fn changes(results: &str) -> Vec<String> {
        let mut changes = Vec::new();
        let mut before = new();
        for end in 1..=results.len() {
            let record = after(&results[..end]);
            assert!(record.since >= before.since, "{results}");
            if record.state != before.state {
                changes.push(format!(
                    "{:?} since {}",
                    record.state,
                    record.since.0 / 1000
                ));
            }
            before = record;
        }
        changes
    }

    #[test]
    fn states_change_once() {
        let every_third = "++-".repeat(40);
        let recovering = format!("{}{}", "++-".repeat(5), "+".repeat(10));
        for (results, expected) in [
            ("+", &["Healthy since 1"][..]),
            ("", &[]),
            ("-", &[]),
            ("--", &["Down since 1"]),
            ("-----", &["Down since 1"]),
            ("-+", &["Healthy since 2"]),
            ("+++-+++++++++++-+++", &["Healthy since 1"]),
            ("+++--", &["Healthy since 1", "Down since 4"]),
            (
                "+--+++",
                &["Healthy since 1", "Down since 2", "Healthy since 4"],
            ),
            ("+--++", &["Healthy since 1", "Down since 2"]),
            ("+--+-", &["Healthy since 1", "Down since 2"]),
            (
                "+--+-+-",
                &["Healthy since 1", "Down since 2", "Degraded since 7"],
            ),
            ("++-+-", &["Healthy since 1", "Degraded since 3"]),
            (
                every_third.as_str(),
                &["Healthy since 1", "Degraded since 3"],
            ),
            (
                recovering.as_str(),
                &["Healthy since 1", "Degraded since 3", "Healthy since 16"],
            ),
            (
                "++-+----",
                &["Healthy since 1", "Degraded since 3", "Down since 5"],
            ),
            ("++-+---+", &["Healthy since 1", "Degraded since 3"]),
        ] {
            assert_eq!(changes(results), expected, "{results}");
        }
    }

    #[test]
    fn a_failure_is_known_until_the_relay_is_healthy_again() {
        for (results, failing_since) in [
            ("+", None),
            ("+-", Some(2)),
            ("+-+", Some(2)),
            ("+-++", Some(2)),
            ("+-+++", None),
            ("+--", Some(2)),
            ("+--++", Some(2)),
            ("+--+++", None),
            ("-", Some(1)),
        ] {
            let record = after(results);
            let since = record.failing_since.map(|since| since.0 / 1000);
            assert_eq!(since, failing_since, "{results}");
            assert_eq!(record.failure.is_some(), failing_since.is_some());
        }
    }

    #[test]
    fn what_may_change_is_confirmed_soon() {
        for (results, wait) in [
            ("", Duration::ZERO),
            ("-", CONFIRMING),
            ("+", INTERVAL),
            ("+-", CONFIRMING),
            ("+-+", CONFIRMING),
            ("+-++", CONFIRMING),
            ("+-+++", INTERVAL),
            ("+--", INTERVAL),
            ("+--+", CONFIRMING),
            ("+--++", CONFIRMING),
            ("+--+++", INTERVAL),
            ("+-+-", CONFIRMING),
            ("+-+-+", DEGRADED_INTERVAL),
        ] {
            assert_eq!(after(results).next_check(0), wait, "{results}");
        }
        let most = after("+").next_check(u8::MAX);
        assert_eq!(most, INTERVAL + INTERVAL / 4);
    }

    #[test]
    fn a_refused_sign_in_is_repeated_seldom() {
        for (stage, reply, wait) in [
            (Stage::Auth, Some("535 5.7.8 no"), REFUSED_INTERVAL),
            (Stage::Auth, Some("454 4.7.0 later"), INTERVAL),
            (Stage::Auth, None, INTERVAL),
            (Stage::Greeting, Some("554 no"), INTERVAL),
        ] {
            let failed = |record: HealthRecord, second| {
                record.after(Err(failure(stage, reply)), Timestamp(second))
            };
            let record = failed(failed(new(), 1), 2);
            assert_eq!(record.state, HealthState::Down);
            assert_eq!(record.next_check(0), wait, "{stage:?} {reply:?}");
        }
    }
}
