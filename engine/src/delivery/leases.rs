//! What a worker has, recipient by recipient: only its leases are renewed.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::store::recipients::{Claimed, Place};

/// The rows in guard, and since when their leases run. Cheap to clone.
#[derive(Clone, Default)]
pub struct Leases(Arc<Mutex<HashMap<Place, Instant>>>);

/// A row in guard, until this is dropped: a run that dies keeps nothing from others.
pub struct LeaseGuard {
    leases: Leases,
    place: Place,
}

impl Leases {
    fn held(&self) -> MutexGuard<'_, HashMap<Place, Instant>> {
        self.0.lock()
    }

    /// None where it is in guard already: its lease ran out by a clock that was put forward.
    fn take(&self, row: &Claimed, since: Instant) -> Option<LeaseGuard> {
        let place = row.place();
        let mut held = self.held();
        if held.contains_key(&place) {
            return None;
        }
        held.insert(place.clone(), since);
        Some(LeaseGuard {
            leases: self.clone(),
            place,
        })
    }

    /// Rows, with a guard on each; without those that are in guard already.
    pub fn acquire_all(&self, rows: Vec<Claimed>, since: Instant) -> Vec<(Claimed, LeaseGuard)> {
        let take = |row| self.take(&row, since).map(|guard| (row, guard));
        rows.into_iter().filter_map(take).collect()
    }

    pub fn all(&self) -> Vec<Place> {
        self.held().keys().cloned().collect()
    }

    /// The leases of these were renewed then.
    pub fn renewed(&self, places: &[Place], since: Instant) {
        let mut held = self.held();
        for place in places {
            if let Some(running) = held.get_mut(place) {
                *running = since;
            }
        }
    }
}

impl LeaseGuard {
    /// Since when its lease runs.
    pub fn since(&self) -> Option<Instant> {
        self.leases.held().get(&self.place).copied()
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        self.leases.held().remove(&self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_in_hand_once_and_until_it_is_dropped() {
        let row = |position| Claimed {
            message: "a".to_owned(),
            position,
            address: String::new(),
            attempts: 0,
            trying_since: 0,
            suppressed: None,
        };
        let (leases, then) = (Leases::default(), Instant::now());
        let one = leases.take(&row(0), then);
        let other = leases.take(&row(1), then);
        assert!(one.is_some() && other.is_some());
        assert!(leases.take(&row(0), then).is_none());
        drop(one);
        assert_eq!(leases.all(), [("a".to_owned(), 1)]);
        let later = then + std::time::Duration::from_secs(1);
        leases.renewed(&[("a".to_owned(), 0), ("a".to_owned(), 1)], later);
        assert_eq!(other.and_then(|guard| guard.since()), Some(later));
        assert!(leases.all().is_empty());
    }
}
