//! The leases that a worker holds, per recipient: only these are renewed.

mod renewal;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::Clock;
use crate::store::recipients::{ClaimedRecipient, RecipientKey};

/// The leased recipients, and when each lease began. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Leases {
    held: Arc<Mutex<HashMap<RecipientKey, LeaseStart>>>,
    clock: Clock,
}

/// When a lease began or was last renewed. By both clocks: monotonic time stands still while the machine
/// is suspended, and the time of day may be set back.
#[derive(Clone, Copy, Debug)]
struct LeaseStart {
    monotonic: Instant,
    day: Timestamp,
}

/// A lease on a recipient. It is no longer renewed once this is dropped, so that a task that panics
/// keeps nothing from other workers.
pub(super) struct LeaseGuard {
    leases: Leases,
    key: RecipientKey,
}

/// A recipient with its lease.
pub(super) struct LeasedRecipient {
    pub recipient: ClaimedRecipient,
    pub guard: LeaseGuard,
}

impl Leases {
    /// Without any lease, by this clock.
    pub fn new(clock: Clock) -> Self {
        Self {
            held: Arc::default(),
            clock,
        }
    }

    /// The start of a lease that began at `since`.
    fn start(&self, since: Instant) -> LeaseStart {
        LeaseStart {
            monotonic: since,
            day: self.clock.now() - since.elapsed(),
        }
    }

    /// `None` where it is leased already: its lease ended by a clock that was set forward, and begins
    /// again.
    fn acquire(&self, key: &RecipientKey, start: LeaseStart) -> Option<LeaseGuard> {
        let before = self.held.lock().insert(key.clone(), start);
        if before.is_some() {
            return None;
        }
        Some(LeaseGuard {
            leases: self.clone(),
            key: key.clone(),
        })
    }

    /// Holds the leases on these recipients; drops those that are leased already.
    pub fn acquire_all(
        &self,
        recipients: Vec<ClaimedRecipient>,
        since: Instant,
    ) -> Vec<LeasedRecipient> {
        let start = self.start(since);
        let acquire = |recipient: ClaimedRecipient| {
            let guard = self.acquire(&recipient.key, start)?;
            Some(LeasedRecipient { recipient, guard })
        };
        recipients.into_iter().filter_map(acquire).collect()
    }

    /// The keys of all leases.
    pub fn keys(&self) -> Vec<RecipientKey> {
        self.held.lock().keys().cloned().collect()
    }

    /// Those of these keys whose leases are not held.
    pub fn without_held(&self, mut keys: Vec<RecipientKey>) -> Vec<RecipientKey> {
        let held = self.held.lock();
        keys.retain(|key| !held.contains_key(key));
        keys
    }

    /// The leases with these keys were renewed at `since`.
    pub fn renewed(&self, keys: &[RecipientKey], since: Instant) {
        let start = self.start(since);
        let mut leases = self.held.lock();
        for key in keys {
            if let Some(began) = leases.get_mut(key) {
                *began = start;
            }
        }
    }
}

impl LeaseGuard {
    /// Whether the lease began less than `lease` ago, or was renewed since, by both clocks.
    pub fn is_current(&self, lease: Duration) -> bool {
        let start = self.leases.held.lock().get(&self.key).copied();
        let now = self.leases.clock.now();
        start.is_some_and(|start| {
            start.monotonic.elapsed() < lease && now.saturating_since(start.day) < lease
        })
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        self.leases.held.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(60);

    #[test]
    fn a_recipient_is_leased_once_and_until_its_guard_is_dropped() {
        let key = |position| RecipientKey {
            message_id: "a".to_owned(),
            position,
        };
        let leases = Leases::default();
        let start = leases.start(Instant::now());
        let one = leases.acquire(&key(0), start);
        let other = leases.acquire(&key(1), start);
        assert!(one.is_some() && other.is_some());
        assert!(leases.acquire(&key(0), start).is_none());
        let claimed = vec![key(0), key(2)];
        assert_eq!(leases.without_held(claimed.clone()), [key(2)]);
        drop(one);
        assert_eq!(leases.keys(), [key(1)]);
        assert_eq!(leases.without_held(claimed.clone()), claimed);
        drop(other);
        assert!(leases.keys().is_empty());
    }

    #[test]
    fn a_lease_ends_by_the_time_of_day_too() {
        let (clock, key) = (Clock::default(), key());
        let leases = Leases::new(clock.clone());
        let guard = leases.acquire(&key, leases.start(Instant::now()));
        let guard = guard.expect("a lease");
        assert!(guard.is_current(LEASE) && !guard.is_current(Duration::ZERO));
        // As after the machine was suspended: monotonic time does not advance.
        clock.advance(LEASE);
        assert!(!guard.is_current(LEASE));
        leases.renewed(std::slice::from_ref(&key), Instant::now());
        assert!(guard.is_current(LEASE));
        clock.advance(LEASE);
        let again = leases.acquire(&key, leases.start(Instant::now()));
        assert!(again.is_none() && guard.is_current(LEASE), "claimed again");
        clock.put_back(2 * LEASE);
        assert!(guard.is_current(LEASE) && !guard.is_current(Duration::ZERO));
    }

    fn key() -> RecipientKey {
        RecipientKey {
            message_id: "a".to_owned(),
            position: 0,
        }
    }
}
