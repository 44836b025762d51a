//! The relay chosen for a message, and the reason of the choice.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The relay of an attempt, and the reason of the choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayChoice {
    /// The name that an administrator gave the relay.
    pub relay: String,
    /// Whether the relay is the own relay of the account that submitted the message.
    #[serde(default, skip_serializing_if = "is_false")]
    pub own: bool,
    /// Whether the relay is one of the organisation, shown without its name and rule to an account that
    /// is not an administrator.
    #[serde(skip)]
    pub unnamed: bool,
    /// Whether the message is pinned to this relay: it may have arrived there, and must not be sent to
    /// another one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub pinned: bool,
    /// The From domain of the rule that sends the message through relays of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The relays before it in the order, which took no messages at the time of the choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedRelay>,
}

/// A relay that took no messages or was passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedRelay {
    /// The name that an administrator gave the relay.
    pub relay: String,
    /// Whether the relay is the own relay of the account that submitted the message.
    #[serde(default, skip_serializing_if = "is_false")]
    pub own: bool,
    /// The condition in which it took none.
    pub condition: RelayCondition,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The condition in which a relay takes no messages. A relay at its limit of connections is not in any
/// of these conditions: its messages wait for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelayCondition {
    /// Every attempt through the relay failed since this time. One connection retries after each
    /// backoff.
    BackingOff {
        /// The time of the first failure in a row.
        since: Timestamp,
    },
    /// The relay has messages in transmission and replies to none.
    Silent {
        /// The time of the last reply.
        since: Timestamp,
    },
    /// The relay reached the limit of messages that an administrator set.
    AtLimit {
        /// The limit, as in `100 messages an hour`.
        limit: String,
        /// When the relay takes the next message.
        until: Timestamp,
    },
    /// The relay failed its checks when mail about the health of relays was accepted, which therefore
    /// tries it last.
    FailsChecks,
}

impl RelayChoice {
    /// The reason, with times formatted by `time`: `first`, `own relay`, `no own relay`, `rule
    /// example.org`, `it may have arrived there`, `failover: smtp-a backs off since …`, or `limit:
    /// smtp-a at its limit of 100 messages an hour until …`.
    pub fn reason(&self, time: fn(Timestamp) -> String) -> String {
        let rule = self.rule.iter().map(|domain| format!("rule {domain}"));
        let conditions = self.skipped.iter().map(|skipped| skipped.text(time));
        let conditions = conditions.collect::<Vec<_>>().join(", ");
        let skipped = match self.skipped.as_slice() {
            [] => None,
            skipped if skipped.iter().all(SkippedRelay::is_at_limit) => {
                Some(format!("limit: {conditions}"))
            }
            _ => Some(format!("failover: {conditions}")),
        };
        let pinned = self.pinned.then(|| "it may have arrived there".to_owned());
        let reasons: Vec<String> = rule.chain(pinned).chain(skipped).collect();
        match reasons.as_slice() {
            [] if self.own => "own relay".to_owned(),
            [] if self.unnamed => "no own relay".to_owned(),
            [] => "first".to_owned(),
            reasons => reasons.join("; "),
        }
    }
}

impl RelayChoice {
    /// The choice as the account that submitted the message sees it: its own relay, or the
    /// organisation's, which is used without an own relay or in its place.
    #[must_use]
    pub fn for_account(self) -> Self {
        if self.own {
            return self;
        }
        let own = self.skipped.into_iter().filter(|skipped| skipped.own);
        Self {
            relay: "The organisation's relay".to_owned(),
            own: false,
            unnamed: true,
            pinned: self.pinned,
            rule: None,
            skipped: own.collect(),
        }
    }
}

/// Formats the reason, with times in RFC 3339.
impl fmt::Display for RelayChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason(Timestamp::rfc3339))
    }
}

impl SkippedRelay {
    fn is_at_limit(&self) -> bool {
        matches!(self.condition, RelayCondition::AtLimit { .. })
    }

