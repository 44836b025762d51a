//! The audit log: its rows, the kinds of objects that acts are on, and searches in it.

use std::fmt;
use std::str::FromStr;

use serde::de::Deserializer;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::Timestamp;
use crate::criterion::{self, NO_POSITION};
use crate::outbox::is_id;
use crate::refusal::TextFault;

/// A row of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// The id of the row, a ULID.
    pub id: String,
    /// The time at which the act was done or refused.
    pub at: Timestamp,
    /// The account, the token or the local user that acted, or the name given by a client that was not
    /// signed in.
    pub actor: String,
    /// The address of the client, or `this machine`.
    pub origin: String,
    /// The name of the act.
    pub action: String,
    /// `done`, `verified`, or `refused` with a status.
    pub outcome: String,
    /// The object of the act; for a refusal, the names of the fields.
    pub detail: String,
    /// The position in a hash chain; `None` for a row of an earlier version without chains.
    pub place: Option<AuditPlace>,
}

/// The position of a row in the hash chain of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPlace {
    /// The node that wrote the row.
    pub node: String,
    /// The number of the row in the chain, from 1.
    pub number: i64,
    /// The hash of the row.
    pub hash: String,
}

/// The kind of object that an act is on.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[strum(
    serialize_all = "lowercase",
    parse_err_ty = TextFault,
    parse_err_fn = unknown_object
)]
pub enum AuditObject {
    /// Accounts, their passwords and second factors.
    Account,
    /// Sessions: signing in and out.
    Session,
    /// API tokens.
    Token,
    /// Addresses and domains that accounts may send from.
    Sender,
    /// Limits of accounts and tokens.
    Limits,
    /// The settings of relays.
    Settings,
    /// Relays: their list, checks, tests and diagnoses.
    Relay,
    /// The organisation's policy.
    Policy,
    /// Webhooks.
    Webhook,
    /// From domains and their DKIM keys.
    Domain,
    /// Messages, and the pause of delivery.
    Mail,
    /// The suppression list.
    Suppression,
    /// The keys that seal stored values.
    Key,
    /// The audit log, the open interfaces, backups and moves.
    System,
}

impl AuditObject {
    /// Every kind of object.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// The name in a query and in JSON.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The title on the page.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Account => "Accounts",
            Self::Session => "Sessions",
            Self::Token => "API tokens",
            Self::Sender => "Sender addresses",
            Self::Limits => "Limits",
            Self::Settings => "Settings",
            Self::Relay => "Relays",
            Self::Policy => "Policy",
            Self::Webhook => "Webhooks",
            Self::Domain => "Domains",
            Self::Mail => "Mail",
            Self::Suppression => "Suppression list",
            Self::Key => "Keys",
            Self::System => "Audit log, interfaces and backups",
        }
    }
}

fn unknown_object(_: &str) -> TextFault {
    "Choose account, session, token, sender, limits, settings, relay, policy, webhook, domain, mail, suppression, \
     key or system."
}

/// The outcome in the row of a test mail that verified a revision of settings. A search for
/// [`AuditOutcome::Done`] matches it.
pub const VERIFIED: &str = "verified";

/// The outcome of an act.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[strum(
    serialize_all = "lowercase",
    parse_err_ty = TextFault,
    parse_err_fn = unknown_outcome
)]
pub enum AuditOutcome {
    /// The act was done.
    Done,
    /// The act was refused.
    Refused,
    /// The act, a backup, was begun. Another row has the outcome of its end.
    Begun,
    /// The act, a backup, was begun and failed.
    Failed,
}

impl AuditOutcome {
    /// Every outcome.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// The name in a query, and in a row unless it was refused.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The outcome in the row of an act that was refused with an HTTP status: `refused (403)`.
    pub fn refused_with(status: u16) -> String {
        format!("{} ({status})", Self::Refused.as_str())
    }

