//! Words that many kinds of replies contain: together with the stage they outrank the code alone.
//!
//! A cause found by these words counts as found by code.

use crate::cause::rule::Rule;
use crate::cause::words::receiving::{mailbox, recipient};
use crate::cause::words::sending::{domain_authentication, identity, reputation, sender};
use crate::cause::words::{content, policy, rate, relay_fault};
use crate::smtp::stage::Stage;

pub(crate) const HINTS: &[Rule] = &[
    Rule {
        words: &["authenticat"],
        when: |observed| observed.at(&[Stage::Data]),
        cause: &domain_authentication::UNAUTHORISED,
    },
    Rule {
        words: &["helo", "hostname"],
        when: |observed| observed.at(&[Stage::Greeting, Stage::Ehlo, Stage::Mail]),
        cause: &identity::EHLO_NAME,
    },
    Rule {
        words: &["quota", "storage", "full", "space"],
        when: |observed| observed.at(&[Stage::Rcpt, Stage::Data]),
        cause: &mailbox::FULL,
    },
    Rule {
        words: &[
            "limit",
            "too many",
            "too much",
            "exceed",
            "frequen",
            "quota",
            "slow",
            "flood",
            "threshold",
        ],
        when: |observed| !observed.at(&[Stage::Auth]),
        cause: &rate::LIMIT,
    },
    Rule {
        words: &[
            "disabled",
            "inactive",
            "suspend",
            "locked",
            "expired",
            "closed",
            "terminated",
        ],
        when: |observed| observed.at(&[Stage::Rcpt]),
        cause: &mailbox::DISABLED,
    },
    Rule {
        words: &[
            "loop",
            "system",
            "server",
            "temporar",
            "service",
            "processing",
            "internal",
        ],
        when: |observed| observed.deferred(),
        cause: &relay_fault::TROUBLE,
    },
    Rule {
        words: &[
            "blocked",
            "block ",
            "banned",
            "client",
            "your server",
            "your host",
            "complain",
            "abuse",
            "connection",
            "access denied",
            " ip ",
        ],
        when: |observed| observed.at(&[Stage::Greeting, Stage::Ehlo, Stage::Mail]),
        cause: &reputation::REJECTED,
    },
    Rule {
        words: &["sender", " from ", "mail from"],
        when: |observed| observed.at(&[Stage::Mail]) && observed.refused(),
        cause: &sender::NOT_ACCEPTED,
    },
    Rule {
        words: &["recipient", "mailbox", "user", "account", "address"],
        when: |observed| {
            let about_the_address = observed
                .enhanced()
                .is_none_or(|[_, subject, _]| subject != 7);
            observed.at(&[Stage::Rcpt])
                && observed.refused()
                && about_the_address
                && !observed.says(&["policy", "not allowed", "blocked", "rule"])
        },
        cause: &recipient::UNKNOWN,
    },
    Rule {
        words: &[
            "header",
            "mime",
            "syntax",
            "format",
            "structure",
            "date",
            "character",
        ],
        when: |observed| observed.at(&[Stage::Data]),
        cause: &content::MALFORMED,
    },
    Rule {
        words: &[
            "spam",
            "filter",
            "blocked",
            "content",
            "score",
            "suspicious",
            "url",
            "junk",
        ],
        when: |observed| observed.at(&[Stage::Data, Stage::Rcpt]),
        cause: &content::SPAM,
    },
    Rule {
        words: &[
            "policy",
            "policies",
            "prohibited",
            "forbidden",
            "permi",
            "allowed",
            "authori",
            "rule",
            "denied",
            "refused",
        ],
        when: |observed| observed.refused() && observed.in_transaction(),
        cause: &policy::POLICY,
    },
];
