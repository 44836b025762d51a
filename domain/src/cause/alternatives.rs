//! Replies that two causes fit: the second cause, and how to tell it from the first.

use serde::Serialize;

use super::faults::encryption;
use super::reading::Evidence;
use super::rule::Cause;
use super::words::receiving::{recipient, relaying};
use super::words::sending::reputation;
use super::words::{sign_in, tls};

/// A second cause that fits a reply.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alternative {
    /// The other cause.
    #[cfg_attr(feature = "openapi", schema(value_type = Cause))]
    pub cause: &'static Cause,
    /// How to tell which of the two it is, in one sentence.
    pub distinguish: &'static str,
}

/// A reply that the first cause was found for, and that the second fits as well.
struct Ambiguity {
    first: &'static Cause,
    when: fn(&Evidence<'_>) -> bool,
    second: Alternative,
}

const AMBIGUITIES: &[Ambiguity] = &[
    // OpenSMTPD says `550 Invalid recipient` in both cases.
    Ambiguity {
        first: &relaying::DENIED,
        when: |observed| observed.says(&["invalid recipient"]),
        second: Alternative {
            cause: &recipient::UNKNOWN,
            distinguish: "Send to an address of the relay's own domain that certainly exists: if \
                          that passes, relaying is denied.",
        },
    },
    Ambiguity {
        first: &recipient::UNKNOWN,
        when: |observed| observed.says(&["invalid recipient"]),
        second: Alternative {
            cause: &relaying::DENIED,
            distinguish: "Send to an address of another domain that certainly exists: if that is \
                          rejected too, relaying is denied.",
        },
    },
    Ambiguity {
        first: &recipient::UNKNOWN,
        when: |observed| observed.says(&["access denied"]),
        second: Alternative {
            cause: &relaying::DENIED,
            distinguish: "Send to another address of the same domain: if that passes, it is this \
                          recipient.",
        },
    },
    Ambiguity {
        first: &encryption::NOT_OFFERED,
        when: |observed| observed.port(&[587]),
        second: Alternative {
            cause: &encryption::REMOVED,
            distinguish: "Run the diagnosis from another network: if StartTLS is offered there, a \
                          firewall on the path removes it.",
        },
    },
    Ambiguity {
        first: &sign_in::NOT_OFFERED,
        when: |observed| !observed.encrypted(),
        second: Alternative {
            cause: &tls::ENCRYPTION,
            distinguish: "Press Find settings: if another port of this host is encrypted and offers \
                          AUTH, sign in there.",
        },
    },
    Ambiguity {
        first: &reputation::REJECTED,
        when: |observed| observed.says(&["client host rejected"]) && !observed.signs_in(),
        second: Alternative {
            cause: &sign_in::REQUIRED,
            distinguish: "Relays for submission reject every client that does not sign in with \
                          this reply: choose an Authentication Type and try again.",
        },
    },
];

/// The second cause of a failure whose first is `first`.
pub(super) fn of(first: &Cause, observed: &Evidence<'_>) -> Option<&'static Alternative> {
    AMBIGUITIES
        .iter()
        .find(|row| row.first.title == first.title && (row.when)(observed))
        .map(|row| &row.second)
}
