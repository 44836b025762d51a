//! The limits of messages through a relay a minute, an hour and a day.

use std::time::Duration;

use domain::Timestamp;
use domain::limits::rate_window::{Period, RateWindow, RateWindows, ReachedLimit};
use domain::outbox::RelayCondition;
use domain::settings::relay::RelayLimits;

use crate::store::Scope;
use crate::store::relays::usage::Usage;

/// A message that is counted, and when the minute, the hour and the day began that it is counted in.
#[derive(Clone, Copy, Debug)]
pub(in crate::delivery) struct CountedMessage {
    pub scope: Scope,
    starts: [Timestamp; 3],
}

/// The messages that a relay got. Several nodes share them by way of the database, within a second.
#[derive(Debug)]
pub(in crate::delivery) struct RelayQuota {
    scope: Scope,
    windows: RateWindows,
    /// Not in the database yet.
    unsaved: Vec<Usage>,
}

impl RelayQuota {
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            windows: RateWindows::default(),
            unsaved: Vec::new(),
        }
    }

    /// How long another message has to wait; `None` where it need not.
    pub fn wait(&self, limits: &RelayLimits, now: Timestamp) -> Option<Duration> {
        let reached = self.reached(limits, now)?;
        Some(reached.next_at.saturating_since(now))
    }

    /// The limit that is reached, as in `500 messages a day`, and when another message may follow;
    /// of several the one with the longest wait.
    pub fn condition(&self, limits: &RelayLimits, now: Timestamp) -> Option<RelayCondition> {
        let reached = self.reached(limits, now)?;
        Some(RelayCondition::AtLimit {
            limit: reached.period.limit_text(reached.limit),
            until: reached.next_at,
        })
    }

    fn reached(&self, limits: &RelayLimits, now: Timestamp) -> Option<ReachedLimit> {
        self.windows.reached(|period| limit(limits, period), 1, now)
    }

    /// Counts a message that begins.
    pub fn count(&mut self, now: Timestamp) -> CountedMessage {
        self.windows.count(1, now);
        let counted = CountedMessage {
            scope: self.scope,
            starts: self.windows.0.map(|window| window.start),
        };
        self.add_unsaved(1, counted);
        counted
    }

    /// Takes back a message that did not begin after all.
    pub fn take_back(&mut self, counted: CountedMessage) {
        for (window, start) in self.windows.0.iter_mut().zip(counted.starts) {
            window.take_back(1, start);
        }
        self.add_unsaved(-1, counted);
    }

    fn add_unsaved(&mut self, messages: i64, counted: CountedMessage) {
        for (window, start) in self.windows.0.iter().zip(counted.starts) {
            let period = window.period;
            let same = |used: &&mut Usage| used.period == period && used.start == start;
            match self.unsaved.iter_mut().find(same) {
                Some(used) => used.messages += messages,
                None => self.unsaved.push(Usage {
                    scope: self.scope,
                    period,
                    start,
                    messages,
                }),
            }
        }
    }

    /// What is to be added to the database.
    pub fn take_unsaved(&mut self) -> Vec<Usage> {
        let mut unsaved = std::mem::take(&mut self.unsaved);
        unsaved.retain(|used| used.messages != 0);
        unsaved
    }

    /// Takes back what could not be added.
    pub fn restore(&mut self, used: Usage) {
        self.unsaved.push(used);
    }

    /// Replaces the counts by those of the database and what is not in it yet.
    pub fn load(&mut self, stored: &[Usage], now: Timestamp) {
        let own = |used: &&Usage| used.scope == self.scope;
        let all: Vec<&Usage> = stored.iter().filter(own).chain(&self.unsaved).collect();
        for window in &mut self.windows.0 {
            let period = window.period;
            let sum = |start: Timestamp| {
                let of_period = all.iter().filter(|used| used.period == period);
                let found = of_period.filter(|used| used.start == start);
                found.map(|used| used.messages).sum()
            };
            let start = period.start(now);
            *window = RateWindow {
                period,
                start,
                messages: sum(start),
                before: sum(start - period.length()),
            };
        }
    }
}

fn limit(limits: &RelayLimits, period: Period) -> Option<u32> {
    match period {
        Period::Minute => limits.per_minute,
        Period::Hour => limits.per_hour,
        Period::Day => limits.per_day,
    }
}

/// Whether messages are limited.
pub(in crate::delivery) fn limits_messages(limits: &RelayLimits) -> bool {
    Period::ALL
        .iter()
        .any(|period| limit(limits, *period).is_some())
}

