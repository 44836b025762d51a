//! Slowing down who guesses, and limiting who repeats: in memory, for this process, and not by the
//! time of day: a clock that is put back would lock people out.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use domain::Refusal;
use parking_lot::{Mutex, MutexGuard};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

/// From this failure on, the next try has to wait.
const FREE: u32 = 5;
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);
/// A failure is forgotten after this long.
const MEMORY: Duration = Duration::from_secs(15 * 60);
/// At most so many keys are remembered; a flood of others pushes out the oldest.
const KEYS: usize = 10_000;

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    /// How long until the next try: 1 s after the fifth failure, doubling.
    fn wait(self, now: Instant) -> Duration {
        if self.count < FREE {
            return Duration::ZERO;
        }
        let pause = Duration::from_secs(1 << (self.count - FREE).min(6)).min(LONGEST);
        (self.last + pause).saturating_duration_since(now)
    }
}

/// Failed sign-ins by account and by network. Never a lock-out: the wait ends at a minute.
#[derive(Default)]
pub struct Throttle {
    failures: Mutex<HashMap<Key, Failures>>,
}

/// What failures are counted by: of one size, however much was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// The SHA-256 of an account's address, whether or not there is such an account.
    Account([u8; 32]),
    /// The first address of a network.
    Network(IpAddr),
}

impl Key {
    pub fn account(email: &str) -> Self {
        Self::Account(Sha256::digest(email).into())
    }

    /// The part of an address that one network shares: /24 of IPv4, /64 of IPv6.
    pub fn network(address: IpAddr) -> Self {
        Self::Network(match address.to_canonical() {
            IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & (!0 << 8)).into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (!0 << 64)).into(),
        })
    }
}

impl Throttle {
    /// Refuses while one of `keys` has to wait.
    pub fn check(&self, keys: &[Key], now: Instant) -> Result<(), Refusal> {
        let failures = self.lock();
        let wait = keys
            .iter()
            .filter_map(|key| failures.get(key))
            .map(|f| f.wait(now))
            .max();
        match wait {
            Some(wait) if !wait.is_zero() => {
                let seconds = in_seconds(wait);
                let text = format!("Too many failed attempts. Try again in {seconds} s.");
                Err(Refusal::too_many(seconds, text))
            }
            _ => Ok(()),
        }
    }

    pub fn failed(&self, keys: &[Key], now: Instant) {
        let mut failures = self.lock();
        for key in keys {
            let entry = failures.entry(*key).or_insert(Failures {
                count: 0,
                last: now,
            });
            if now.saturating_duration_since(entry.last) >= MEMORY {
                entry.count = 0;
            }
            *entry = Failures {
                count: entry.count.saturating_add(1),
                last: now,
            };
        }
        if failures.len() > KEYS {
            failures.retain(|_, f| now.saturating_duration_since(f.last) < MEMORY);
        }
        while failures.len() > KEYS
            && let Some((&oldest, _)) = failures.iter().min_by_key(|(_, f)| f.last)
        {
            failures.remove(&oldest);
        }
    }

    pub fn succeeded(&self, key: Key) {
        self.lock().remove(&key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Failures>> {
        self.failures.lock()
    }
}

const MINUTE: Duration = Duration::from_secs(60);

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
        let mut all = self.uses.lock();
        let counts = |at: &Instant| now.saturating_duration_since(*at) < MINUTE;
        all.retain(|_, uses| uses.back().is_some_and(counts));
        let uses = all.entry(key.to_owned()).or_default();
        uses.retain(counts);
        match uses.front() {
            Some(first) if uses.len() >= self.most => {
                let seconds = in_seconds((*first + MINUTE).saturating_duration_since(now));
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

/// Of a wait, as people are told: none is over too early.
fn in_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_begins_with_the_fifth_failure_and_ends_at_a_minute() {
        let throttle = Throttle::default();
        let keys = [Key::account("a@example.org")];
        let now = Instant::now();
        for (failure, seconds) in (1..).zip([0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]) {
            throttle.failed(&keys, now);
            let waits = throttle
                .check(&keys, now)
                .err()
                .and_then(|refusal| refusal.retry_after);
            assert_eq!(waits.unwrap_or(0), seconds, "failure {failure}");
        }
        assert!(throttle.check(&keys, now + MINUTE).is_ok());
        assert!(
            throttle
                .check(&[Key::account("b@example.org")], now)
                .is_ok()
        );
        throttle.succeeded(keys[0]);
        assert!(throttle.check(&keys, now).is_ok());
    }

    #[test]
    fn a_flood_pushes_out_the_oldest_and_takes_no_more_room() {
        let throttle = Throttle::default();
        let guessed = ["early", "late"].map(Key::account);
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        for (key, seconds) in guessed.into_iter().zip([0, 1]) {
            (0..8).for_each(|_| throttle.failed(&[key], at(seconds)));
        }
        let now = at(2);
        let slowed = || guessed.map(|key| throttle.check(&[key], now).is_err());
        let flood = |name: String| {
            throttle.failed(
                &["a", "b"].map(|key| Key::account(&(key.to_owned() + &name))),
                now,
            );
        };
        (1..KEYS / 2).for_each(|number| flood(number.to_string()));
        assert_eq!(slowed(), [true, true]);
        throttle.failed(&[Key::account("one too many")], now);
        assert_eq!(slowed(), [false, true]);
        flood("more".to_owned());
        assert_eq!(throttle.lock().len(), KEYS);
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
            let of = |text: &str| Key::network(text.parse().expect("an address"));
            assert_eq!(of(a) == of(b), same, "{a} {b}");
        }
    }

    #[test]
    fn the_window_moves() {
        let (window, begun) = (Window::a_minute(2), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert!(window.take("a", at(0), "No.").is_ok());
        assert!(window.take("a", at(30), "No.").is_ok());
        assert!(window.take("b", at(30), "No.").is_ok());
        let refusal = window.take("a", at(40), "No.").expect_err("the third");
        assert_eq!(refusal.retry_after, Some(20));
        assert!(window.take("a", at(60), "No.").is_ok());
    }
}
