//! Figures of mail by hour and day: accepted, delivered, deferred, failed, and the latency of delivery.

mod latency;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

pub use latency::LatencyHistogram;

use crate::rate_window::Period;
use crate::{Fields, Kind, Refusal, Timestamp};

/// How long figures by hour are kept. Older ones are kept by day.
pub const HOURS_KEPT: Duration = Duration::from_secs(35 * 86_400);

/// How long figures by day are kept: three years.
pub const DAYS_KEPT: Duration = Duration::from_secs(3 * 366 * 86_400);

/// What figures are about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FigureSubject {
    /// All mail.
    All,
    /// The mail of the account with this id.
    Account(String),
    /// The mail that was submitted with the API token of this id.
    Token(String),
    /// The mail that the relay with this id was tried for: `global`, the id of another relay of the
    /// organisation, or `account:` and the id of the account whose own relay it is.
    Relay(String),
}

impl FigureSubject {
    /// The kind: `all`, `account`, `token` or `relay`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Account(_) => "account",
            Self::Token(_) => "token",
            Self::Relay(_) => "relay",
        }
    }

    /// The id; `None` for all mail.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::All => None,
            Self::Account(id) | Self::Token(id) | Self::Relay(id) => Some(id),
        }
    }

    /// The subject of a kind with an id.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `subject` for an unknown kind, and under `id` where the id is missing, or
    /// not wanted.
    pub fn of(kind: &str, id: Option<&str>) -> Result<Self, Refusal> {
        let refuse = |field, text: &str| Err(Refusal::of(Kind::Invalid, field, text));
        // PostgreSQL accepts no NUL in a text.
        let id = id.filter(|id| !id.is_empty() && !id.contains(char::is_control));
        match (kind, id.map(str::to_owned)) {
            ("all", None) => Ok(Self::All),
            ("all", Some(_)) => refuse("id", "All mail has no id. Leave it out."),
            ("account", Some(id)) => Ok(Self::Account(id)),
            ("token", Some(id)) => Ok(Self::Token(id)),
            ("relay", Some(id)) => Ok(Self::Relay(id)),
            ("account" | "token" | "relay", None) => {
                refuse("id", "Name the id of the account, token or relay.")
            }
            _ => refuse(
                "subject",
                "This must be “all”, “account”, “token” or “relay”.",
            ),
        }
    }
}

impl fmt::Display for FigureSubject {
    /// Formats as stored: `all`, or the kind, a colon and the id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match self.id() {
            Some(id) => write!(f, ":{id}"),
            None => Ok(()),
        }
    }
}

/// The length of time that a row is about.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum FigureStep {
    /// 60 minutes.
    Hour,
    /// 24 hours, from midnight UTC on.
    Day,
}

impl FigureStep {
    /// Every step.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// The name in the database, in JSON and in queries.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// How long it is.
    pub const fn length(self) -> Duration {
        self.period().length()
    }

    /// The beginning of the step at a time.
    pub fn start(self, at: Timestamp) -> Timestamp {
        self.period().start(at)
    }

    const fn period(self) -> Period {
        match self {
            Self::Hour => Period::Hour,
            Self::Day => Period::Day,
        }
    }

    /// How long rows of this step are kept.
    const fn kept(self) -> Duration {
        match self {
            Self::Hour => HOURS_KEPT,
            Self::Day => DAYS_KEPT,
        }
    }
}

/// Which figures to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FigureQuery {
    /// What they are about.
    pub subject: FigureSubject,
    /// The length of time of a row.
    pub step: FigureStep,
    /// The first row is that of this time.
    pub from: Timestamp,
    /// The last row is that before this time.
    pub until: Timestamp,
}

impl FigureQuery {
    /// The figures of a subject in the last `length`, up to and with the step at `now`.
    pub fn last(
        subject: FigureSubject,
        step: FigureStep,
        length: Duration,
        now: Timestamp,
    ) -> Self {
        let until = step.start(now) + step.length();
        Self {
            subject,
            step,
            from: until - length,
            until,
        }
    }

