//! Slowing down who guesses, and limiting who repeats: in memory, for this process.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::{Instant, Refusal};

/// From this failure on, the next try has to wait.
const FREE: u32 = 5;
/// The longest wait.
const LONGEST: i64 = 60_000;
/// A failure is forgotten after this long.
const MEMORY: i64 = 15 * 60_000;
/// At most so many keys are remembered; a flood of others pushes out the oldest.
const KEYS: usize = 10_000;

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    /// Milliseconds until the next try: 1 s after the fifth failure, doubling.
    fn wait(self, now: Instant) -> i64 {
        if self.count < FREE {
            return 0;
        }
        let pause = (1_000 << (self.count - FREE).min(6)).min(LONGEST);
        self.last.0 + pause - now.0
    }
}

/// Failed sign-ins by account and by network. Never a lock-out: the wait ends at a minute.
#[derive(Default)]
pub struct Throttle {
    failures: Mutex<HashMap<String, Failures>>,
}

/// The part of an address that one network shares: /24 of IPv4, /64 of IPv6.
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("net {a}.{b}.{c}")
        }
        IpAddr::V6(v6) => format!("net {:x?}", &v6.segments()[..4]),
    }
}

impl Throttle {
    /// Refuses while one of `keys` has to wait.
    pub fn check(&self, keys: &[String], now: Instant) -> Result<(), Refusal> {
        let failures = self.lock();
        let wait = keys
            .iter()
            .filter_map(|key| failures.get(key))
            .map(|f| f.wait(now))
            .max();
        match wait {
            Some(wait @ 1..) => {
                let seconds = u64::try_from(wait).unwrap_or(0).div_ceil(1000);
                let text = format!("Too many failed attempts. Try again in {seconds} s.");
                Err(Refusal::too_many(seconds, text))
            }
            _ => Ok(()),
        }
    }

    pub fn failed(&self, keys: &[String], now: Instant) {
        let mut failures = self.lock();
        if failures.len() >= KEYS {
            failures.retain(|_, f| now.0 - f.last.0 < MEMORY);
        }
        if failures.len() >= KEYS
            && let Some(oldest) = failures
                .iter()
                .min_by_key(|(_, f)| f.last)
                .map(|(key, _)| key.clone())
        {
            failures.remove(&oldest);
        }
        for key in keys {
            let entry = failures.entry(key.clone()).or_insert(Failures {
                count: 0,
                last: now,
            });
            if now.0 - entry.last.0 >= MEMORY {
                entry.count = 0;
            }
            *entry = Failures {
                count: entry.count.saturating_add(1),
                last: now,
            };
        }
    }

    pub fn succeeded(&self, key: &str) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Failures>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many of something a minute, for each key.
pub struct Window {
    most: usize,
    uses: Mutex<HashMap<String, VecDeque<Instant>>>,
}

impl Window {
    pub fn a_minute(most: usize) -> Self {
        Self {
            most,
            uses: Mutex::default(),
        }
    }

    /// Counts a use, or refuses it. `what` is the sentence the refusal begins with.
    pub fn take(&self, key: &str, now: Instant, what: &str) -> Result<(), Refusal> {
        let mut all = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, uses| uses.back().is_some_and(|last| now.0 - last.0 < 60_000));
        let uses = all.entry(key.to_owned()).or_default();
        uses.retain(|at| now.0 - at.0 < 60_000);
        match uses.front() {
            Some(first) if uses.len() >= self.most => {
                let seconds = u64::try_from(first.0 + 60_000 - now.0)
                    .unwrap_or(0)
                    .div_ceil(1000);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_begins_with_the_fifth_failure_and_ends_at_a_minute() {
        let throttle = Throttle::default();
        let keys = ["a@example.org".to_owned()];
        let now = Instant(1_000_000);
        for (failure, seconds) in (1..).zip([0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]) {
            throttle.failed(&keys, now);
            let waits = throttle
                .check(&keys, now)
                .err()
                .and_then(|refusal| refusal.retry_after);
            assert_eq!(waits.unwrap_or(0), seconds, "failure {failure}");
        }
        assert!(throttle.check(&keys, Instant(now.0 + 60_000)).is_ok());
        assert!(throttle.check(&["b@example.org".to_owned()], now).is_ok());
        throttle.succeeded("a@example.org");
        assert!(throttle.check(&keys, now).is_ok());
    }

    #[test]
    fn a_network_is_24_or_64_bits() {
        for (a, b, same) in [
            ("192.0.2.1", "192.0.2.200", true),
            ("192.0.2.1", "192.0.3.1", false),
            ("::ffff:192.0.2.1", "192.0.2.9", true),
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let of = |text: &str| network(text.parse().expect("an address"));
            assert_eq!(of(a) == of(b), same, "{a} {b}");
        }
    }

    #[test]
    fn the_window_moves() {
        let window = Window::a_minute(2);
        assert!(window.take("a", Instant(0), "No.").is_ok());
        assert!(window.take("a", Instant(30_000), "No.").is_ok());
        assert!(window.take("b", Instant(30_000), "No.").is_ok());
        let refusal = window
            .take("a", Instant(40_000), "No.")
            .expect_err("the third");
        assert_eq!(refusal.retry_after, Some(20));
        assert!(window.take("a", Instant(60_000), "No.").is_ok());
    }
}
