//! Refusals on their way to the audit log: the first queued for the group commit, repeats counted.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use domain::Timestamp;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::action::Action;
use super::signature::{Signature, Source};
use crate::store::audit;

/// How long refusals that repeat one are counted before their row is written.
const MINUTE: Duration = Duration::from_secs(60);

/// The maximum number of keys of a minute for refusals of requests without an account. Actors have as many
/// more, so that strangers do not hide them. Beyond it, refusals are counted without actor and origin.
const MAX_KEYS: usize = 1000;

/// A row to be written, and where to report that it is on disk.
pub(crate) struct QueuedEntry {
    pub entry: audit::Entry,
    /// Dropped without a report if it cannot be written.
    pub done: oneshot::Sender<()>,
}

/// What refusals that are counted together have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RefusalKey {
    pub by: Signature,
    pub action: Action,
    /// The HTTP status of the refusal.
    pub status: u16,
}

/// The refusals of a key after the first of them, which has a row of its own.
#[derive(Debug)]
pub(super) struct RefusalCount {
    /// The time of the first.
    pub at: Timestamp,
    first: Instant,
    /// How many followed it.
    pub repeated: u64,
}

impl RefusalCount {
    fn is_complete(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.first) >= MINUTE
    }

    /// Whether it is complete, and there is nothing to write of it.
    fn is_spent(&self, now: Instant) -> bool {
        self.is_complete(now) && self.repeated == 0
    }
}

/// Counts refusals that repeat one of the same minute. They come as fast as a client can send requests,
/// and each row costs room and a sync.
#[derive(Default)]
pub(super) struct RefusalCounter(Mutex<HashMap<RefusalKey, RefusalCount>>);

impl RefusalCounter {
    /// Whether a refusal is the first of its key in a minute, so that it is written; others are counted.
    /// `at` and `now` are the same moment.
    pub fn is_first(&self, source: Source, key: RefusalKey, at: Timestamp, now: Instant) -> bool {
        let max = match source {
            Source::Stranger => MAX_KEYS,
            Source::Actor => 2 * MAX_KEYS,
        };
        let mut counts = self.0.lock();
        let key = match counts.len() < max || counts.contains_key(&key) {
            true => key,
            false => RefusalKey {
                by: Signature::default(),
                ..key
            },
        };
        let first = RefusalCount {
            at,
            first: now,
            repeated: 0,
        };
        match counts.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(first);
                true
            }
            Entry::Occupied(mut entry) if entry.get().is_spent(now) => {
                entry.insert(first);
                true
            }
            Entry::Occupied(mut entry) => {
                entry.get_mut().repeated += 1;
                false
            }
        }
    }

    /// Removes the keys whose minute is over at `now`, all of them without it, and returns those with
    /// refusals that are not written.
    pub fn take(&self, now: Option<Instant>) -> Vec<(RefusalKey, RefusalCount)> {
        let mut counts = self.0.lock();
        let complete = |count: &RefusalCount| now.is_none_or(|now| count.is_complete(now));
        let taken = counts.extract_if(|_, count| complete(count));
        taken.filter(|(_, count)| count.repeated > 0).collect()
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
    fn refusals_of_a_minute_are_counted_behind_the_first() {
        let counter = RefusalCounter::default();
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let refuse = |name: &str, seconds| {
            let time = Timestamp(seconds as i64);
            counter.is_first(Source::Actor, key(name), time, at(seconds))
        };
        let first: Vec<bool> = [0, 1, 59].map(|seconds| refuse("a", seconds)).into();
        assert_eq!(first, [true, false, false]);
        assert!(refuse("b", 30));
        assert!(counter.take(Some(at(59))).is_empty());
        let taken = counter.take(Some(at(60)));
        assert_eq!(taken.len(), 1);
        let (of, count) = &taken[0];
        assert_eq!((of, count.repeated, count.at), (&key("a"), 2, Timestamp(0)));
        assert!(refuse("a", 60), "the next minute");
        assert!(refuse("b", 90), "the next minute");
        assert!(counter.take(None).is_empty(), "each has its row");
    }

    #[test]
    fn a_flood_of_keys_takes_no_more_room_and_hides_no_actor() {
        let counter = RefusalCounter::default();
        let refuse =
            |source, name: &str| counter.is_first(source, key(name), Timestamp(0), Instant::now());
        let flood =
            (0..2 * MAX_KEYS).filter(|number| refuse(Source::Stranger, &format!("{number}.")));
        assert_eq!(flood.count(), MAX_KEYS + 1);
        assert!(refuse(Source::Actor, "actor"));
        let taken = counter.take(None);
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].0, key(""));
        assert_eq!(taken[0].1.repeated, MAX_KEYS as u64 - 1);
    }
}