    /// Takes `subject`, `id`, `step`, `from` and `until`. Without values they are all mail, hours and the
    /// last 24 hours; of days the last 30.
    pub fn take(fields: &mut Fields<'_>, now: Timestamp) -> Self {
        let given = |value: &&str| !value.is_empty();
        let subject = fields.take("subject").filter(given).unwrap_or("all");
        let id = fields.take("id").filter(given);
        let subject = FigureSubject::of(subject, id).unwrap_or_else(|refusal| {
            for (field, text) in refusal.fields {
                fields.add(&field, text);
            }
            FigureSubject::All
        });
        let step = match fields.take("step").filter(given).map(str::parse) {
            None => FigureStep::Hour,
            Some(Ok(step)) => step,
            Some(Err(_)) => {
                fields.add("step", "This must be “hour” or “day”.");
                FigureStep::Hour
            }
        };
        let length = match step {
            FigureStep::Hour => Duration::from_secs(86_400),
            FigureStep::Day => Duration::from_secs(30 * 86_400),
        };
        let last = Self::last(subject, step, length, now);
        let until = take_time(fields, "until").unwrap_or(last.until);
        let from = take_time(fields, "from").unwrap_or(until - length);
        Self {
            from,
            until,
            ..last
        }
    }

    /// The query as names and values, as [`FigureQuery::take`] reads them.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("subject", self.subject.kind().to_owned())];
        pairs.extend(self.subject.id().map(|id| ("id", id.to_owned())));
        pairs.extend([
            ("step", self.step.as_str().to_owned()),
            ("from", self.from.rfc3339()),
            ("until", self.until.rfc3339()),
        ]);
        pairs
    }

    /// The time that the rows are about, whole steps up to that at `now`.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `from` where it is not before `until` and the present, or before what is
    /// kept.
    pub fn range(&self, now: Timestamp) -> Result<Range<Timestamp>, Refusal> {
        let refuse = |text: String| Err(Refusal::of(Kind::Invalid, "from", text));
        let step = self.step;
        let end = step.start(now) + step.length();
        let until = match step.start(self.until) {
            whole if whole == self.until => whole,
            started => started + step.length(),
        };
        let (from, until) = (step.start(self.from), until.min(end));
        if from >= until {
            return refuse("This must be before “until”, and not in the future.".to_owned());
        }
        let first = step.start(now - step.kept());
        if from < first {
            let first = first.rfc3339();
            return refuse(match step {
                FigureStep::Hour => format!(
                    "Figures by hour are kept 35 days, at present since {first}. Read older ones by day."
                ),
                FigureStep::Day => {
                    format!("Figures are kept three years, at present since {first}.")
                }
            });
        }
        Ok(from..until)
    }
}

fn take_time(fields: &mut Fields<'_>, name: &str) -> Option<Timestamp> {
    let text = fields.take(name).filter(|text| !text.is_empty())?;
    let at = Timestamp::parse(text);
    if at.is_none() {
        let text = "This must be a date, or a date and a time in UTC, as in “2026-11-20T05:00”.";
        fields.add(name, text);
    }
    at
}

/// What is counted of a subject. All numbers are of recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FigureCounts {
    /// Accepted for delivery.
    pub accepted: u64,
    /// Delivered.
    pub delivered: u64,
    /// Attempts after which another follows.
    pub deferred: u64,
    /// Failed for good.
    pub failed: u64,
    /// From acceptance to delivery.
    pub latency: LatencyHistogram,
}

impl FigureCounts {
    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        let numbers = [
            (&mut self.accepted, other.accepted),
            (&mut self.delivered, other.delivered),
            (&mut self.deferred, other.deferred),
            (&mut self.failed, other.failed),
        ];
        for (number, other) in numbers {
            *number = number.saturating_add(other);
        }
        self.latency.merge(&other.latency);
    }

    /// The row of these counts.
    pub fn row(&self, start: Timestamp) -> FigureRow {
        FigureRow {
            start,
            accepted: self.accepted,
            delivered: self.delivered,
            deferred: self.deferred,
            failed: self.failed,
            p50: self.latency.percentile(50),
            p90: self.latency.percentile(90),
            p99: self.latency.percentile(99),
        }
    }
}

