//! Login throttling by account, by browser and by network, in memory.
//!
//! Waits are measured in monotonic time, so that a clock that is set back does not prolong them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use domain::Refusal;
use ipnet::IpNet;
use parking_lot::{Mutex, MutexGuard};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::Origin;
use crate::rate_limit::whole_seconds;

/// The number of failures from which on the next attempt has to wait.
const FREE: u32 = 5;
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);
/// The time after the last failure at which the count starts again from zero.
const MEMORY: Duration = Duration::from_secs(15 * 60);
/// The maximum number of keys in memory. Beyond it, the keys with the oldest failures are removed.
const KEYS: usize = 10_000;

/// The failures of one key.
#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    /// The wait until the next attempt: 1 s after the fifth failure, doubling up to [`LONGEST`].
    fn wait(self, now: Instant) -> Duration {
        if self.count < FREE {
            return Duration::ZERO;
        }
        let pause = Duration::from_secs(1 << (self.count - FREE).min(6)).min(LONGEST);
        (self.last + pause).saturating_duration_since(now)
    }
}

/// Counts failed logins by account or browser, and by network. The longest wait is [`LONGEST`], so that no
/// account is locked out permanently.
#[derive(Default)]
pub struct LoginThrottle {
    failures: Mutex<HashMap<ThrottleKey, Failures>>,
}

/// A key that failures are counted under. Its size is fixed, whatever the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ThrottleKey {
    /// The SHA-256 of an account's address, whether or not there is such an account.
    Account([u8; 32]),
    /// The SHA-256 of the secret of a browser that the account signed in with before.
    Browser([u8; 32]),
    /// The SHA-256 of the id of an account whose second factor is asked for.
    SecondFactor([u8; 32]),
    /// A network.
    Network(IpNet),
}

impl ThrottleKey {
    /// The key of an account, by its address.
    pub fn account(email: &str) -> Self {
        Self::Account(Sha256::digest(email).into())
    }

    /// The key of a browser, by its device cookie or the id of its session. Guesses of other browsers
    /// are not counted under it, so that guesses from elsewhere lock no person out.
    pub fn browser(secret: &str) -> Self {
        Self::Browser(Sha256::digest(secret).into())
    }

    /// The key of the second factor of an account, by the id of the account.
    pub fn second_factor(account: &str) -> Self {
        Self::SecondFactor(Sha256::digest(account).into())
    }

    /// The key of the network of an address with this length of its prefix.
    fn network(address: IpAddr, length: u8) -> Self {
        let network = IpNet::new(address, length).expect("a length within the address");
        Self::Network(network.trunc())
    }
}

/// The keys of the networks that a request came from, the widest first: /24 for IPv4; /48 and /64 for
/// IPv6, where a customer has up to 65,536 networks.
pub fn networks(origin: &Origin) -> impl Iterator<Item = ThrottleKey> + use<> {
    let address = origin.address.map(|address| address.to_canonical());
    let lengths: &[u8] = match address {
        Some(IpAddr::V4(_)) => &[24],
        Some(IpAddr::V6(_)) => &[48, 64],
        None => &[],
    };
    let keys = lengths.iter().zip(address.into_iter().cycle());
    keys.map(|(length, address)| ThrottleKey::network(address, *length))
}

impl LoginThrottle {
    /// Checks that none of `keys` has to wait.
    ///
    /// # Errors
    /// [`Kind::TooMany`](domain::Kind::TooMany) with the longest wait of `keys`, in seconds.
    pub fn check(&self, keys: &[ThrottleKey], now: Instant) -> Result<(), Refusal> {
        let failures = self.lock();
        let wait = keys
            .iter()
            .filter_map(|key| failures.get(key))
            .map(|f| f.wait(now))
            .max();
        match wait {
            Some(wait) if !wait.is_zero() => {
                let seconds = whole_seconds(wait);
                let text = format!("Too many failed attempts. Try again in {seconds} s.");
                Err(Refusal::too_many(seconds, text))
            }
            _ => Ok(()),
        }
    }

