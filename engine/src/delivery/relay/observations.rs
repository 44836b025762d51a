//! What delivery finds out about a relay that its checks have to know.

use std::time::Duration;

use domain::Timestamp;

/// How often accepted mail is reported for a relay.
const REPORT_INTERVAL: Duration = Duration::from_secs(30);

/// What is not reported yet of a relay.
#[derive(Debug, Default)]
pub(in crate::delivery) struct RelayObservations {
    has_accepted: bool,
    has_failed: bool,
    /// When accepted mail was reported last.
    reported_at: Option<Timestamp>,
}

impl RelayObservations {
    /// The relay accepted a message.
    pub fn accepted(&mut self) {
        self.has_accepted = true;
    }

    /// The relay began to back off.
    pub fn failed(&mut self) {
        self.has_failed = true;
    }

    /// Whether to report accepted mail now.
    pub fn take_accepted(&mut self, now: Timestamp) -> bool {
        // A clock that was set back does not delay it.
        let is_due = self
            .reported_at
            .is_none_or(|at| now < at || now.saturating_since(at) >= REPORT_INTERVAL);
        let reports = is_due && std::mem::take(&mut self.has_accepted);
        if reports {
            self.reported_at = Some(now);
        }
        reports
    }

    /// Whether to report a failure now.
    pub fn take_failed(&mut self) -> bool {
        std::mem::take(&mut self.has_failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_mail_is_reported_at_intervals_and_a_failure_once() {
        let mut observed = RelayObservations::default();
        for (second, accepted, reported) in [
            (0, false, false),
            (1, true, true),
            (2, true, false),
            (30, false, false),
            (31, false, true),
            (90, false, false),
            (91, true, true),
            (10, true, true),
        ] {
            if accepted {
                observed.accepted();
            }
            let found = observed.take_accepted(Timestamp(second * 1000));
            assert_eq!(found, reported, "second {second}");
        }
        assert!(!observed.take_failed());
        observed.failed();
        assert!(observed.take_failed() && !observed.take_failed());
    }
}
