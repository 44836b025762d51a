//! Limits of the mail that an account or an API token sends, and the rest of each limit.

use crate::limits::rate_window::{Period, RateWindows, ReachedLimit};
use crate::{Refusal, Timestamp};

/// The maximum of a limit of messages.
pub const MESSAGES_MAX: u32 = 100_000_000;

/// The maximum number of recipients of a message.
pub const RECIPIENTS_MAX: u32 = 100;

/// The names of the limits, in forms and in refusals.
pub const LIMIT_NAMES: [&str; 4] = [
    "max_per_minute",
    "max_per_hour",
    "max_per_day",
    "max_recipients",
];

/// The limits of an account or a token; absent ones do not apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendingLimits {
    /// The maximum number of messages a minute.
    pub max_per_minute: Option<u32>,
    /// The maximum number of messages an hour.
    pub max_per_hour: Option<u32>,
    /// The maximum number of messages a day.
    pub max_per_day: Option<u32>,
    /// The maximum number of recipients of a message.
    pub max_recipients: Option<u32>,
}

impl SendingLimits {
    /// The limits in the order of [`LIMIT_NAMES`].
    pub const fn numbers(&self) -> [Option<u32>; 4] {
        [
            self.max_per_minute,
            self.max_per_hour,
            self.max_per_day,
            self.max_recipients,
        ]
    }

    /// The limits from [`SendingLimits::numbers`].
    pub const fn of_numbers(numbers: [Option<u32>; 4]) -> Self {
        let [max_per_minute, max_per_hour, max_per_day, max_recipients] = numbers;
        Self {
            max_per_minute,
            max_per_hour,
            max_per_day,
            max_recipients,
        }
    }

    /// The limit of messages in a period.
    pub const fn per(&self, period: Period) -> Option<u32> {
        match period {
            Period::Minute => self.max_per_minute,
            Period::Hour => self.max_per_hour,
            Period::Day => self.max_per_day,
        }
    }

    /// Whether no limit is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether one of the limits counts messages.
    pub fn counts_messages(&self) -> bool {
        Period::ALL.iter().any(|period| self.per(*period).is_some())
    }

    /// Validates the numbers.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) with the fault of each limit under its name.
    pub fn check(&self) -> Result<(), Refusal> {
        let mut faults = Refusal::invalid();
        for (name, number) in LIMIT_NAMES.into_iter().zip(self.numbers()) {
            let max = match name {
                "max_recipients" => RECIPIENTS_MAX,
                _ => MESSAGES_MAX,
            };
            if number.is_some_and(|number| !(1..=max).contains(&number)) {
                faults.add(name, format!("A limit is 1 to {max}, or nothing."));
            }
        }
        faults.or_ok()
    }

    /// Formats the limits, as in `2 messages a minute, 10 recipients a message`; empty without limits.
    pub fn text(&self) -> String {
        let messages = Period::ALL
            .iter()
            .filter_map(|period| Some(period.limit_text(self.per(*period)?)));
        let recipients = self.max_recipients.map(recipients_text);
        messages.chain(recipients).collect::<Vec<_>>().join(", ")
    }
}

/// Formats a limit of recipients, as in `10 recipients a message`.
fn recipients_text(limit: u32) -> String {
    let recipients = if limit == 1 {
        "recipient"
    } else {
        "recipients"
    };
    format!("{limit} {recipients} a message")
}

/// The use of a limit of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitUse {
    /// The period.
    pub period: Period,
    /// The number of messages that the limit allows in the period.
    pub limit: u32,
    /// The number of messages that are left.
    pub left: u32,
    /// When the next message is accepted; `None` while one is left.
    pub next_at: Option<Timestamp>,
    /// When the whole limit is available again, if no message is sent until then; `None` while it is.
    pub resets_at: Option<Timestamp>,
}

/// The limits of an account or a token, and the messages that count against them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendingQuota {
    /// The limits.
    pub limits: SendingLimits,
    /// The counted messages.
    pub windows: RateWindows,
}

impl SendingQuota {
    /// The limit that does not allow `many` more messages; of several, the one that allows them last.
    pub fn reached(&self, many: u32, now: Timestamp) -> Option<ReachedLimit> {
        self.windows
            .reached(|period| self.limits.per(period), many, now)
    }

    /// Counts messages.
    pub fn count(&mut self, many: u32, now: Timestamp) {
        self.windows.count(i64::from(many), now);
    }

    /// The use of each limit of messages.
    pub fn uses(&self, now: Timestamp) -> Vec<LimitUse> {
        let windows = self.windows.0.iter();
        let uses = windows.filter_map(|window| {
            let limit = self.limits.per(window.period)?;
            Some(LimitUse {
                period: window.period,
                limit,
                left: window.left(limit, now),
                next_at: window.next_at(limit, 1, now),
                resets_at: window.all_left_at(now),
            })
        });
        uses.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_from_1_on() {
        for (numbers, faults) in [
            ([None; 4], &[][..]),
            ([Some(1), Some(100_000_000), None, Some(100)], &[]),
            ([Some(0), None, None, None], &["max_per_minute"]),
            (
                [None, Some(100_000_001), Some(0), Some(101)],
                &["max_per_day", "max_per_hour", "max_recipients"],
            ),
        ] {
            let limits = SendingLimits::of_numbers(numbers);
            assert_eq!(limits.numbers(), numbers);
            let found = limits.check().err().map(|refusal| refusal.fields);
            let found: Vec<String> = found.unwrap_or_default().into_keys().collect();
            assert_eq!(found, faults, "{numbers:?}");
        }
    }

    #[test]
    fn limits_have_words_and_say_what_they_count() {
        for (numbers, text, counts) in [
            ([None; 4], "", false),
            ([None, None, None, Some(1)], "1 recipient a message", false),
            (
                [Some(2), None, Some(1), Some(10)],
                "2 messages a minute, 1 message a day, 10 recipients a message",
                true,
            ),
        ] {
            let limits = SendingLimits::of_numbers(numbers);
            assert_eq!(limits.text(), text);
            assert_eq!(limits.counts_messages(), counts);
            assert_eq!(limits.is_empty(), text.is_empty());
        }
    }

    #[test]
    fn what_is_left_is_shown_with_when_it_is_more() {
        let begun = Timestamp(1_000_000 * 86_400_000);
        let mut quota = SendingQuota {
            limits: SendingLimits::of_numbers([Some(2), None, Some(5), Some(1)]),
            ..SendingQuota::default()
        };
        quota.count(2, begun);
        let day = Period::Day.length();
        let minute = LimitUse {
            period: Period::Minute,
            limit: 2,
            left: 0,
            next_at: Some(Timestamp(begun.0 + 90_000)),
            resets_at: Some(Timestamp(begun.0 + 120_000)),
        };
        let day = LimitUse {
            period: Period::Day,
            limit: 5,
            left: 3,
            next_at: None,
            resets_at: Some(begun + day * 2),
        };
        assert_eq!(quota.uses(begun), [minute, day]);
        let reached = quota.reached(1, begun).expect("reached");
        assert_eq!((reached.period, reached.limit), (Period::Minute, 2));
        assert_eq!(quota.reached(2, begun + Period::Hour.length()), None);
        assert!(SendingQuota::default().uses(begun).is_empty());
    }
}
