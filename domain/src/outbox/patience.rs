//! How long a mail, and a relay, is waited for. Randomness comes in as an argument.

use std::time::Duration;

/// A mail that was refused for so long, if only for the time being, fails (RFC 5321 section
/// 4.5.4.1 asks for four to five days).
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(5 * 24 * 3600);

/// Where in the range of a wait: from 0 to 255, so that what failed together does not come back
/// together.
pub type Spread = u8;

/// How long after its `attempts`-th failure a mail is tried again: a minute, doubling to an hour,
/// and up to a quarter more.
pub fn mail_waits(attempts: i64, spread: Spread) -> Duration {
    doubled(
        Duration::from_secs(60),
        attempts,
        Duration::from_secs(3600),
        spread,
    )
}

/// How long after its `failures`-th failure in a row a relay is tried again: five seconds, doubling
/// to five minutes, and up to a quarter more.
pub fn relay_waits(failures: i64, spread: Spread) -> Duration {
    doubled(
        Duration::from_secs(5),
        failures,
        Duration::from_secs(300),
        spread,
    )
}

fn doubled(first: Duration, times: i64, most: Duration, spread: Spread) -> Duration {
    let doublings = u32::try_from(times.saturating_sub(1).clamp(0, 16)).unwrap_or(0);
    let wait = (first * 2_u32.pow(doublings)).min(most);
    wait + wait * u32::from(spread) / (4 * 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        for (attempts, spread, seconds) in [
            (0, 0, 60),
            (1, 0, 60),
            (1, 255, 75),
            (2, 0, 120),
            (6, 0, 1920),
            (7, 0, 3600),
            (i64::MAX, 255, 4500),
        ] {
            assert_eq!(
                mail_waits(attempts, spread).as_secs(),
                seconds,
                "{attempts}"
            );
        }
        assert_eq!(relay_waits(1, 0).as_secs(), 5);
        assert_eq!(relay_waits(3, 0).as_secs(), 20);
        assert_eq!(relay_waits(40, 0).as_secs(), 300);
    }
}
