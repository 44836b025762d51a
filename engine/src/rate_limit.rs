//! Limits of uses a minute by key, in memory of this process and by monotonic time.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use domain::Refusal;
use parking_lot::Mutex;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// The most uses a minute, for each key.
pub struct RateLimit {
    most: usize,
    uses: Mutex<HashMap<String, VecDeque<Instant>>>,
}

impl RateLimit {
    /// At most `most` uses a minute.
    pub fn a_minute(most: usize) -> Self {
        Self {
            most,
            uses: Mutex::default(),
        }
    }

    /// Counts a use. `what` is the sentence that a refusal begins with.
    ///
    /// # Errors
    /// [`Kind::TooMany`](domain::Kind::TooMany) with the wait until the next use, in seconds.
    pub fn take(&self, key: &str, now: Instant, what: &str) -> Result<(), Refusal> {
        let mut all = self.uses.lock();
        let counts = |at: &Instant| now.saturating_duration_since(*at) < MINUTE;
        all.retain(|_, uses| uses.back().is_some_and(counts));
        let uses = all.entry(key.to_owned()).or_default();
        uses.retain(counts);
        match uses.front() {
            Some(first) if uses.len() >= self.most => {
                let seconds = whole_seconds((*first + MINUTE).saturating_duration_since(now));
                Err(Refusal::too_many(
                    seconds,
                    format!("{what} Try again in {seconds} s."),
                ))
            }
            _ => {
                uses.push_back(now);
                Ok(())
            }
        }
    }
}

/// A wait in seconds, rounded up so that it is over when it is said to be.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_moves() {
        let (window, begun) = (RateLimit::a_minute(2), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert!(window.take("a", at(0), "No.").is_ok());
        assert!(window.take("a", at(30), "No.").is_ok());
        assert!(window.take("b", at(30), "No.").is_ok());
        let refusal = window.take("a", at(40), "No.").expect_err("the third");
        assert_eq!(refusal.retry_after, Some(20));
        assert!(window.take("a", at(60), "No.").is_ok());
    }
}
