//! Known causes of failures: a table of rules that maps an observation to a cause with steps.
//!
//! The most specific rules come first. A failure that no rule matches has no cause.

mod certificate;
mod encryption;
mod hanging;
mod introduction;
mod limits;
mod mail;
mod observation;
mod providers;
mod reach;
mod recipient;
mod sender;
mod sign_in;

#[cfg(test)]
mod testing;

use serde::Serialize;

pub use observation::Observation;

/// A known cause of a failure, with steps to resolve it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cause {
    /// A few words, as in `The port is filtered`. Unique among all causes.
    pub title: &'static str,
    /// The explanation in one sentence.
    pub cause: &'static str,
    /// The steps to resolve it, in order.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub steps: &'static [&'static str],
}

/// A rule of the table.
struct Rule {
    /// Whether the rule matches. The first matching rule of the table counts.
    when: fn(&Observation<'_>) -> bool,
    cause: Cause,
}

/// The table of all rules. Rules for replies of providers precede those by reply code because their
/// texts are more specific. Time-outs and closed connections come last.
const TABLE: [&[Rule]; 11] = [
    reach::RULES,
    certificate::RULES,
    encryption::RULES,
    providers::RULES,
    limits::RULES,
    introduction::RULES,
    sign_in::RULES,
    sender::RULES,
    recipient::RULES,
    mail::RULES,
    hanging::RULES,
];

/// Finds the cause of a failure; none when no rule matches.
pub fn cause(observed: &Observation<'_>) -> Option<&'static Cause> {
    TABLE
        .into_iter()
        .flatten()
        .find(|row| (row.when)(observed))
        .map(|row| &row.cause)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::testing::{Case, failed, rejected};
    use super::{TABLE, cause};
    use crate::stage::{Fault, Stage};

    #[test]
    fn every_cause_is_complete_and_unique() {
        let mut titles = BTreeSet::new();
        for row in TABLE.into_iter().flatten() {
            let known = &row.cause;
            assert!(titles.insert(known.title), "{} twice", known.title);
            assert!(!known.title.ends_with('.'), "{}", known.title);
            assert!(!known.steps.is_empty(), "{} without a step", known.title);
            for sentence in known.steps.iter().chain([&known.cause]) {
                assert!(sentence.ends_with('.'), "{}: {sentence}", known.title);
                assert!(!sentence.contains("  "), "{}: {sentence}", known.title);
                assert!(!sentence.contains("n't"), "{}: {sentence}", known.title);
            }
        }
    }

    #[test]
    fn unknown_failures_have_no_cause() {
        let unknown: [Case; 18] = [
            rejected(Stage::Auth, "501 5.5.2 Cannot decode that"),
            rejected(Stage::Auth, "550 5.0.0 No"),
            rejected(Stage::Ehlo, "554 5.0.0 Not today"),
            rejected(Stage::Mail, "550 5.0.0 No"),
            rejected(Stage::Mail, "451 4.3.0 Queue file write error"),
            rejected(Stage::Rcpt, "550 5.7.1 Message refused by policy"),
            rejected(Stage::Rcpt, "450 4.7.1 Recipient address rejected: Policy"),
            rejected(Stage::Rcpt, "554 Transaction failed"),
            rejected(
                Stage::Rcpt,
                "451 Temporary local problem - please try later",
            ),
            rejected(
                Stage::Rcpt,
                "550 Requested action not taken: mailbox unavailable",
            ),
            rejected(Stage::Rcpt, "554 5.7.1 Sender address is on our blacklist"),
            rejected(Stage::Rcpt, "450 4.7.1 Sender address rejected: Policy"),
            rejected(
                Stage::Rcpt,
                "504 5.5.2 Sender address rejected: need fully-qualified address",
            ),
            rejected(Stage::Data, "451 Temporary service failure"),
            rejected(Stage::Data, "554 5.6.0 Malformed header"),
            rejected(Stage::Data, "550 5.7.1 Refused by local policy"),
            rejected(Stage::Data, "552 5.7.0 This message was blocked"),
            failed(Stage::Quit, Fault::Closed),
        ];
        for case in unknown {
            let told = cause(&case.observed()).map(|known| known.title);
            assert_eq!(told, None, "{:?}", case.failure);
        }
    }
}
