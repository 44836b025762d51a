//! Limits of messages a minute, an hour and a day: the periods, and the rest of each limit.

use std::time::Duration;

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::Timestamp;
use crate::timestamp::{DAY, milliseconds};

/// A period of a limit of messages.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "lowercase")]
pub enum Period {
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// 24 hours, from midnight UTC on.
    Day,
}

impl Period {
    /// Every period.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// The name in the database and in JSON.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The length of the period.
    pub const fn length(self) -> Duration {
        match self {
            Self::Minute => Duration::from_mins(1),
            Self::Hour => Duration::from_hours(1),
            Self::Day => DAY,
        }
    }

    /// The start of the period that contains a time.
    pub fn start(self, at: Timestamp) -> Timestamp {
        at.period_start(self.length())
    }

    /// The name with its article, as in `a minute`.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Minute => "a minute",
            Self::Hour => "an hour",
            Self::Day => "a day",
        }
    }

    /// Formats a limit, as in `500 messages a day`.
    pub fn limit_text(self, limit: u32) -> String {
        let messages = if limit == 1 { "message" } else { "messages" };
        format!("{limit} {messages} {}", self.phrase())
    }
}

/// A sliding window: the messages of a period, and of the period before it.
///
/// A limit holds in any period of this length, also in one that begins in the middle of a minute: the
/// messages of the previous period count by the part of it that such a period covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateWindow {
    /// The period.
    pub period: Period,
    /// When the period began.
    pub start: Timestamp,
    /// The number of messages since then.
    pub messages: i64,
    /// The number of messages in the previous period.
    pub before: i64,
}

impl RateWindow {
    /// A window without messages.
    pub const fn new(period: Period) -> Self {
        Self {
            period,
            start: Timestamp(0),
            messages: 0,
            before: 0,
        }
    }

    /// The window at `now`. If the clock is behind the window by up to one period, as the clock of
    /// another node may be, messages count in the window. A clock that is further behind was set back,
    /// and the window moves back with its counts.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        let start = self.period.start(now);
        let next = self.start + self.period.length();
        if self.is_ahead(now) {
            return Self { start, ..self };
        }
        if start < self.start {
            return self;
        }
        let (messages, before) = match start {
            same if same == self.start => (self.messages, self.before),
            start if start == next => (0, self.messages),
            _ => (0, 0),
        };
        Self {
            start,
            messages,
            before,
            ..self
        }
    }

    /// Whether the window begins more than one period after `now`.
    fn is_ahead(self, now: Timestamp) -> bool {
        now + self.period.length() < self.start
    }

    /// The number of messages that a limit still allows.
    pub fn left(self, limit: u32, now: Timestamp) -> u32 {
        let window = self.at(now);
        let length = self.period.length();
        let rest = length.saturating_sub(now.saturating_since(window.start));
        let (left, length) = (milliseconds(rest), milliseconds(length));
        // The number is rounded up: a message that is covered in part counts.
        let covered = (window.before * left + length - 1) / length;
        let left = i64::from(limit) - window.messages - covered;
        u32::try_from(left).unwrap_or(0)
    }

    /// When `many` more messages are within a limit, if none is sent until then; `None` if they are now.
    /// If `many` exceeds the limit itself, the time when the whole limit is available.
    pub fn next_at(self, limit: u32, many: u32, now: Timestamp) -> Option<Timestamp> {
        if self.left(limit, now) >= many {
            return None;
        }
        let window = self.at(now);
        let length = self.period.length();
        let next = Self {
            start: window.start + length,
            messages: 0,
            before: window.messages,
            ..window
        };
        let fits = |window: Self| {
            let free = i64::from(limit) - i64::from(many) - window.messages;
            let covered = match window.before {
                _ if free < 0 => return None,
                0 => length,
                before => {
                    let covered = (free * milliseconds(length) / before).unsigned_abs();
                    Duration::from_millis(covered)
                }
            };
            Some(window.start + length.saturating_sub(covered))
        };
        // The time is in this period if the messages of the previous one stop counting in time, or else
        // in the next period.
        let at = fits(window).or_else(|| fits(next));
        Some(at.unwrap_or(window.start + length * 2))
    }

    /// When the whole limit is available, if no message is sent until then; `None` if it is available
    /// now.
    pub fn all_left_at(self, now: Timestamp) -> Option<Timestamp> {
        let window = self.at(now);
        match (window.messages, window.before) {
            (0, 0) => None,
            (0, _) => Some(window.start + self.period.length()),
            _ => Some(window.start + self.period.length() * 2),
        }
    }

    /// Counts messages.
    pub fn count(&mut self, many: i64, now: Timestamp) {
        *self = self.at(now);
        self.messages = self.messages.saturating_add(many);
    }

    /// Takes back messages that were counted in the period that began at `start`.
    pub fn take_back(&mut self, many: i64, start: Timestamp) {
        let counted = match self.start {
            same if same == start => &mut self.messages,
            next if next == start + self.period.length() => &mut self.before,
            _ => return,
        };
        *counted = counted.saturating_sub(many).max(0);
    }
}

