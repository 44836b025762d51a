//! A point in time in UTC milliseconds: arithmetic, RFC 3339 text and reading it back.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// 24 hours.
pub const DAY: Duration = Duration::from_hours(24);

/// Milliseconds since 1970-01-01T00:00:00Z, as stored. Arithmetic with [`Duration`] saturates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Formats as RFC 3339 with seconds: `2026-11-20T05:13:30Z`.
    pub fn rfc3339(self) -> String {
        let (date, time) = self.parts();
        format!("{date}T{time}Z")
    }

    /// Parses the format of [`Timestamp::rfc3339`] and its prefixes `2026-11-20` and
    /// `2026-11-20T05:13`. None for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('Z').unwrap_or(text);
        let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
        let numbers = |text: &str, separator| -> Option<Vec<i64>> {
            let parts = text.split(separator);
            parts
                .map(|part| {
                    let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
                    part.parse().ok().filter(|_| is_number && part.len() <= 4)
                })
                .collect()
        };
        let (date, mut time) = (numbers(date, '-')?, numbers(time, ':')?);
        time.resize(time.len().max(3), 0);
        let ([year, month, day], [hour, minute, second]) =
            (date[..].try_into().ok()?, time[..].try_into().ok()?);
        let fits = |value: i64, range: std::ops::RangeInclusive<i64>| range.contains(&value);
        if !(fits(month, 1..=12)
            && fits(day, 1..=days_in(month, year))
            && fits(hour, 0..=23)
            && fits(minute, 0..=59)
            && fits(second, 0..=60))
        {
            return None;
        }
        // The inverse of `parts`.
        let year = if month <= 2 { year - 1 } else { year };
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100
            + day_of_year
            - 719_468;
        Some(Self(
            (days * 86_400 + hour * 3600 + minute * 60 + second) * 1000,
        ))
    }

    /// The time since `earlier`; zero when `earlier` is later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The time this number of seconds after 1970-01-01T00:00:00Z; the calculation saturates.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// The whole seconds since 1970-01-01T00:00:00Z, the format of Unix time; rounded down.
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The number of whole periods of this length, of a millisecond or more, since 1970-01-01T00:00:00Z;
    /// rounded down.
    pub fn periods(self, length: Duration) -> i64 {
        self.0.div_euclid(milliseconds(length).max(1))
    }

    /// When the period of this length began that the time is in, counted as in [`Timestamp::periods`].
    pub fn period_start(self, length: Duration) -> Self {
        let since = self.0.rem_euclid(milliseconds(length).max(1));
        Self(self.0.saturating_sub(since))
    }

    /// Date and time of day in the proleptic Gregorian calendar. A date library would enlarge the
    /// browser bundle.
    fn parts(self) -> (String, String) {
        let seconds = self.unix_seconds();
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Days since 0000-03-01, so that the leap day is the last of a year. 400 years have 146,097
        // days, and 1970-01-01 is day 719,468.
        let days = days + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = (month_from_march + 2) % 12 + 1;
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        (
            format!("{year:04}-{month:02}-{day:02}"),
            format!(
                "{:02}:{:02}:{:02}",
                second / 3600,
                second / 60 % 60,
                second % 60
            ),
        )
    }
}

/// The number of days in a month, 1 to 12.
fn days_in(month: i64, year: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(milliseconds(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(milliseconds(duration)))
    }
}

