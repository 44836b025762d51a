//! The suppression list: its entries, searches in it, and how many a relay adds in a day.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, criterion};

/// An entry of the suppression list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// The suppressed address.
    pub address: String,
    /// The relay that reported the address, as host and port; empty for entries of earlier versions.
    pub relay: String,
    /// The relay's reply that suppressed it.
    pub reply: String,
    /// When the address was listed.
    pub listed: Timestamp,
    /// When the entry expires and mail to the address is sent again.
    pub expires: Timestamp,
    /// The id of the message that was refused.
    pub id: String,
}

impl Suppression {
    /// The maximum number of entries that are listed at once.
    pub const LISTED_MAX: usize = 200;
}

/// The criteria of suppressions to list or to remove. An absent or empty value matches every entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams, utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[cfg_attr(feature = "openapi", schema(as = SuppressionQuery))]
pub struct SuppressionSearch {
    /// A prefix of the address, case-insensitive.
    #[serde(default, deserialize_with = "criterion::text")]
    pub address: String,
    /// A part of the relay's reply, case-insensitive.
    #[serde(default, deserialize_with = "criterion::text")]
    pub reply: String,
    /// The earliest time of the listing: a date or a date and time in UTC, such as `2026-11-20T05:13`.
    #[serde(default, deserialize_with = "criterion::time")]
    #[cfg_attr(feature = "openapi", param(value_type = String), schema(value_type = String))]
    pub since: Option<Timestamp>,
}

impl SuppressionSearch {
    /// The parameters of the query string; the inverse of decoding.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        [
            ("address", self.address.clone()),
            ("reply", self.reply.clone()),
            (
                "since",
                self.since.map(Timestamp::rfc3339).unwrap_or_default(),
            ),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
    }
}

/// The number of addresses that a relay may add to the suppression list within 24 hours, and that it has
/// added. The limit exists because a relay whose DNS is broken reports every address as unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppressionLimit {
    /// The number of addresses that were listed.
    pub listed: i64,
    /// The number of addresses that may be listed.
    pub limit: i64,
}

impl SuppressionLimit {
    /// The number of addresses that may always be listed.
    pub const MINIMUM: i64 = 20;

    /// The limit of a relay that was tried for this number of recipients within 24 hours: 5 % of them.
    pub fn of(recipients: i64) -> i64 {
        (recipients / 20).max(Self::MINIMUM)
    }

    /// Whether no further address is listed.
    pub fn is_reached(self) -> bool {
        self.listed >= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fields, Refusal};

    fn read<const N: usize>(pairs: [(&str, &str); N]) -> Result<SuppressionSearch, Refusal> {
        Fields::new(pairs).read(Fields::decode)
    }

    #[test]
    fn a_search_of_suppressions_round_trips() {
        let asked = [
            ("address", "desk@"),
            ("reply", "5.1.2"),
            ("since", "2026-11-20T00:00:00Z"),
        ];
        let search = read(asked).expect("understood");
        let pairs = search.pairs();
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(pairs, asked);
        let blank = [("reply", " ")];
        let search = read(blank).expect("understood");
        assert_eq!(search, SuppressionSearch::default());
        let wrong = [("address", "a\u{7}"), ("since", "soon"), ("adress", "a")];
        let refusal = read(wrong).expect_err("refused");
        let fields: Vec<&String> = refusal.fields.keys().collect();
        assert_eq!(fields, ["address", "adress", "since"]);
    }

    #[test]
    fn a_relay_lists_5_percent_of_its_recipients_or_20() {
        for (recipients, limit) in [(0, 20), (399, 20), (420, 21), (1_000_000, 50_000)] {
            assert_eq!(SuppressionLimit::of(recipients), limit, "{recipients}");
        }
        for (listed, reached) in [(19, false), (20, true), (21, true)] {
            let limit = SuppressionLimit { listed, limit: 20 };
            assert_eq!(limit.is_reached(), reached, "{listed}");
        }
    }
}