    /// Parses the outcome of a row: a name, or `refused` with a status. `None` for any other text.
    pub fn of_row(outcome: &str) -> Option<Self> {
        let name = outcome.split(' ').next().unwrap_or_default();
        match name {
            VERIFIED => Some(Self::Done),
            name => name.parse().ok(),
        }
    }

    /// The title on the page.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Done => "Done",
            Self::Refused => "Refused",
            Self::Begun => "Begun",
            Self::Failed => "Failed",
        }
    }
}

fn unknown_outcome(_: &str) -> TextFault {
    "Choose done, refused, begun or failed."
}

/// The rows of a page of the audit log, in the console and over REST.
pub const PAGE_ROWS: i64 = 50;

/// The criteria of a search in the audit log; a row must match all of them. An absent or empty value
/// matches every row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
pub struct AuditSearch {
    /// A part of the actor, case-insensitive.
    #[serde(default, deserialize_with = "criterion::text")]
    pub actor: String,
    /// The name of the act, as in `save settings`.
    #[serde(default, deserialize_with = "action")]
    pub action: String,
    /// The kind of object that the act is on: `account`, `session`, `token`, `sender`, `limits`,
    /// `settings`, `relay`, `policy`, `webhook`, `domain`, `mail`, `suppression`, `key` or `system`.
    #[serde(default, deserialize_with = "criterion::parsed")]
    #[cfg_attr(feature = "openapi", param(value_type = String))]
    pub object: Option<AuditObject>,
    /// `done`, `refused`, `begun` or `failed`.
    #[serde(default, deserialize_with = "criterion::parsed")]
    #[cfg_attr(feature = "openapi", param(value_type = String))]
    pub outcome: Option<AuditOutcome>,
    /// A part of the detail, case-insensitive.
    #[serde(default, deserialize_with = "criterion::text")]
    pub detail: String,
    /// A part of the origin, such as `192.0.2.`.
    #[serde(default, deserialize_with = "criterion::text")]
    pub origin: String,
    /// The earliest time of a row: a date or a date and time in UTC, such as `2026-11-20T05:13`.
    #[serde(default, deserialize_with = "criterion::time")]
    #[cfg_attr(feature = "openapi", param(value_type = String))]
    pub since: Option<Timestamp>,
    /// The time that all rows are before, in the same formats.
    #[serde(default, deserialize_with = "criterion::time")]
    #[cfg_attr(feature = "openapi", param(value_type = String))]
    pub until: Option<Timestamp>,
}

/// Decodes the name of an act and converts it to lower case.
fn action<'de, D: Deserializer<'de>>(value: D) -> Result<String, D::Error> {
    Ok(criterion::text(value)?.to_lowercase())
}

/// A position in the list of rows.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
pub struct AuditPosition {
    /// The `next` of the previous response, to read the rows that follow.
    #[serde(default, deserialize_with = "criterion::parsed")]
    #[cfg_attr(feature = "openapi", param(value_type = String))]
    pub before: Option<AuditCursor>,
}

impl AuditSearch {
    /// The parameters of the query string; the inverse of decoding.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let time = |at: Option<Timestamp>| at.map(Timestamp::rfc3339).unwrap_or_default();
        let object = self.object.map_or("", AuditObject::as_str);
        let outcome = self.outcome.map_or("", AuditOutcome::as_str);
        [
            ("actor", self.actor.clone()),
            ("action", self.action.clone()),
            ("object", object.to_owned()),
            ("outcome", outcome.to_owned()),
            ("detail", self.detail.clone()),
            ("origin", self.origin.clone()),
            ("since", time(self.since)),
            ("until", time(self.until)),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
    }
}

/// A position in the list of rows, newest first. A page begins after this position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditCursor {
    /// The time of the row.
    pub at: Timestamp,
    /// The id of the row.
    pub id: String,
}

impl fmt::Display for AuditCursor {
    /// Formats for a query string: `1764478800000.01J…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.0, self.id)
    }
}

