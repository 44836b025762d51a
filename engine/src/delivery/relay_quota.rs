//! The limits of messages through a relay a minute, an hour and a day.

use std::time::Duration;

use domain::Timestamp;
use domain::outbox::RelayCondition;
use domain::relay::RelayLimits;

use crate::store::Scope;
use crate::store::relay_usage::{Period, Usage};

/// The messages of a period, and of the one before it.
#[derive(Clone, Copy, Debug)]
struct Window {
    period: Period,
    start: Timestamp,
    messages: i64,
    before: i64,
}

impl Window {
    fn new(period: Period) -> Self {
        Self {
            period,
            start: Timestamp(0),
            messages: 0,
            before: 0,
        }
    }

    /// The window at `now`.
    fn at(self, now: Timestamp) -> Self {
        let start = self.period.start(now);
        let (messages, before) = match start {
            same if same == self.start => (self.messages, self.before),
            next if next == self.start + self.period.length() => (0, self.messages),
            _ => (0, 0),
        };
        Self {
            period: self.period,
            start,
            messages,
            before,
        }
    }

    /// How long another message has to wait, with so many allowed in any period of this length: those
    /// of the period before count by the part of it that such a period covers. `self` is the window at
    /// `now`.
    fn wait(self, limit: u32, now: Timestamp) -> Option<Duration> {
        let length = self.period.length();
        let elapsed = now.saturating_since(self.start);
        let free = i64::from(limit) - 1 - self.messages;
        if free < 0 {
            return Some(length.saturating_sub(elapsed).max(Duration::from_millis(1)));
        }
        if self.before <= free {
            return None;
        }
        // Until no more than `free` of those before are covered.
        let covered = length.mul_f64(free as f64 / self.before as f64);
        let wait = length.saturating_sub(covered).saturating_sub(elapsed);
        (!wait.is_zero()).then_some(wait)
    }
}

/// The messages that a relay got. Several nodes share them by way of the database, within a second.
#[derive(Debug)]
pub(super) struct RelayQuota {
    scope: Scope,
    windows: [Window; 3],
    /// Not in the database yet.
    unsaved: Vec<Usage>,
}

impl RelayQuota {
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            windows: [Period::Minute, Period::Hour, Period::Day].map(Window::new),
            unsaved: Vec::new(),
        }
    }

    /// How long another message has to wait; `None` where it need not.
    pub fn wait(&self, limits: &RelayLimits, now: Timestamp) -> Option<Duration> {
        self.reached(limits, now).map(|(wait, _)| wait)
    }

    /// The limit that is reached, as in `500 messages a day`, and when another message may follow;
    /// of several the one with the longest wait.
    pub fn condition(&self, limits: &RelayLimits, now: Timestamp) -> Option<RelayCondition> {
        let (wait, period) = self.reached(limits, now)?;
        Some(RelayCondition::AtLimit {
            limit: described_limit(limits, period)?,
            until: now + wait,
        })
    }

    fn reached(&self, limits: &RelayLimits, now: Timestamp) -> Option<(Duration, Period)> {
        let waits = self.windows.iter().filter_map(|window| {
            let limit = limit(limits, window.period)?;
            let wait = window.at(now).wait(limit, now)?;
            Some((wait, window.period))
        });
        waits.max_by_key(|(wait, _)| *wait)
    }

    /// Counts a message that begins.
    pub fn count(&mut self, now: Timestamp) {
        for window in &mut self.windows {
            *window = window.at(now);
            window.messages += 1;
            let (period, start) = (window.period, window.start);
            let same = |used: &&mut Usage| used.period == period && used.start == start;
            match self.unsaved.iter_mut().find(same) {
                Some(used) => used.messages += 1,
                None => self.unsaved.push(Usage {
                    scope: self.scope,
                    period,
                    start,
                    messages: 1,
                }),
            }
        }
    }

    /// What is to be added to the database.
    pub fn take_unsaved(&mut self) -> Vec<Usage> {
        std::mem::take(&mut self.unsaved)
    }

    /// Takes back what could not be added.
    pub fn restore(&mut self, used: Usage) {
        self.unsaved.push(used);
    }

    /// Replaces the counts by those of the database and what is not in it yet.
    pub fn load(&mut self, stored: &[Usage], now: Timestamp) {
        let own = |used: &&Usage| used.scope == self.scope;
        let all: Vec<&Usage> = stored.iter().filter(own).chain(&self.unsaved).collect();
        for window in &mut self.windows {
            let period = window.period;
            let sum = |start: Timestamp| {
                let of_period = all.iter().filter(|used| used.period == period);
                let found = of_period.filter(|used| used.start == start);
                found.map(|used| used.messages).sum()
            };
            let start = period.start(now);
            *window = Window {
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
pub(super) fn limits_messages(limits: &RelayLimits) -> bool {
    Period::ALL
        .iter()
        .any(|period| limit(limits, *period).is_some())
}

/// The limits of messages, as in `10 messages a minute, 500 messages a day`.
pub(super) fn described(limits: &RelayLimits) -> String {
    let each = Period::ALL.iter();
    let each = each.filter_map(|period| described_limit(limits, *period));
    each.collect::<Vec<_>>().join(", ")
}

fn described_limit(limits: &RelayLimits, period: Period) -> Option<String> {
    let name = match period {
        Period::Minute => "a minute",
        Period::Hour => "an hour",
        Period::Day => "a day",
    };
    limit(limits, period).map(|number| format!("{number} messages {name}"))
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
        assert_eq!(wait(&quota, 30), Some(30));
        // Of the ten in the minute before, nine may be covered by the last minute.
        assert_eq!(wait(&quota, 60), Some(6));
        assert_eq!(wait(&quota, 66), None);
        sent(&mut quota, 1, 66);
        assert_eq!(wait(&quota, 66), Some(6));
        assert_eq!(wait(&quota, 120), None, "one in the minute before");
        assert_eq!(wait(&quota, 600), None);
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
        assert_eq!(quota.wait(&limits, at(0)), Some(Period::Day.length()));
        let reached = RelayCondition::AtLimit {
            limit: "10 messages a day".to_owned(),
            until: at(0) + Period::Day.length(),
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
