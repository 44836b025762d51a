//! The leases that a worker holds, per recipient: only these are renewed.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::store::recipients::{ClaimedRecipient, RecipientKey};

/// The leased recipients, and when each lease began. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Leases(Arc<Mutex<HashMap<RecipientKey, Instant>>>);

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
    /// `None` where it is leased already: its lease ended by a clock that was set forward.
    fn acquire(&self, key: &RecipientKey, since: Instant) -> Option<LeaseGuard> {
        let mut leases = self.0.lock();
        if leases.contains_key(key) {
            return None;
        }
        leases.insert(key.clone(), since);
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
        let acquire = |recipient: ClaimedRecipient| {
            let guard = self.acquire(&recipient.key, since)?;
            Some(LeasedRecipient { recipient, guard })
        };
        recipients.into_iter().filter_map(acquire).collect()
    }

    /// The keys of all leases.
    pub fn keys(&self) -> Vec<RecipientKey> {
        self.0.lock().keys().cloned().collect()
    }

    /// The leases with these keys were renewed at `since`.
    pub fn renewed(&self, keys: &[RecipientKey], since: Instant) {
        let mut leases = self.0.lock();
        for key in keys {
            if let Some(began) = leases.get_mut(key) {
                *began = since;
            }
        }
    }
}

impl LeaseGuard {
    /// When the lease began or was last renewed.
    pub fn since(&self) -> Option<Instant> {
        self.leases.0.lock().get(&self.key).copied()
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        self.leases.0.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_recipient_is_leased_once_and_until_its_guard_is_dropped() {
        let key = |position| RecipientKey {
            message_id: "a".to_owned(),
            position,
        };
        let (leases, then) = (Leases::default(), Instant::now());
        let one = leases.acquire(&key(0), then);
        let other = leases.acquire(&key(1), then);
        assert!(one.is_some() && other.is_some());
        assert!(leases.acquire(&key(0), then).is_none());
        drop(one);
        assert_eq!(leases.keys(), [key(1)]);
        let later = then + Duration::from_secs(1);
        leases.renewed(&[key(0), key(1)], later);
        assert_eq!(other.and_then(|guard| guard.since()), Some(later));
        assert!(leases.keys().is_empty());
    }
}