impl FromStr for AuditCursor {
    type Err = TextFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (at, id) = text.split_once('.').ok_or(NO_POSITION)?;
        if !is_id(id) {
            return Err(NO_POSITION);
        }
        Ok(Self {
            at: Timestamp(at.parse().map_err(|_| NO_POSITION)?),
            id: id.to_owned(),
        })
    }
}

/// Rows of the audit log, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPage {
    /// The rows.
    pub rows: Vec<AuditRow>,
    /// The position of the next page; `None` at the end.
    pub next: Option<AuditCursor>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fields, Refusal};

    fn read(pairs: &[(&str, &str)]) -> Result<(AuditSearch, Option<AuditCursor>), Refusal> {
        Fields::new(pairs.iter().copied()).read(|fields| {
            let AuditPosition { before } = fields.decode();
            (fields.decode(), before)
        })
    }

    #[test]
    fn a_search_round_trips() {
        let asked = [
            ("actor", "admin@"),
            ("action", "save settings"),
            ("object", "settings"),
            ("outcome", "refused"),
            ("detail", "a & b"),
            ("origin", "192.0.2."),
            ("since", "2026-11-20T00:00:00Z"),
            ("until", "2026-11-20T05:13:30Z"),
        ];
        let (search, before) = read(&asked).expect("understood");
        assert_eq!(before, None);
        let pairs = search.pairs();
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(pairs, asked);
        let blank = [("actor", " "), ("object", ""), ("action", "Login")];
        let (search, _) = read(&blank).expect("understood");
        assert_eq!(search.pairs(), [("action", "login".to_owned())]);
    }

    #[test]
    fn invalid_parameters_are_reported_by_name() {
        let asked = [
            ("actor", "a\u{7}"),
            ("object", "thing"),
            ("outcome", "maybe"),
            ("since", "soon"),
            ("before", "x"),
            ("acter", "a"),
        ];
        let refusal = read(&asked).expect_err("refused");
        let fields: Vec<&String> = refusal.fields.keys().collect();
        let expected = ["acter", "actor", "before", "object", "outcome", "since"];
        assert_eq!(fields, expected);
    }

    #[test]
    fn the_outcome_of_a_row_is_known() {
        assert_eq!(AuditOutcome::refused_with(403), "refused (403)");
        for (outcome, expected) in [
            ("done", Some(AuditOutcome::Done)),
            ("verified", Some(AuditOutcome::Done)),
            ("refused (403)", Some(AuditOutcome::Refused)),
            ("begun", Some(AuditOutcome::Begun)),
            ("failed", Some(AuditOutcome::Failed)),
            ("", None),
            ("maybe", None),
        ] {
            assert_eq!(AuditOutcome::of_row(outcome), expected, "{outcome}");
        }
    }

    #[test]
    fn a_cursor_round_trips() {
        let cursor = AuditCursor {
            at: Timestamp(1_764_478_800_000),
            id: "01JD0000000000000000000000".to_owned(),
        };
        assert_eq!(
            cursor.to_string(),
            "1764478800000.01JD0000000000000000000000"
        );
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "1", "1.x", "x.01JD0000000000000000000000"] {
            assert!(text.parse::<AuditCursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn faults_name_every_choice() {
        let fault = "thing".parse::<AuditObject>().expect_err("unknown");
        for object in AuditObject::ALL {
            assert!(fault.contains(object.as_str()), "{object:?}");
            assert_eq!(object.as_str().parse(), Ok(*object));
            assert_eq!(
                serde_json::to_value(object).expect("serialises"),
                object.as_str()
            );
        }
        let fault = "maybe".parse::<AuditOutcome>().expect_err("unknown");
        for outcome in AuditOutcome::ALL {
            assert!(fault.contains(outcome.as_str()), "{outcome:?}");
            assert_eq!(outcome.title().to_lowercase(), outcome.as_str());
        }
    }
}