/// The limits of messages, as in `10 messages a minute, 500 messages a day`.
pub(in crate::delivery) fn described(limits: &RelayLimits) -> String {
    let each = Period::ALL.iter();
    let each = each.filter_map(|period| Some(period.limit_text(limit(limits, *period)?)));
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A minute, hour and day begin.
    const BEGUN: Timestamp = Timestamp(1_000_000 * 86_400_000);

    fn at(seconds: u64) -> Timestamp {
        BEGUN + Duration::from_secs(seconds)
    }

    fn per_minute(limit: u32) -> RelayLimits {
        RelayLimits {
            per_minute: Some(limit),
            ..RelayLimits::default()
        }
    }

    fn sent(quota: &mut RelayQuota, many: usize, seconds: u64) {
        for _ in 0..many {
            quota.count(at(seconds));
        }
    }

    #[test]
    fn a_message_beyond_a_limit_waits() {
        let (mut quota, limits) = (RelayQuota::new(Scope::Global), per_minute(10));
        let wait = |quota: &RelayQuota, seconds| {
            quota.wait(&limits, at(seconds)).map(|wait| wait.as_secs())
        };
        assert_eq!(wait(&quota, 0), None);
        sent(&mut quota, 9, 30);
        assert_eq!(wait(&quota, 30), None, "the tenth");
        sent(&mut quota, 1, 30);
        // Of the ten in that minute, nine may be covered by the last minute.
        assert_eq!(wait(&quota, 30), Some(36));
        assert_eq!(wait(&quota, 60), Some(6));
        assert_eq!(wait(&quota, 66), None);
        sent(&mut quota, 1, 66);
        assert_eq!(wait(&quota, 66), Some(6));
        assert_eq!(wait(&quota, 120), None, "one in the minute before");
        assert_eq!(wait(&quota, 600), None);
    }

    #[test]
    fn a_message_that_did_not_begin_is_taken_back() {
        let (mut quota, limits) = (RelayQuota::new(Scope::Global), per_minute(1));
        let counted = quota.count(at(0));
        assert!(quota.wait(&limits, at(0)).is_some());
        quota.take_back(counted);
        assert_eq!(quota.wait(&limits, at(0)), None);
        assert!(quota.take_unsaved().is_empty());
        // Its count was stored before, and the minute is over.
        let counted = quota.count(at(30));
        assert_eq!(quota.take_unsaved().len(), 3);
        sent(&mut quota, 1, 60);
        assert!(quota.wait(&per_minute(2), at(60)).is_some());
        quota.take_back(counted);
        assert_eq!(quota.wait(&per_minute(2), at(60)), None);
        let unsaved = quota.take_unsaved();
        let taken: Vec<i64> = unsaved.iter().map(|used| used.messages).collect();
        assert_eq!(taken, [1, -1], "of two minutes");
    }

    #[test]
    fn the_longest_wait_of_all_limits_counts() {
        let mut quota = RelayQuota::new(Scope::Global);
        sent(&mut quota, 10, 0);
        let limits = RelayLimits {
            per_minute: Some(10),
            per_hour: Some(11),
            per_day: Some(10),
            max_connections: None,
        };
        // Nine of the ten in that day may be covered by the last day.
        let wait = Period::Day.length() + Period::Day.length() / 10;
        assert_eq!(quota.wait(&limits, at(0)), Some(wait));
        let reached = RelayCondition::AtLimit {
            limit: "10 messages a day".to_owned(),
            until: at(0) + wait,
        };
        assert_eq!(quota.condition(&limits, at(0)), Some(reached));
        assert_eq!(
            described(&limits),
            "10 messages a minute, 11 messages an hour, 10 messages a day"
        );
        assert!(limits_messages(&limits));
        assert!(!limits_messages(&RelayLimits::default()));
        assert_eq!(quota.wait(&RelayLimits::default(), at(0)), None);
    }

    #[test]
    fn counts_are_those_of_the_database_and_what_is_not_in_it() {
        let mut quota = RelayQuota::new(Scope::Global);
        sent(&mut quota, 3, 0);
        let saved = quota.take_unsaved();
        assert_eq!(saved.len(), 3);
        assert!(quota.take_unsaved().is_empty());
        sent(&mut quota, 2, 0);
        let other_node = saved.iter().map(|used| Usage {
            messages: used.messages + 4,
            ..*used
        });
        quota.load(&other_node.collect::<Vec<_>>(), at(1));
        assert!(quota.wait(&per_minute(9), at(1)).is_some());
        assert_eq!(quota.wait(&per_minute(10), at(1)), None);
        quota.load(&[], at(60));
        assert_eq!(quota.wait(&per_minute(3), at(60)), None, "two before");
    }
}