/// The figures of an hour, of a day, or of a range of them. All numbers are of recipients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FigureRow {
    /// When it begins.
    pub start: Timestamp,
    /// Accepted for delivery. Always zero for a relay, which is chosen when mail is delivered.
    pub accepted: u64,
    /// Delivered.
    pub delivered: u64,
    /// Attempts after which another follows.
    pub deferred: u64,
    /// Failed for good.
    pub failed: u64,
    /// Half of the deliveries took no longer from acceptance; `None` without deliveries.
    pub p50: Option<Duration>,
    /// 90 of 100 deliveries took no longer.
    pub p90: Option<Duration>,
    /// 99 of 100 deliveries took no longer.
    pub p99: Option<Duration>,
}

/// Figures of a subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// One for each hour or day of the range, in their order.
    pub rows: Vec<FigureRow>,
    /// Those of the whole range.
    pub total: FigureRow,
}

impl Figures {
    /// A row for each step of a range, of what was counted in it. `counted` is by the beginnings of steps
    /// or of parts of them; those outside of the range are left out.
    pub fn of<'a>(
        step: FigureStep,
        range: Range<Timestamp>,
        counted: impl IntoIterator<Item = (Timestamp, &'a FigureCounts)>,
    ) -> Self {
        let mut steps: BTreeMap<Timestamp, FigureCounts> = BTreeMap::new();
        let mut total = FigureCounts::default();
        for (start, counts) in counted {
            if range.contains(&start) {
                steps.entry(step.start(start)).or_default().merge(counts);
                total.merge(counts);
            }
        }
        let none = FigureCounts::default();
        let mut rows = Vec::new();
        let mut start = step.start(range.start);
        while start < range.end {
            rows.push(steps.get(&start).unwrap_or(&none).row(start));
            start = start + step.length();
        }
        Self {
            rows,
            total: total.row(range.start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// 2026-11-20 05:13:30 UTC.
    const NOW: Timestamp = Timestamp(1_795_151_610_000);

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    fn take(query: &[(&str, &str)]) -> Result<FigureQuery, Refusal> {
        let fields = Fields::new(query.iter().copied());
        fields.read(|fields| FigureQuery::take(fields, NOW))
    }

    #[test]
    fn a_subject_is_read_as_it_is_stored() {
        for (kind, id, stored) in [
            ("all", None, Ok("all")),
            ("all", Some(""), Ok("all")),
            ("account", Some("01J"), Ok("account:01J")),
            ("token", Some("01J"), Ok("token:01J")),
            ("relay", Some("global"), Ok("relay:global")),
            ("relay", Some("account:01J"), Ok("relay:account:01J")),
            ("all", Some("01J"), Err("id")),
            ("account", None, Err("id")),
            ("token", Some(""), Err("id")),
            ("token", Some("01J\0"), Err("id")),
            ("mail", None, Err("subject")),
            ("", None, Err("subject")),
        ] {
            let subject = FigureSubject::of(kind, id).map(|subject| subject.to_string());
            let found = match &subject {
                Ok(stored) => Ok(stored.as_str()),
                Err(refusal) => Err(refusal.fields.keys().next().expect("a field").as_str()),
            };
            assert_eq!(found, stored, "{kind} {id:?}");
        }
    }

    #[test]
    fn a_query_is_of_the_last_day_where_it_names_no_time() {
        for (query, step, from, until) in [
            (&[][..], "hour", "2026-11-19T06:00", "2026-11-20T06:00"),
            (&[("step", "day")], "day", "2026-10-22", "2026-11-21"),
            (
                &[("step", "hour"), ("until", "2026-11-10T12:30")],
                "hour",
                "2026-11-09T12:30",
                "2026-11-10T12:30",
            ),
            (
                &[("from", "2026-11-20"), ("until", "")],
                "hour",
                "2026-11-20",
                "2026-11-20T06:00",
            ),
        ] {
            let found = take(query).expect("valid");
            let expected = (step, at(from), at(until));
            assert_eq!((found.step.as_str(), found.from, found.until), expected);
            let pairs = found.pairs();
            let pairs: Vec<(&str, &str)> = pairs
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            assert_eq!(take(&pairs), Ok(found), "{query:?}");
        }
        for (query, faults) in [
            (&[("step", "week")][..], &["step"][..]),
            (&[("from", "yesterday"), ("until", "x")], &["from", "until"]),
            (&[("subject", "relay"), ("since", "x")], &["id", "since"]),
        ] {
            let refusal = take(query).expect_err("invalid");
            let fields: Vec<&str> = refusal.fields.keys().map(String::as_str).collect();
            assert_eq!(fields, faults);
        }
    }

    #[test]
    fn a_range_is_of_whole_steps_that_are_kept() {
        for (step, from, until, expected) in [
            (
                "hour",
                "2026-11-20T03:10",
                "2026-11-20T04:10",
                Some(("2026-11-20T03:00", "2026-11-20T05:00")),
            ),
            (
                "hour",
                "2026-11-20T03:00",
                "2026-11-20T04:00",
                Some(("2026-11-20T03:00", "2026-11-20T04:00")),
            ),
            (
                "day",
                "2026-11-18T03:10",
                "2029-01-01",
                Some(("2026-11-18", "2026-11-21")),
            ),
            (
                "hour",
                "2026-10-16T05:00",
                "2026-11-20",
                Some(("2026-10-16T05:00", "2026-11-20")),
            ),
            ("hour", "2026-10-16T04:59", "2026-11-20", None),
            (
                "day",
                "2023-11-20",
                "2024-01-01",
                Some(("2023-11-20", "2024-01-01")),
            ),
            ("day", "2023-11-15", "2024-01-01", None),
            ("hour", "2026-11-20T04:00", "2026-11-20T04:00", None),
            ("hour", "2026-11-20T06:00", "2026-11-20T09:00", None),
        ] {
            let query = FigureQuery {
                subject: FigureSubject::All,
                step: step.parse().expect("a step"),
                from: at(from),
                until: at(until),
            };
            let found = query.range(NOW);
            let expected = expected.map(|(from, until)| at(from)..at(until));
            assert_eq!(found.clone().ok(), expected, "{step} {from} {until}");
            if let Err(refusal) = found {
                assert!(refusal.fields.contains_key("from"));
            }
        }
    }

    #[test]
    fn rows_are_the_sums_of_their_parts_and_zero_without_any() {
        let counts = |accepted, latency| {
            let mut counts = FigureCounts {
                accepted,
                delivered: 1,
                deferred: 2,
                failed: 3,
                ..FigureCounts::default()
            };
            counts.latency.record(Duration::from_secs(latency));
            counts
        };
        let day = at("2026-11-19");
        let counted = [
            (day, counts(10, 1)),
            (day + 5 * HOUR, counts(20, 100)),
            (day + 30 * HOUR, counts(40, 10)),
            // Before and after the range.
            (day - HOUR, counts(80, 1)),
            (day + 72 * HOUR, counts(80, 1)),
        ];
        let counted = || counted.iter().map(|(start, counts)| (*start, counts));
        let figures = Figures::of(FigureStep::Day, day..day + 72 * HOUR, counted());
        let numbers = |row: &FigureRow| (row.accepted, row.delivered + row.deferred + row.failed);
        let rows: Vec<_> = figures.rows.iter().map(numbers).collect();
        assert_eq!(rows, [(30, 12), (40, 6), (0, 0)]);
        assert_eq!(numbers(&figures.total), (70, 18));
        assert_eq!(figures.rows[2].p50, None);
        let near = |found: Option<Duration>, seconds: f64| {
            let found = found.expect("deliveries").as_secs_f64();
            assert!((found / seconds - 1.0).abs() < 0.05, "{found}");
        };
        near(figures.rows[0].p50, 1.0);
        near(figures.rows[0].p99, 100.0);
        near(figures.total.p50, 10.0);
        let hours = Figures::of(FigureStep::Hour, day..day + 6 * HOUR, counted());
        let rows: Vec<_> = hours.rows.iter().map(|row| row.accepted).collect();
        assert_eq!(rows, [10, 0, 0, 0, 0, 20]);
    }
}
