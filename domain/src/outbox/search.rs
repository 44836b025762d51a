//! What is looked for in the outbox. Everything given must be true of a line.

use serde::{Deserialize, Serialize};

use super::RecipientState;
use crate::{Kind, Refusal, Timestamp};

/// A search. Empty, it finds everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// How the recipient's address begins, in any case.
    pub address: String,
    /// A part of the subject, in any case.
    pub subject: String,
    /// The message.
    pub id: String,
    pub state: Option<RecipientState>,
    /// Accepted then or later.
    pub since: Option<Timestamp>,
    /// Accepted before then.
    pub until: Option<Timestamp>,
}

impl Search {
    /// From name and value, as a page's address and REST have them; empty values count as absent.
    ///
    /// # Errors
    /// The fault of each value that is not understood, under its name.
    pub fn read<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, Refusal> {
        let mut search = Self::default();
        let mut faults = Refusal::invalid();
        for (name, value) in pairs {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            if value.chars().any(char::is_control) {
                faults.add(name, "There is a control character in it.");
                continue;
            }
            match name {
                "address" => search.address = value.to_owned(),
                "subject" => search.subject = value.to_owned(),
                "id" => search.id = value.to_ascii_uppercase(),
                "state" => match value.parse() {
                    Ok(state) => search.state = Some(state),
                    Err(fault) => faults.add(name, fault),
                },
                "since" | "until" => match Timestamp::parse(value) {
                    Some(at) if name == "since" => search.since = Some(at),
                    Some(at) => search.until = Some(at),
                    None => faults.add(
                        name,
                        "This is a date or a date and time in UTC, as in 2026-11-20 or 2026-11-20T05:13.",
                    ),
                },
                _ => {}
            }
        }
        faults.or_ok()?;
        Ok(search)
    }

    /// As [`Search::read`], and the place in the list that `before` names.
    ///
    /// # Errors
    /// The faults of both at once.
    pub fn read_from<'a>(
        pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Result<(Self, Option<Cursor>), Refusal> {
        let before = pairs.clone().find(|(name, _)| *name == "before");
        let before = before.map(|(_, text)| text.parse()).transpose();
        let before = before.map_err(|fault: &str| Refusal::of(Kind::Invalid, "before", fault));
        Refusal::both(Self::read(pairs), before)
    }

    /// What was asked for, as name and value; the other way round than [`Search::read`].
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

/// A place in the list of lines, newest first: behind this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The message.
    pub id: String,
    /// The recipient among those of the message.
    pub position: i64,
}

impl std::fmt::Display for Cursor {
    /// As in a page's address: `01J….0`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.id, self.position)
    }
}

impl std::str::FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FAULT: &str = "This is not a place in the list; begin again at its top.";
        let (id, position) = text.split_once('.').ok_or(FAULT)?;
        if !is_id(id) {
            return Err(FAULT);
        }
        Ok(Self {
            id: id.to_owned(),
            position: position.parse().map_err(|_| FAULT)?,
        })
    }
}

/// Whether a text can be the id of a message.
pub fn is_id(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What an act is meant for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Selection {
    /// A message for one recipient.
    One(Cursor),
    /// A message for all its recipients.
    Message(String),
    /// Whatever is found at that moment.
    Matching(Search),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_reads_as_it_is_written() {
        let asked = [
            ("address", "desk@"),
            ("subject", "Alarm & fire"),
            ("id", "01JD0000000000000000000000"),
            ("state", "failed"),
            ("since", "2026-11-20T00:00:00Z"),
            ("until", "2026-11-20T05:13:30Z"),
        ];
        let search = Search::read(asked.into_iter()).expect("understood");
        let written = search.pairs();
        assert_eq!(
            written
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect::<Vec<_>>(),
            asked
        );
        let day = Search::read([("since", "2026-11-20"), ("state", " ")].into_iter());
        assert_eq!(day.expect("understood").since, search.since);
    }

    #[test]
    fn what_is_not_understood_is_told_by_its_name() {
        let asked = [
            ("since", "yesterday"),
            ("until", "2026-13-01"),
            ("state", "lost"),
            ("before", "x"),
        ];
        let refusal = Search::read(asked.into_iter()).expect_err("refused");
        assert_eq!(
            refusal.fields.keys().collect::<Vec<_>>(),
            ["since", "state", "until"]
        );
    }
}
