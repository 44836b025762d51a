//! Refusals on their way to the audit log: queued for the group commit, or counted for a minute.

use std::collections::HashMap;
use std::time::Duration;

use domain::Timestamp;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::action::Action;
use super::signature::Signature;
use crate::store::audit::Entry;

/// How long refusals are counted before their row is written.
const MINUTE: Duration = Duration::from_secs(60);

/// The maximum number of rows of a minute. Beyond it, refusals are counted without actor and origin.
const MAX_ROWS: usize = 1000;

/// A row to be written, and where to report that it is on disk.
pub(crate) struct QueuedEntry {
    pub entry: Entry,
    /// Dropped without a report if it cannot be written.
    pub done: oneshot::Sender<()>,
}

/// What the refusals of a row have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RefusalKey {
    pub by: Signature,
    pub action: Action,
    /// The HTTP status of the refusal.
    pub status: u16,
}

/// The refusals of a key since the first of them.
#[derive(Debug)]
pub(super) struct RefusalCount {
    /// The time of the first.
    pub at: Timestamp,
    first: Instant,
    pub number: u64,
}

/// Counts refusals. They come as fast as a client can send requests, and each row costs room.
#[derive(Default)]
pub(super) struct RefusalCounter(Mutex<HashMap<RefusalKey, RefusalCount>>);

impl RefusalCounter {
    /// Counts a refusal. `at` and `now` are the same moment.
    pub fn count(&self, key: RefusalKey, at: Timestamp, now: Instant) {
        let mut counts = self.0.lock();
        let key = match counts.len() < MAX_ROWS || counts.contains_key(&key) {
            true => key,
            false => RefusalKey {
                by: Signature::default(),
                ..key
            },
        };
        let count = counts.entry(key).or_insert(RefusalCount {
            at,
            first: now,
            number: 0,
        });
        count.number += 1;
    }

    /// Removes the counts that are complete at `now`; all of them without it.
    pub fn take(&self, now: Option<Instant>) -> Vec<(RefusalKey, RefusalCount)> {
        let mut counts = self.0.lock();
        let is_complete = |count: &RefusalCount| {
            now.is_none_or(|now| now.saturating_duration_since(count.first) >= MINUTE)
        };
        counts.extract_if(|_, count| is_complete(count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(actor: &str) -> RefusalKey {
        RefusalKey {
            by: Signature {
                actor: actor.to_owned(),
                origin: String::new(),
            },
            action: Action::Login,
            status: 429,
        }
    }

    #[test]
    fn refusals_of_a_minute_are_counted_together() {
        let counter = RefusalCounter::default();
        let begun = Instant::now();
        for seconds in [0, 1, 59] {
            let now = begun + Duration::from_secs(seconds);
            counter.count(key("a"), Timestamp(7), now);
        }
        let later = begun + Duration::from_secs(30);
        counter.count(key("b"), Timestamp(8), later);
        assert!(counter.take(Some(later)).is_empty());
        let taken = counter.take(Some(begun + MINUTE));
        assert_eq!(taken.len(), 1);
        let (of, count) = &taken[0];
        assert_eq!((of, count.number, count.at), (&key("a"), 3, Timestamp(7)));
        assert_eq!(counter.take(None).len(), 1);
    }

    #[test]
    fn a_flood_of_keys_takes_no_more_rows() {
        let counter = RefusalCounter::default();
        for number in 0..2 * MAX_ROWS {
            counter.count(key(&format!("{number}.")), Timestamp(0), Instant::now());
        }
        let taken = counter.take(None);
        assert_eq!(taken.len(), MAX_ROWS + 1);
        let rest = taken.iter().find(|(of, _)| *of == key(""));
        assert_eq!(rest.expect("counted").1.number, MAX_ROWS as u64);
    }
}