/// A duration in whole milliseconds; the conversion saturates.
pub fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A length of time in its largest whole unit, as in `7 days`, `24 hours` and `30 minutes`.
pub fn in_words(time: Duration) -> String {
    let day = DAY.as_secs();
    let (number, unit) = match time.as_secs() {
        seconds if seconds > day && seconds.is_multiple_of(day) => (seconds / day, "day"),
        seconds if seconds.is_multiple_of(3600) => (seconds / 3600, "hour"),
        seconds if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        seconds => (seconds, "second"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

impl fmt::Display for Timestamp {
    /// Formats for display: `2026-11-20 05:13 UTC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = self.parts();
        write!(f, "{date} {} UTC", &time[..5])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn timestamps_follow_the_calendar() {
        for (milliseconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(Timestamp(milliseconds).rfc3339(), expected);
            assert_eq!(
                Timestamp::parse(expected).map(|at| at.0),
                Some(milliseconds.div_euclid(1000) * 1000)
            );
        }
        for (text, milliseconds) in [
            ("1970-01-02", Some(86_400_000)),
            ("1970-01-01 00:01", Some(60_000)),
            ("1970-01-01T00:00:01", Some(1_000)),
            ("1970-13-01", None),
            ("2026-02-28", Some(1_772_236_800_000)),
            ("2026-02-29", None),
            ("2026-02-30", None),
            ("2024-02-29", Some(1_709_164_800_000)),
            ("2100-02-29", None),
            ("2026-04-31", None),
            ("2026-11-00", None),
            ("2026-+1-01", None),
            ("1970-01-01T24:00", None),
            ("1970-01", None),
            ("1970-01-01T", None),
            ("", None),
        ] {
            assert_eq!(
                Timestamp::parse(text).map(|at| at.0),
                milliseconds,
                "{text}"
            );
        }
        assert_eq!(
            Timestamp(1_795_151_610_000).to_string(),
            "2026-11-20 05:13 UTC"
        );
    }

    #[test]
    fn unix_seconds_are_whole_and_rounded_down() {
        for (milliseconds, seconds) in [(0, 0), (1_999, 1), (2_000, 2), (-1, -1), (-1_000, -1)] {
            assert_eq!(Timestamp(milliseconds).unix_seconds(), seconds);
        }
        for (seconds, milliseconds) in [
            (0, 0),
            (2, 2_000),
            (-1, -1_000),
            (i64::MAX, i64::MAX),
            (i64::MIN, i64::MIN),
        ] {
            assert_eq!(Timestamp::from_unix_seconds(seconds).0, milliseconds);
        }
    }

    #[test]
    fn periods_are_counted_from_1970() {
        let day = 86_400_000;
        for (milliseconds, number, start) in [
            (0, 0, 0),
            (day - 1, 0, 0),
            (day, 1, day),
            (20_000 * day + 7, 20_000, 20_000 * day),
            (-1, -1, -day),
        ] {
            let at = Timestamp(milliseconds);
            assert_eq!(at.periods(DAY), number, "{milliseconds}");
            assert_eq!(at.period_start(DAY), Timestamp(start), "{milliseconds}");
        }
        assert_eq!(Timestamp(59_999).periods(Duration::from_secs(30)), 1);
    }

    #[test]
    fn lengths_are_named_in_their_largest_whole_unit() {
        for (seconds, expected) in [
            (7 * 86_400, "7 days"),
            (86_400, "24 hours"),
            (90_000, "25 hours"),
            (3600, "1 hour"),
            (1800, "30 minutes"),
            (90, "90 seconds"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let at = Timestamp(10_000);
        assert_eq!(at + Duration::from_secs(1), Timestamp(11_000));
        assert_eq!(at - Duration::from_secs(1), Timestamp(9_000));
        assert_eq!(
            at.saturating_since(Timestamp(7_500)),
            Duration::from_millis(2_500)
        );
        assert_eq!(at.saturating_since(Timestamp(20_000)), Duration::ZERO);
        assert_eq!(at + Duration::MAX, Timestamp(i64::MAX));
        assert_eq!(Timestamp(i64::MIN) - Duration::MAX, Timestamp(i64::MIN));
    }

    proptest! {
        #[test]
        fn a_timestamp_survives_its_text(seconds in -62_135_596_800_i64..253_402_300_800) {
            let at = Timestamp(seconds * 1000);
            prop_assert_eq!(Timestamp::parse(&at.rfc3339()), Some(at));
        }
    }
}
