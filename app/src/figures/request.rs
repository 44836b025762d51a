//! The query of the Figures page: the subject, and how far back the figures go.

use std::time::Duration;

use domain::figures::{FigureQuery, FigureStep, FigureSubject};
use domain::timestamp::DAY;
use domain::{Fields, Timestamp};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::request::with_query;

/// The page of figures.
pub const FIGURES: &str = "/figures";

/// The path of the figures of a subject.
pub fn figures_path(subject: &FigureSubject) -> String {
    match subject {
        FigureSubject::All => FIGURES.to_owned(),
        subject => with_query(FIGURES, [("subject", subject.to_string())]),
    }
}

/// How far back the figures go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
pub enum FigureRange {
    #[default]
    #[strum(serialize = "24h")]
    Day,
    #[strum(serialize = "7d")]
    Week,
    #[strum(serialize = "30d")]
    Month,
    #[strum(serialize = "1y")]
    Year,
}

impl FigureRange {
    /// Every range, in the order of the page.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// The value in the query.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The text of its link.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Day => "24 hours",
            Self::Week => "7 days",
            Self::Month => "30 days",
            Self::Year => "A year",
        }
    }

    /// The length of time of a row.
    pub const fn step(self) -> FigureStep {
        match self {
            Self::Day | Self::Week => FigureStep::Hour,
            Self::Month | Self::Year => FigureStep::Day,
        }
    }

    fn length(self) -> Duration {
        match self {
            Self::Day => DAY,
            Self::Week => DAY * 7,
            Self::Month => DAY * 30,
            Self::Year => DAY * 365,
        }
    }
}

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FiguresRequest {
    pub subject: FigureSubject,
    pub range: FigureRange,
}

impl FiguresRequest {
    /// Takes `subject`, as it is stored, and `range`.
    pub fn take(fields: &mut Fields<'_>) -> Self {
        let subject = match fields.take("subject") {
            None => FigureSubject::All,
            Some(text) => {
                let (kind, id) = match text.split_once(':') {
                    Some((kind, id)) => (kind, Some(id)),
                    None => (text, None),
                };
                FigureSubject::of(kind, id).unwrap_or_else(|refusal| {
                    fields.add("subject", refusal.text());
                    FigureSubject::All
                })
            }
        };
        let range = match fields.take("range") {
            None => FigureRange::default(),
            Some(name) => name.parse().unwrap_or_else(|_| {
                fields.add("range", "This must be “24h”, “7d”, “30d” or “1y”.");
                FigureRange::default()
            }),
        };
        Self { subject, range }
    }

    /// The path of the page.
    pub fn path(&self) -> String {
        let pairs = [
            ("subject", self.subject.to_string()),
            ("range", self.range.as_str().to_owned()),
        ];
        with_query(FIGURES, pairs)
    }

    /// The figures to read.
    pub fn query(&self, now: Timestamp) -> FigureQuery {
        let (step, length) = (self.range.step(), self.range.length());
        FigureQuery::last(self.subject.clone(), step, length, now)
    }
}

#[cfg(test)]
mod tests {
    use domain::Refusal;

    use super::*;

    fn take(query: &[(&str, &str)]) -> Result<FiguresRequest, Refusal> {
        Fields::new(query.iter().copied()).read(FiguresRequest::take)
    }

    #[test]
    fn the_query_names_the_subject_and_the_range() {
        let account = || FigureSubject::Account("01J".to_owned());
        let own = || FigureSubject::Relay("account:01J".to_owned());
        for (query, subject, range) in [
            (&[][..], FigureSubject::All, FigureRange::Day),
            (&[("subject", "all")], FigureSubject::All, FigureRange::Day),
            (
                &[("subject", "account:01J"), ("range", "1y")],
                account(),
                FigureRange::Year,
            ),
            (
                &[("subject", "relay:account:01J"), ("range", "7d")],
                own(),
                FigureRange::Week,
            ),
        ] {
            let request = FiguresRequest { subject, range };
            assert_eq!(take(query), Ok(request.clone()), "{query:?}");
            let path = request.path();
            let (_, query) = path.split_once('?').expect("a query");
            let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect();
            let again = Fields::of(&pairs).read(FiguresRequest::take);
            assert_eq!(again, Ok(request));
        }
        for (query, field) in [
            ([("subject", "account")], "subject"),
            ([("subject", "mail:1")], "subject"),
            ([("range", "2h")], "range"),
            ([("step", "hour")], "step"),
        ] {
            let refusal = take(&query).expect_err("invalid");
            assert!(refusal.fields.contains_key(field), "{refusal}");
        }
    }

    #[test]
    fn each_range_is_within_what_is_kept() {
        let now = Timestamp(1_795_151_610_000);
        for (range, rows) in FigureRange::ALL.iter().copied().zip([24, 168, 30, 365]) {
            let subject = FigureSubject::All;
            let query = FiguresRequest { subject, range }.query(now);
            let kept = query.range(now).expect("it is kept");
            let length = kept.end.saturating_since(kept.start);
            let step = query.step.length();
            assert_eq!(length.as_secs() / step.as_secs(), rows, "{range:?}");
        }
    }
}
