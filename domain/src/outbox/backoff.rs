//! Retry schedules: exponential backoff of messages and relays. Jitter comes in as an argument.

use std::time::Duration;

/// The time after which a message that is still deferred fails (RFC 5321 section 4.5.4.1 requires four
/// to five days; Postfix' `maximal_queue_lifetime`). Only time in which a relay could be reached counts
/// ([`is_expired`]).
pub const MAXIMAL_QUEUE_LIFETIME: Duration = Duration::from_secs(5 * 24 * 3600);

/// The longest backoff of a message, with its jitter (Postfix' `maximal_backoff_time`).
pub const MAXIMAL_BACKOFF: Duration = Duration::from_secs(75 * 60);

/// A random fraction of the jitter added to a backoff, 0 to 255, so that messages that failed together
/// are not retried together.
pub type Jitter = u8;

/// The backoff of a message after its `attempts`-th failed attempt: 60 s, doubling to 1 h, plus up
/// to a quarter of jitter.
pub fn message_backoff(attempts: i64, jitter: Jitter) -> Duration {
    exponential(
        Duration::from_secs(60),
        attempts,
        Duration::from_secs(3600),
        jitter,
    )
}

/// Whether a message fails instead of being deferred again after this number of failed attempts: without
/// their jitter, the backoffs after these attempts add up to [`MAXIMAL_QUEUE_LIFETIME`].
///
/// An attempt is counted only if a relay was reachable and its reply, or its end of the session, was
/// about this message. The sum of the backoffs therefore leaves out time in which no relay could be
/// reached: an outage, a limit of messages, a pause of delivery, or a stopped process. It does not
/// depend on the clock, and only the number of attempts is stored.
pub fn is_expired(attempts: i64) -> bool {
    let mut tried = Duration::ZERO;
    (1..=attempts).any(|attempt| {
        tried += message_backoff(attempt, 0);
        tried >= MAXIMAL_QUEUE_LIFETIME
    })
}

/// The time for which a message is still retried after its `attempts`-th failed attempt, while a relay
/// is reachable: [`MAXIMAL_QUEUE_LIFETIME`] less the backoffs so far.
pub fn remaining_lifetime(attempts: i64) -> Duration {
    let mut remaining = MAXIMAL_QUEUE_LIFETIME;
    for attempt in 1..attempts {
        if remaining.is_zero() {
            break;
        }
        remaining = remaining.saturating_sub(message_backoff(attempt, 0));
    }
    remaining
}

/// The backoff of a relay after its `failures`-th failure in a row: 5 s, doubling to 5 min, plus up
/// to a quarter of jitter.
pub fn relay_backoff(failures: i64, jitter: Jitter) -> Duration {
    exponential(
        Duration::from_secs(5),
        failures,
        Duration::from_secs(300),
        jitter,
    )
}

fn exponential(first: Duration, failures: i64, most: Duration, jitter: Jitter) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1).clamp(0, 16)).unwrap_or(0);
    let backoff = (first * 2_u32.pow(doublings)).min(most);
    backoff + backoff * u32::from(jitter) / (4 * 255)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::DAY;

    #[test]
    fn messages_are_tried_for_five_days() {
        // So it says in reports, in replies and on pages.
        assert_eq!(MAXIMAL_QUEUE_LIFETIME, DAY * 5);
    }

    #[test]
    fn backoff_doubles_up_to_a_bound() {
        for (attempts, jitter, seconds) in [
            (0, 0, 60),
            (1, 0, 60),
            (1, 255, 75),
            (2, 0, 120),
            (6, 0, 1920),
            (7, 0, 3600),
            (i64::MAX, 255, 4500),
        ] {
            assert_eq!(
                message_backoff(attempts, jitter).as_secs(),
                seconds,
                "{attempts}"
            );
        }
        assert_eq!(message_backoff(i64::MAX, 255), MAXIMAL_BACKOFF);
        assert_eq!(relay_backoff(1, 0).as_secs(), 5);
        assert_eq!(relay_backoff(3, 0).as_secs(), 20);
        assert_eq!(relay_backoff(40, 0).as_secs(), 300);
    }

    #[test]
    fn a_message_expires_after_five_days_of_its_backoffs() {
        // The backoffs add up to 63 min, and then to an hour more after each attempt.
        for (attempts, expired) in [
            (i64::MIN, false),
            (0, false),
            (1, false),
            (100, false),
            (124, false),
            (125, true),
            (126, true),
            (i64::MAX, true),
        ] {
            assert_eq!(is_expired(attempts), expired, "{attempts}");
        }
    }

    #[test]
    fn each_backoff_is_taken_from_the_lifetime() {
        let minutes = MAXIMAL_QUEUE_LIFETIME.as_secs() / 60;
        for (attempts, taken) in [
            (i64::MIN, 0),
            (1, 0),
            (2, 1),
            (3, 3),
            (7, 63),
            (8, 123),
            (126, minutes),
            (i64::MAX, minutes),
        ] {
            let left = remaining_lifetime(attempts).as_secs() / 60;
            assert_eq!(left, minutes - taken, "{attempts}");
        }
    }

    #[test]
    fn jitter_adds_at_most_a_quarter() {
        for jitter in [0, 1, 127, 254, 255] {
            let added = relay_backoff(4, jitter).checked_sub(relay_backoff(4, 0));
            let added = added.expect("jitter does not shorten a backoff");
            assert_eq!(
                added,
                Duration::from_secs(40) * u32::from(jitter) / (4 * 255)
            );
        }
        for (failures, seconds) in [(i64::MIN, 5), (-1, 5), (2, 10), (5, 80), (6, 160), (7, 300)] {
            assert_eq!(relay_backoff(failures, 0).as_secs(), seconds, "{failures}");
        }
        assert_eq!(MAXIMAL_QUEUE_LIFETIME.as_secs(), 432_000);
    }
}