    fn text(&self, time: fn(Timestamp) -> String) -> String {
        let relay = &self.relay;
        match &self.condition {
            RelayCondition::BackingOff { since } => {
                format!("{relay} backs off since {}", time(*since))
            }
            RelayCondition::Silent { since } => {
                format!("{relay} does not reply since {}", time(*since))
            }
            RelayCondition::AtLimit { limit, until } => {
                format!("{relay} at its limit of {limit} until {}", time(*until))
            }
            RelayCondition::FailsChecks => format!("{relay} fails its checks"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINCE: Timestamp = Timestamp(1_795_151_610_000);

    fn skipped(relay: &str, condition: RelayCondition) -> SkippedRelay {
        SkippedRelay {
            relay: relay.to_owned(),
            own: false,
            condition,
        }
    }

    #[test]
    fn a_reason_is_read_back_and_names_the_rule_and_each_relay_before() {
        let backs_off = || skipped("smtp-a", RelayCondition::BackingOff { since: SINCE });
        let silent = || skipped("smtp-b", RelayCondition::Silent { since: SINCE });
        let limited = || {
            let (limit, until) = ("100 messages an hour".to_owned(), SINCE);
            skipped("smtp-c", RelayCondition::AtLimit { limit, until })
        };
        for (rule, skipped, expected) in [
            (None, vec![], "first"),
            (Some("example.org"), vec![], "rule example.org"),
            (
                None,
                vec![backs_off()],
                "failover: smtp-a backs off since 2026-11-20T05:13:30Z",
            ),
            (
                None,
                vec![limited()],
                "limit: smtp-c at its limit of 100 messages an hour until 2026-11-20T05:13:30Z",
            ),
            (
                None,
                vec![limited(), backs_off()],
                "failover: smtp-c at its limit of 100 messages an hour until \
                 2026-11-20T05:13:30Z, smtp-a backs off since 2026-11-20T05:13:30Z",
            ),
            (
                None,
                vec![skipped("smtp-d", RelayCondition::FailsChecks)],
                "failover: smtp-d fails its checks",
            ),
            (
                Some("example.org"),
                vec![silent()],
                "rule example.org; failover: smtp-b does not reply since 2026-11-20T05:13:30Z",
            ),
        ] {
            let choice = RelayChoice {
                relay: "smtp-d".to_owned(),
                own: false,
                unnamed: false,
                pinned: false,
                rule: rule.map(str::to_owned),
                skipped,
            };
            assert_eq!(choice.to_string(), expected);
            let stored = serde_json::to_string(&choice).expect("text");
            let read: RelayChoice = serde_json::from_str(&stored).expect(&stored);
            assert_eq!(read, choice);
        }
    }

    #[test]
    fn a_reason_is_stored_briefly() {
        let first = RelayChoice {
            relay: "Main relay".to_owned(),
            own: false,
            unnamed: false,
            pinned: false,
            rule: None,
            skipped: Vec::new(),
        };
        let stored = serde_json::to_string(&first).expect("text");
        assert_eq!(stored, r#"{"relay":"Main relay"}"#);
        let pinned = RelayChoice {
            pinned: true,
            ..first
        };
        assert_eq!(pinned.to_string(), "it may have arrived there");
        let stored = serde_json::to_string(&pinned).expect("text");
        assert_eq!(stored, r#"{"relay":"Main relay","pinned":true}"#);
    }

    #[test]
    fn an_account_sees_its_own_relay_or_that_of_the_organisation_without_its_name() {
        let backs_off = || RelayCondition::BackingOff { since: SINCE };
        let own = RelayChoice {
            relay: "Own relay".to_owned(),
            own: true,
            unnamed: false,
            pinned: false,
            rule: None,
            skipped: Vec::new(),
        };
        assert_eq!(own.to_string(), "own relay");
        assert_eq!(own.clone().for_account(), own);
        let mut failover = RelayChoice {
            relay: "smtp-b".to_owned(),
            own: false,
            unnamed: false,
            pinned: false,
            rule: Some("example.org".to_owned()),
            skipped: vec![skipped("smtp-a", backs_off())],
        };
        let seen = failover.clone().for_account();
        assert_eq!(seen.relay, "The organisation's relay");
        assert_eq!(seen.to_string(), "no own relay");
        failover.skipped.insert(
            0,
            SkippedRelay {
                own: true,
                ..skipped("Own relay", backs_off())
            },
        );
        let seen = failover.for_account();
        assert_eq!(seen.relay, "The organisation's relay");
        let reason = "failover: Own relay backs off since 2026-11-20T05:13:30Z";
        assert_eq!(seen.to_string(), reason);
    }
}