    /// Counts a failure under each of `keys`.
    pub fn failed(&self, keys: &[ThrottleKey], now: Instant) {
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

    /// Forgets the failures of a key.
    pub fn succeeded(&self, key: ThrottleKey) {
        self.lock().remove(&key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ThrottleKey, Failures>> {
        self.failures.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_begins_with_the_fifth_failure_and_ends_at_a_minute() {
        let throttle = LoginThrottle::default();
        let keys = [ThrottleKey::account("a@example.org")];
        let now = Instant::now();
        for (failure, seconds) in (1..).zip([0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]) {
            throttle.failed(&keys, now);
            let waits = throttle
                .check(&keys, now)
                .err()
                .and_then(|refusal| refusal.retry_after);
            assert_eq!(waits.unwrap_or(0), seconds, "failure {failure}");
        }
        assert!(throttle.check(&keys, now + LONGEST).is_ok());
        assert!(
            throttle
                .check(&[ThrottleKey::account("b@example.org")], now)
                .is_ok()
        );
        throttle.succeeded(keys[0]);
        assert!(throttle.check(&keys, now).is_ok());
    }

    #[test]
    fn failures_are_forgotten_a_quarter_of_an_hour_after_the_last() {
        let throttle = LoginThrottle::default();
        let keys = [ThrottleKey::account("a@example.org")];
        let begun = Instant::now();
        let last = begun + MEMORY - Duration::from_secs(1);
        (0..4).for_each(|_| throttle.failed(&keys, begun));
        throttle.failed(&keys, last);
        assert!(throttle.check(&keys, last).is_err());
        throttle.failed(&keys, last + MEMORY);
        assert!(throttle.check(&keys, last + MEMORY).is_ok());
    }

    #[test]
    fn one_throttled_key_of_several_is_enough() {
        let throttle = LoginThrottle::default();
        let [account, other, network] = ["a", "b", "c"].map(ThrottleKey::account);
        let now = Instant::now();
        (0..5).for_each(|_| throttle.failed(&[account, network], now));
        throttle.succeeded(account);
        assert!(throttle.check(&[account], now).is_ok());
        assert!(throttle.check(&[network, account], now).is_err());
        assert!(throttle.check(&[other, network], now).is_err());
    }

    #[test]
    fn a_flood_pushes_out_the_oldest_and_takes_no_more_room() {
        let throttle = LoginThrottle::default();
        let guessed = ["early", "late"].map(ThrottleKey::account);
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        for (key, seconds) in guessed.into_iter().zip([0, 1]) {
            (0..8).for_each(|_| throttle.failed(&[key], at(seconds)));
        }
        let now = at(2);
        let slowed = || guessed.map(|key| throttle.check(&[key], now).is_err());
        let flood = |name: String| {
            throttle.failed(
                &["a", "b"].map(|key| ThrottleKey::account(&(key.to_owned() + &name))),
                now,
            );
        };
        (1..KEYS / 2).for_each(|number| flood(number.to_string()));
        assert_eq!(slowed(), [true, true]);
        throttle.failed(&[ThrottleKey::account("one too many")], now);
        assert_eq!(slowed(), [false, true]);
        flood("more".to_owned());
        assert_eq!(throttle.lock().len(), KEYS);
    }

    #[test]
    fn a_network_is_24_or_64_and_48_bits() {
        for (a, b, same) in [
            ("192.0.2.1", "192.0.2.200", &[true][..]),
            ("192.0.2.1", "192.0.3.1", &[false]),
            ("::ffff:192.0.2.1", "192.0.2.9", &[true]),
            ("2001:db8::1", "2001:db8::ffff:1", &[true, true]),
            ("2001:db8::1", "2001:db8:0:1::1", &[true, false]),
            ("2001:db8::1", "2001:db8:1::1", &[false, false]),
        ] {
            let of = |text: &str| {
                let address = Some(text.parse().expect("an address"));
                let origin = Origin {
                    address,
                    ..Origin::default()
                };
                networks(&origin)
            };
            let found: Vec<bool> = of(a).zip(of(b)).map(|(a, b)| a == b).collect();
            assert_eq!(found, same, "{a} {b}");
        }
        assert_eq!(networks(&Origin::default()).count(), 0);
    }
}
