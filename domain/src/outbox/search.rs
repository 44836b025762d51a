//! Search criteria, cursors and selections of outbox rows.

use std::str::FromStr;

use serde::de::Deserializer;
use serde::{Deserialize, Serialize};

use super::RecipientState;
use crate::criterion::{self, NO_POSITION};
use crate::refusal::TextFault;
use crate::{Fields, Refusal, Timestamp};

/// Search conditions; an absent or empty value matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams, utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[cfg_attr(feature = "openapi", schema(as = MessageQuery))]
pub struct Search {
    /// A prefix of the recipient's address, case-insensitive.
    #[serde(default, deserialize_with = "criterion::text")]
    pub address: String,
    /// A part of the subject, case-insensitive.
    #[serde(default, deserialize_with = "criterion::text")]
    pub subject: String,
    /// The id of the message.
    #[serde(default, deserialize_with = "message_id")]
    pub id: String,
    /// The state of the recipient.
    #[serde(default, deserialize_with = "criterion::parsed")]
    pub state: Option<RecipientState>,
    /// The earliest time of acceptance: a date or a date and time in UTC, such as `2026-11-20T05:13`.
    #[serde(default, deserialize_with = "criterion::time")]
    #[cfg_attr(feature = "openapi", param(value_type = String), schema(value_type = String))]
    pub since: Option<Timestamp>,
    /// The time before which messages were accepted, in the same formats.
    #[serde(default, deserialize_with = "criterion::time")]
    #[cfg_attr(feature = "openapi", param(value_type = String), schema(value_type = String))]
    pub until: Option<Timestamp>,
}

/// Decodes the id of a message and converts it to upper case, as it is stored.
fn message_id<'de, D: Deserializer<'de>>(value: D) -> Result<String, D::Error> {
    Ok(criterion::text(value)?.to_ascii_uppercase())
}

/// A position in the list of messages.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
pub struct MessagePosition {
    /// The `next` of the previous response, for the lines after it.
    #[serde(default, deserialize_with = "criterion::parsed")]
    #[cfg_attr(feature = "openapi", param(value_type = String))]
    pub before: Option<Cursor>,
}

impl Search {
    /// Parses the parameters of a query string.
    ///
    /// # Errors
    /// The fault of each parameter that is invalid, repeated or unknown, under its name.
    pub fn read<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Refusal> {
        Fields::new(pairs).read(Fields::decode)
    }

    /// Like [`Search::read`], with the cursor in the parameter `before`.
    ///
    /// # Errors
    /// The faults of both at once.
    pub fn read_from(pairs: &[(String, String)]) -> Result<(Self, Option<Cursor>), Refusal> {
        Fields::of(pairs).read(|fields| {
            let MessagePosition { before } = fields.decode();
            (fields.decode(), before)
        })
    }

    /// The parameters of the query string; the inverse of [`Search::read`].
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let time = |at: Option<Timestamp>| at.map(Timestamp::rfc3339).unwrap_or_default();
        [
            ("address", self.address.clone()),
            ("subject", self.subject.clone()),
            ("id", self.id.clone()),
            (
                "state",
                self.state
                    .map_or(String::new(), |state| state.as_str().to_owned()),
            ),
            ("since", time(self.since)),
            ("until", time(self.until)),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
    }
}

/// A position in the list of rows, newest first. A page begins after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cursor {
    /// The id of the message.
    pub id: String,
    /// The index of the recipient within the message.
    pub position: i64,
}

impl std::fmt::Display for Cursor {
    /// Formats for a query string: `01J….0`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.id, self.position)
    }
}

impl FromStr for Cursor {
    type Err = TextFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, position) = text.split_once('.').ok_or(NO_POSITION)?;
        if !is_id(id) {
            return Err(NO_POSITION);
        }
        Ok(Self {
            id: id.to_owned(),
            position: position.parse().map_err(|_| NO_POSITION)?,
        })
    }
}

/// Whether `text` has the syntax of a message id, a ULID. Its 26 characters have 130 bits, two more than
/// a ULID, so that the first is 7 at most.
pub fn is_id(text: &str) -> bool {
    text.len() == 26
        && text.starts_with(|first: char| matches!(first, '0'..='7'))
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The recipients an action applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// One recipient of a message.
    One(Cursor),
    /// All recipients of a message.
    Message(String),
    /// All recipients that match a search at the time of the action.
    Matching(Search),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use crate::criterion::VALUE_MAX;

    fn owned<const N: usize>(pairs: [(&str, &str); N]) -> [(String, String); N] {
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))
    }

    #[test]
    fn a_search_round_trips() {
        let asked = [
            ("address", "desk@"),
            ("subject", "Alarm & fire"),
            ("id", "01JD0000000000000000000000"),
            ("state", "failed"),
            ("since", "2026-11-20T00:00:00Z"),
            ("until", "2026-11-20T05:13:30Z"),
        ];
        let search = Search::read(asked).expect("understood");
        let written = search.pairs();
        assert_eq!(
            written
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect::<Vec<_>>(),
            asked
        );
        let day = Search::read([("since", "2026-11-20"), ("state", " ")]);
        assert_eq!(day.expect("understood").since, search.since);
    }

    #[test]
    fn a_value_has_a_limited_length() {
        for (length, fits) in [(VALUE_MAX, true), (VALUE_MAX + 1, false)] {
            let subject = "x".repeat(length);
            let search = Search::read([("subject", subject.as_str())]);
            assert_eq!(search.is_ok(), fits, "{length}");
        }
    }

    #[test]
    fn invalid_parameters_are_reported_by_name() {
        let asked = [
            ("since", "yesterday"),
            ("until", "2026-13-01"),
            ("state", "lost"),
            ("before", "x"),
            ("adress", "desk@"),
            ("id", "a"),
            ("id", ""),
        ];
        let refusal = Search::read(asked).expect_err("refused");
        assert_eq!(
            refusal.fields.keys().collect::<Vec<_>>(),
            ["adress", "before", "id", "since", "state", "until"]
        );
    }

    #[test]
    fn a_cursor_round_trips() {
        let cursor = Cursor {
            id: "01JD0000000000000000000000".to_owned(),
            position: 3,
        };
        assert_eq!(cursor.to_string(), "01JD0000000000000000000000.3");
        assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
        for text in [
            "",
            "01JD0000000000000000000000",
            "01JD.3",
            "01JD000000000000000000000-.3",
            "8ZZZZZZZZZZZZZZZZZZZZZZZZZ.3",
            "01JD0000000000000000000000.x",
        ] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
        let pairs = [
            ("before", "01JD0000000000000000000000.3"),
            ("state", "held"),
        ];
        let (search, before) = Search::read_from(&owned(pairs)).expect("valid");
        assert_eq!(
            (search.state, before),
            (Some(RecipientState::Held), Some(cursor))
        );
    }

    #[test]
    fn the_faults_of_search_and_cursor_are_reported_together() {
        let pairs = [("before", "x"), ("subject", "a\u{7}b")];
        let refusal = Search::read_from(&owned(pairs)).expect_err("refused");
        assert_eq!(refusal.kind, Kind::Invalid);
        assert_eq!(
            refusal.fields.keys().collect::<Vec<_>>(),
            ["before", "subject"]
        );
    }
}
