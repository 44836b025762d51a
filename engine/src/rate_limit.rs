//! Limits of uses within a period by key, in memory of this process and by monotonic time.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use domain::Refusal;
use parking_lot::Mutex;
use tokio::time::Instant;

/// The most uses within a period, for each key.
pub struct RateLimit {
    most: usize,
    period: Duration,
    uses: Mutex<HashMap<String, VecDeque<Instant>>>,
}

impl RateLimit {
    /// At most `most` uses a minute.
    pub fn a_minute(most: usize) -> Self {
        Self::within(Duration::from_secs(60), most)
    }

    /// At most `most` uses an hour.
    pub fn an_hour(most: usize) -> Self {
        Self::within(Duration::from_secs(3600), most)
    }

    /// At most `most` uses within any `period`.
    pub fn within(period: Duration, most: usize) -> Self {
        Self {
            most,
            period,
            uses: Mutex::default(),
        }
    }

    /// Checks that a use is permitted now, and counts none. `what` is the sentence that a refusal begins
    /// with.
    ///
    /// # Errors
    /// As [`RateLimit::take`].
    pub fn check(&self, key: &str, now: Instant, what: &str) -> Result<(), Refusal> {
        let all = self.uses.lock();
        let uses = all.get(key).into_iter().flatten();
        let uses: Vec<Instant> = uses.filter(|at| self.counts(**at, now)).copied().collect();
        self.permit(uses.len(), uses.first(), now, what)
    }

    /// Counts a use. `what` is the sentence that a refusal begins with.
    ///
    /// # Errors
    /// [`Kind::TooMany`](domain::Kind::TooMany) with the wait until the next use, in seconds.
    pub fn take(&self, key: &str, now: Instant, what: &str) -> Result<(), Refusal> {
        let mut all = self.uses.lock();
        all.retain(|_, uses| uses.back().is_some_and(|at| self.counts(*at, now)));
        let uses = all.entry(key.to_owned()).or_default();
        uses.retain(|at| self.counts(*at, now));
        self.permit(uses.len(), uses.front(), now, what)?;
        uses.push_back(now);
        Ok(())
    }

    /// Forgets the uses of a key.
    pub fn forget(&self, key: &str) {
        self.uses.lock().remove(key);
    }

    /// Whether there may be another use after `number`, of which `first` is the first.
    fn permit(
        &self,
        number: usize,
        first: Option<&Instant>,
        now: Instant,
        what: &str,
    ) -> Result<(), Refusal> {
        match first {
            Some(first) if number >= self.most => {
                let seconds = whole_seconds((*first + self.period).saturating_duration_since(now));
                let text = format!("{what} Try again in {seconds} s.");
                Err(Refusal::too_many(seconds, text))
            }
            _ => Ok(()),
        }
    }

    /// Whether a use counts now.
    fn counts(&self, at: Instant, now: Instant) -> bool {
        now.saturating_duration_since(at) < self.period
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
        assert!(window.check("b", at(40), "No.").is_ok());
        assert!(window.check("c", at(40), "No.").is_ok());
        let refusal = window.check("a", at(40), "No.").expect_err("the third");
        assert_eq!(refusal.retry_after, Some(20));
        let refusal = window.take("a", at(40), "No.").expect_err("the third");
        assert_eq!(refusal.retry_after, Some(20));
        assert!(window.check("a", at(60), "No.").is_ok());
        assert!(window.take("a", at(60), "No.").is_ok());
        assert!(window.check("a", at(60), "No.").is_err());
        window.forget("a");
        assert!(window.check("a", at(60), "No.").is_ok());
    }

    #[test]
    fn the_window_of_an_hour_is_sixty_of_a_minute() {
        let (window, begun) = (RateLimit::an_hour(1), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert!(window.take("a", at(0), "No.").is_ok());
        let refusal = window.take("a", at(3000), "No.").expect_err("the second");
        assert_eq!(refusal.retry_after, Some(600));
        assert!(window.take("a", at(3600), "No.").is_ok());
    }
}
