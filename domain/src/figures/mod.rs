//! Figures of mail by hour and day: counts of accepted, delivered, deferred and failed recipients.

mod latency;
mod query;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

pub use latency::LatencyHistogram;
pub use query::{FigureParams, FigureQuery};

use crate::limits::rate_window::Period;
use crate::{Kind, Refusal, Timestamp};

/// The retention of figures by hour. Older figures are kept by day.
pub const HOURS_KEPT: Duration = Duration::from_hours(35 * 24);

/// The retention of figures by day: three years.
pub const DAYS_KEPT: Duration = Duration::from_hours(3 * 366 * 24);

/// The subject of figures: all mail, or that of an account, a token or a relay.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FigureSubject {
    /// All mail.
    All,
    /// The mail of the account with this id.
    Account(String),
    /// The mail that was submitted with the API token of this id.
    Token(String),
    /// The mail that was attempted through the relay with this id: `global`, the id of another relay of
    /// the organisation, or `account:` and the id of the account with this own relay.
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
    /// [`Kind::Invalid`] under `subject` for an unknown kind, and under `id` if a required id is missing
    /// or an id is given for all mail.
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

/// The length of time that a row covers.
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

    /// The length of the step.
    pub const fn length(self) -> Duration {
        self.period().length()
    }

    /// The start of the step that contains a time.
    pub fn start(self, at: Timestamp) -> Timestamp {
        self.period().start(at)
    }

    const fn period(self) -> Period {
        match self {
            Self::Hour => Period::Hour,
            Self::Day => Period::Day,
        }
    }

    /// The retention of rows of this step.
    const fn kept(self) -> Duration {
        match self {
            Self::Hour => HOURS_KEPT,
            Self::Day => DAYS_KEPT,
        }
    }
}

/// The counts of a subject, in recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FigureCounts {
    /// The number of recipients accepted for delivery.
    pub accepted: u64,
    /// The number of delivered recipients.
    pub delivered: u64,
    /// The number of failed attempts that are followed by another.
    pub deferred: u64,
    /// The number of recipients that failed permanently.
    pub failed: u64,
    /// The latency from acceptance to delivery.
    pub latency: LatencyHistogram,
}

impl FigureCounts {
    /// Adds other counts.
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

    /// A row with these counts.
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

/// The figures of an hour, a day, or a range of them, in recipients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FigureRow {
    /// The start of the hour, day or range.
    pub start: Timestamp,
    /// The number of recipients accepted for delivery. It is zero for a relay, because the relay is
    /// chosen at delivery.
    pub accepted: u64,
    /// The number of delivered recipients.
    pub delivered: u64,
    /// The number of failed attempts that are followed by another.
    pub deferred: u64,
    /// The number of recipients that failed permanently.
    pub failed: u64,
    /// The median latency from acceptance to delivery; `None` without deliveries.
    pub p50: Option<Duration>,
    /// The 90th percentile of the latency.
    pub p90: Option<Duration>,
    /// The 99th percentile of the latency.
    pub p99: Option<Duration>,
}

/// Figures of a subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// One row for each hour or day of the range, in order of time.
    pub rows: Vec<FigureRow>,
    /// The figures of the whole range.
    pub total: FigureRow,
}

impl Figures {
    /// A row with the counts of each step of a range. `counted` has counts by the start of a step or of
    /// a part of one; those outside of the range are left out.
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

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
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