/// A limit that does not allow more messages now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReachedLimit {
    /// The period of the limit.
    pub period: Period,
    /// The number of messages that the limit allows in the period.
    pub limit: u32,
    /// When the messages are allowed ([`RateWindow::next_at`]).
    pub next_at: Timestamp,
}

/// The windows of a minute, an hour and a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateWindows(pub [RateWindow; 3]);

impl Default for RateWindows {
    fn default() -> Self {
        Self([
            RateWindow::new(Period::Minute),
            RateWindow::new(Period::Hour),
            RateWindow::new(Period::Day),
        ])
    }
}

impl RateWindows {
    /// The limit that does not allow `many` more messages; of several, the one that allows them last.
    /// `limit` returns the limit of a period.
    pub fn reached(
        &self,
        limit: impl Fn(Period) -> Option<u32>,
        many: u32,
        now: Timestamp,
    ) -> Option<ReachedLimit> {
        let reached = self.0.iter().filter_map(|window| {
            let limit = limit(window.period)?;
            Some(ReachedLimit {
                period: window.period,
                limit,
                next_at: window.next_at(limit, many, now)?,
            })
        });
        reached.max_by_key(|reached| reached.next_at)
    }

    /// Moves the windows back to a clock that was set back, and returns whether any window was moved.
    /// The windows that are stored afterwards end by that clock.
    pub fn set_back(&mut self, now: Timestamp) -> bool {
        let mut is_moved = false;
        for window in self.0.iter_mut().filter(|window| window.is_ahead(now)) {
            *window = window.at(now);
            is_moved = true;
        }
        is_moved
    }

