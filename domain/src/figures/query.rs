//! The query for figures: the subject, the step and the range of time.

use std::ops::Range;
use std::time::Duration;

use serde::Deserialize;

use super::{FigureStep, FigureSubject};
use crate::timestamp::DAY;
use crate::{Fields, Kind, Refusal, Timestamp};

/// The parameters of a query for figures. An empty value counts as absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
pub struct FigureParams {
    /// The subject: `all`, `account`, `token` or `relay`. The default is `all`, which for accounts that
    /// are not administrators is the mail of their own account.
    #[cfg_attr(feature = "openapi", param(example = "all"))]
    subject: String,
    /// The id of the account, token or relay. The id of a relay is `global`, its id in the list of
    /// relays, or for the own relay of an account `account:` and the id of the account.
    id: String,
    /// The length of time of a row: `hour` or `day`, in UTC. The default is `hour`. Figures by hour are
    /// kept for 35 days, figures by day for three years.
    #[cfg_attr(feature = "openapi", param(example = "hour"))]
    step: String,
    /// The time of the first row: a date or a date and time in UTC, such as `2026-11-20T05:00`. The
    /// default is 24 hours before `until`, and for days 30 days before it.
    from: String,
    /// The end of the range: the last row is the one before this time. By default the current hour or
    /// day is the last row.
    until: String,
}

/// A query for figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FigureQuery {
    /// The subject of the figures.
    pub subject: FigureSubject,
    /// The length of time of a row.
    pub step: FigureStep,
    /// The time of the first row.
    pub from: Timestamp,
    /// The end of the range: the last row is the one before this time.
    pub until: Timestamp,
}

impl FigureQuery {
    /// The query for the figures of a subject in the last `length`, including the step at `now`.
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

    /// Takes [`FigureParams`]. The defaults are all mail, hours and the last 24 hours, and for days the
    /// last 30 days.
    pub fn take(fields: &mut Fields<'_>, now: Timestamp) -> Self {
        let params: FigureParams = fields.decode();
        let kind = match params.subject.as_str() {
            "" => "all",
            kind => kind,
        };
        let subject = FigureSubject::of(kind, Some(&params.id)).unwrap_or_else(|refusal| {
            for (field, text) in refusal.fields {
                fields.add(&field, text);
            }
            FigureSubject::All
        });
        let step = match params.step.as_str() {
            "" => FigureStep::Hour,
            step => step.parse().unwrap_or_else(|_| {
                fields.add("step", "This must be “hour” or “day”.");
                FigureStep::Hour
            }),
        };
        let length = match step {
            FigureStep::Hour => DAY,
            FigureStep::Day => DAY * 30,
        };
        let last = Self::last(subject, step, length, now);
        let until = parse_time("until", &params.until, fields).unwrap_or(last.until);
        let from = parse_time("from", &params.from, fields).unwrap_or(until - length);
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

    /// The range of time of the rows: whole steps, up to the step at `now`.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `from` if it is not before `until` and the present, or older than the
    /// retention.
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

/// Parses the time of a parameter. `None` for an empty text, and with a fault for an invalid one.
fn parse_time(name: &str, text: &str, fields: &mut Fields<'_>) -> Option<Timestamp> {
    if text.is_empty() {
        return None;
    }
    let at = Timestamp::parse(text);
    if at.is_none() {
        let text = "This must be a date, or a date and a time in UTC, as in “2026-11-20T05:00”.";
        fields.add(name, text);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
