//! Causes: the relay rejects the sender.

use super::{Cause, Rule};
use crate::stage::Stage;

/// The stages at which a relay rejects a sender; some wait for the recipient or the mail.
const LATE: &[Stage] = &[Stage::Mail, Stage::Rcpt, Stage::Data];

pub(super) const RULES: &[Rule] = &[
    Rule {
        when: |observed| {
            let denied = observed.status(&[[7, 60]]) || observed.says(&["sendasdenied"]);
            observed.at(LATE) && denied
        },
        cause: Cause {
            title: "The mailbox may not send as this address",
            cause: "Exchange accepted the sign-in, and Email Address belongs to another mailbox, \
                    which needs the permission Send As.",
            steps: &[
                "Enter the address of the mailbox that signs in as Email Address.",
                "Or give that mailbox the permission Send As for the address, in the Exchange \
                 admin center, and wait an hour.",
            ],
        },
    },
    Rule {
        when: |observed| {
            let named = observed.says(&[
                "sender address rejected: domain not found",
                "domain of sender",
                "sender domain must exist",
                "sender domain does not exist",
            ]);
            observed.at(&[Stage::Mail, Stage::Rcpt]) && (named || observed.status(&[[1, 8]]))
        },
        cause: Cause {
            title: "The From domain is unknown to DNS",
            cause: "The relay looked up the domain of Email Address and found neither a mail \
                    server nor an address for it.",
            steps: &[
                "Check the spelling of Email Address.",
                "Publish an MX or A record for the domain, so that it can receive replies.",
            ],
        },
    },
    Rule {
        when: |observed| {
            observed.at(LATE)
                && observed.says(&[
                    "verified sender identity",
                    "domain is unverified",
                    "domain is not verified",
                    "domain not verified",
                ])
        },
        cause: Cause {
            title: "The sender is not verified at the provider",
            cause: "The provider sends only from verified addresses and domains, and Email Address \
                    is not one of them.",
            steps: &[
                "At the provider, verify the domain of Email Address, or this one address.",
                "Or enter a verified address as Email Address.",
            ],
        },
    },
    Rule {
        when: |observed| {
            let named = observed.says(&[
                "not owned by",
                "relaying disallowed as",
                "sender mismatch",
                "sender address is not allowed",
                "sender address not allowed",
                "same as authorization user",
                "must equal authorized user",
                "not allowed to send as",
                "not permitted to send as",
            ]);
            // Postfix rejects the sender in reply to RCPT.
            let rejected =
                observed.code(&[550, 553, 554]) && observed.says(&["sender address rejected"]);
            let refused =
                observed.code(&[553]) || (observed.code(&[550, 554]) && observed.is_policy());
            (observed.at(LATE) && (named || rejected)) || (observed.at(&[Stage::Mail]) && refused)
        },
        cause: Cause {
            title: "The relay does not accept this From address",
            cause: "The account that signs in, or this machine, may not send mail from Email \
                    Address.",
            steps: &[
                "Enter an address as Email Address that belongs to the account in User Name.",
                "Or have the relay's operator allow that account to send from this address.",
                "Enter the address for replies as Reply-To, under More options.",
            ],
        },
    },
    Rule {
        when: |observed| {
            // RFC 7372 section 3; the last two are Microsoft's own.
            let failed = observed.status(&[
                [7, 20],
                [7, 21],
                [7, 22],
                [7, 23],
                [7, 24],
                [7, 26],
                [7, 509],
                [7, 515],
            ]);
            observed.at(LATE) && (failed || observed.says(&["dmarc"]))
        },
        cause: Cause {
            title: "The From domain does not authorise this relay",
            cause: "The SPF, DKIM or DMARC records of the domain of Email Address do not authorise \
                    this relay to send for it.",
            steps: &[
                "In the domain's DNS, add this relay to the SPF record.",
                "Have the relay sign with DKIM for the domain, and publish its key.",
                "Or enter an address of a domain that the relay is set up for as Email Address.",
            ],
        },
    },
];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, rejected};
    use crate::stage::Stage;

    const SEND_AS: &str = "The mailbox may not send as this address";
    const NO_DOMAIN: &str = "The From domain is unknown to DNS";
    const UNVERIFIED: &str = "The sender is not verified at the provider";
    const FROM: &str = "The relay does not accept this From address";
    const VOUCHES: &str = "The From domain does not authorise this relay";

    #[test]
    fn a_sender_that_is_not_taken() {
        assert_causes(
            super::RULES,
            &[
                (
                    SEND_AS,
                    rejected(
                        Stage::Data,
                        "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
                    ),
                ),
                (
                    SEND_AS,
                    rejected(
                        Stage::Data,
                        "554 5.2.252 SendAsDenied; alerts@example.org not allowed to send as \
                         other@example.org",
                    ),
                ),
                (
                    NO_DOMAIN,
                    rejected(
                        Stage::Rcpt,
                        "450 4.1.8 <a@b.example>: Sender address rejected: Domain not found",
                    ),
                ),
                (
                    NO_DOMAIN,
                    rejected(
                        Stage::Mail,
                        "501 5.1.8 Domain of sender address does not exist",
                    ),
                ),
                (
                    UNVERIFIED,
                    rejected(
                        Stage::Data,
                        "550 The from address does not match a verified Sender Identity. Mail \
                         cannot be sent until this error is resolved.",
                    ),
                ),
                (
                    FROM,
                    rejected(
                        Stage::Rcpt,
                        "553 5.7.1 <a@example.org>: Sender address rejected: not owned by user b",
                    ),
                ),
                (
                    FROM,
                    rejected(
                        Stage::Rcpt,
                        "554 5.7.1 <a@example.org>: Sender address rejected: Access denied",
                    ),
                ),
                (
                    FROM,
                    rejected(
                        Stage::Data,
                        "550 5.1.0 <a@example.org>: Sender address rejected: User unknown in \
                         local recipient table",
                    ),
                ),
                (
                    FROM,
                    rejected(Stage::Mail, "550 5.7.1 Not with this sender"),
                ),
                (FROM, rejected(Stage::Mail, "554 5.7.1 Sender refused")),
                (FROM, rejected(Stage::Mail, "553 Sender not allowed")),
                (
                    FROM,
                    rejected(Stage::Data, "553 Relaying disallowed as alerts@example.org"),
                ),
                (
                    FROM,
                    rejected(Stage::Mail, "550 Sender address is not allowed."),
                ),
                (
                    VOUCHES,
                    rejected(
                        Stage::Data,
                        "550-5.7.26 Your email has been blocked because the sender is\n\
                         550 5.7.26 unauthenticated. a1b2 - gsmtp",
                    ),
                ),
                (
                    VOUCHES,
                    rejected(
                        Stage::Data,
                        "550 5.7.515 Access denied, sending domain example.org does not meet the \
                         required authentication level.",
                    ),
                ),
            ],
        );
    }
}