    /// Counts messages in each window.
    pub fn count(&mut self, many: i64, now: Timestamp) {
        for window in &mut self.0 {
            window.count(many, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time at which a minute, an hour and a day begin.
    const BEGUN: Timestamp = Timestamp(1_000_000 * 86_400_000);

    fn at(seconds: i64) -> Timestamp {
        Timestamp(BEGUN.0 + seconds * 1000)
    }

    /// The window of a minute after messages at these seconds.
    fn sent(times: &[i64]) -> RateWindow {
        let mut window = RateWindow::new(Period::Minute);
        for time in times {
            window.count(1, at(*time));
        }
        window
    }

    #[test]
    fn messages_are_taken_back_from_the_period_that_they_were_counted_in() {
        let counts = |start: i64, many| {
            let mut window = sent(&[10, 70, 71]);
            window.take_back(many, at(start));
            (window.before, window.messages)
        };
        for (start, many, expected) in [
            (60, 1, (1, 1)),
            (0, 1, (0, 2)),
            (60, 5, (1, 0)),
            (-60, 1, (1, 2)),
            (120, 1, (1, 2)),
        ] {
            assert_eq!(counts(start, many), expected, "{many} of {start}");
        }
    }

    #[test]
    fn a_limit_holds_in_any_period_of_its_length() {
        let ten_at_30 = [30; 10];
        let mut eleven = ten_at_30.to_vec();
        eleven.push(66);
        for (times, limit, many, now, left, next) in [
            (&[][..], 10, 1, 0, 10, None),
            (&[], 10, 10, 0, 10, None),
            (&[], 10, 11, 0, 10, Some(120)),
            (&ten_at_30[..9], 10, 1, 30, 1, None),
            (&ten_at_30[..9], 10, 4, 30, 1, Some(80)),
            (&ten_at_30, 10, 1, 30, 0, Some(66)),
            (&ten_at_30, 10, 1, 60, 0, Some(66)),
            (&ten_at_30, 10, 1, 65, 0, Some(66)),
            (&ten_at_30, 10, 1, 66, 1, None),
            (&ten_at_30, 10, 5, 66, 1, Some(90)),
            (&ten_at_30, 10, 1, 119, 9, None),
            (&ten_at_30, 10, 10, 119, 9, Some(120)),
            (&ten_at_30, 10, 10, 120, 10, None),
            (&eleven, 10, 1, 66, 0, Some(72)),
            (&eleven, 10, 10, 66, 0, Some(180)),
            (&eleven, 10, 9, 120, 9, None),
            (&eleven, 10, 10, 120, 9, Some(180)),
            (&[0, 0], 1, 1, 0, 0, Some(120)),
            (&ten_at_30, 10, 10, 600, 10, None),
        ] {
            let window = sent(times);
            let named = format!("{many} of {limit} at {now} s after {times:?}");
            assert_eq!(window.left(limit, at(now)), left, "{named}");
            let found = window.next_at(limit, many, at(now));
            assert_eq!(found, next.map(at), "{named}");
            if let Some(found) = found.filter(|_| many <= limit) {
                let early = Timestamp(found.0 - 1);
                assert!(window.left(limit, found) >= many, "{named}: enough then");
                assert!(window.left(limit, early) < many, "{named}: not before");
            }
        }
    }

    #[test]
    fn all_of_a_limit_is_left_once_no_message_is_covered() {
        for (times, now, expected) in [
            (&[][..], 0, None),
            (&[30], 30, Some(120)),
            (&[30], 60, Some(120)),
            (&[30, 70], 70, Some(180)),
            (&[30], 120, None),
        ] {
            assert_eq!(sent(times).all_left_at(at(now)), expected.map(at));
        }
    }

    #[test]
    fn a_clock_that_is_set_back_neither_frees_nor_locks() {
        let window = sent(&[600, 600]);
        // The clock of another node, or a corrected clock: messages count in the same window.
        for now in [599, 541] {
            assert_eq!(window.at(at(now)), window);
            assert_eq!(window.left(2, at(now)), 0);
            assert_eq!(window.next_at(2, 1, at(now)), Some(at(690)));
        }
        // With a clock that is an hour behind, the messages count in that minute.
        let now = at(600 - 3600);
        assert_eq!(window.left(2, now), 0);
        assert_eq!(window.next_at(2, 1, now), Some(at(690 - 3600)));
        let mut back = window.at(now);
        assert_eq!(back.left(2, at(690 - 3600)), 1);
        back.count(1, at(690 - 3600));
        assert_eq!(back.left(2, at(690 - 3600)), 0);

        let mut windows = RateWindows::default();
        windows.count(2, at(0));
        for (seconds, moved) in [(0, false), (-30, false), (-90, true), (-90, false)] {
            assert_eq!(windows.set_back(at(seconds)), moved, "{seconds}");
        }
        assert_eq!(windows.0[0].start, at(-120));
        assert_eq!(windows.0[2].start, at(0), "a day's is not ahead");
    }

    #[test]
    fn the_last_of_all_limits_counts() {
        let mut windows = RateWindows::default();
        windows.count(10, at(0));
        let reached = |limits: [Option<u32>; 3]| {
            let limit = move |period: Period| match period {
                Period::Minute => limits[0],
                Period::Hour => limits[1],
                Period::Day => limits[2],
            };
            let reached = windows.reached(limit, 1, at(0))?;
            Some((reached.period, reached.limit))
        };
        for (limits, expected) in [
            ([None; 3], None),
            ([Some(11); 3], None),
            ([Some(10), None, None], Some((Period::Minute, 10))),
            ([Some(10); 3], Some((Period::Day, 10))),
            ([Some(10), Some(11), None], Some((Period::Minute, 10))),
        ] {
            assert_eq!(reached(limits), expected, "{limits:?}");
        }
        assert_eq!(Period::Day.limit_text(500), "500 messages a day");
        assert_eq!(Period::Hour.limit_text(1), "1 message an hour");
    }
}
