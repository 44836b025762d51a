//! Causes: the relay rejects the sender.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};

pub const SEND_AS: Cause = Cause {
    title: "The mailbox may not send as this address",
    class: CauseClass::Sender,
    cause: "Exchange accepted the sign-in, and Email Address belongs to another mailbox, which \
            needs the permission Send As.",
    steps: &[
        "Enter the address of the mailbox that signs in as Email Address.",
        "Or give that mailbox the permission Send As for the address, in the Exchange admin \
         center, and wait an hour.",
    ],
};

pub const NO_DOMAIN: Cause = Cause {
    title: "The From domain is unknown to DNS",
    class: CauseClass::Sender,
    cause: "The relay looked up the domain of Email Address and found neither a mail server nor \
            an address for it.",
    steps: &[
        "Check the spelling of Email Address.",
        "Publish an MX or A record for the domain, so that it can receive replies.",
    ],
};

const UNVERIFIED: Cause = Cause {
    title: "The sender is not verified at the provider",
    class: CauseClass::Sender,
    cause: "The provider sends only from verified addresses and domains, and Email Address is not \
            one of them.",
    steps: &[
        "At the provider, verify the domain of Email Address, or this one address.",
        "Or enter a verified address as Email Address.",
    ],
};

const CALLOUT: Cause = Cause {
    title: "The sender's address cannot be verified",
    class: CauseClass::Sender,
    cause: "The relay asks the mail server of Email Address's domain whether the address exists, \
            and got no or a negative answer.",
    steps: &[
        "Check the spelling of Email Address, and send a mail to it: it must exist.",
        "Have the mail server of that domain answer such checks (sender callouts).",
        "Or have the relay's operator exempt this sender from sender verification.",
    ],
};

pub const NOT_ACCEPTED: Cause = Cause {
    title: "The relay does not accept this From address",
    class: CauseClass::Sender,
    cause: "The account that signs in, or this machine, may not send mail from Email Address.",
    steps: &[
        "Enter an address as Email Address that belongs to the account in User Name.",
        "Or have the relay's operator allow that account to send from this address.",
        "Enter the address for replies as Reply-To, under More options.",
    ],
};

pub const MALFORMED: Cause = Cause {
    title: "The relay cannot read the sender's address",
    class: CauseClass::Sender,
    cause: "The relay finds the syntax of Email Address invalid.",
    steps: &[
        "Check Email Address; an address with quotes, spaces or non-ASCII characters is not \
         accepted everywhere.",
        "Use an ordinary address, such as alerts@example.org.",
    ],
};

/// Words about an unknown address, which is the sender's if the reply contains it.
const UNKNOWN: &[&str] = &[
    "unknown",
    "unrouteable",
    "unroutable",
    "not exist",
    "no such",
    "not found",
    "invalid",
    "not allowed",
    "not accepted",
    "verif",
];

pub const WORDS: &[Rule] = &[
    Rule {
        words: &[
            "sendasdenied",
            "permissions to send as",
            "not allowed to send as",
        ],
        when: |observed| observed.in_transaction(),
        cause: &SEND_AS,
    },
    Rule {
        words: &[
            "sender verification",
            "sender verify",
            "sender callout",
            "sender callback",
            "sender address verification",
            "verify sender",
            "verification failed for",
            "sender could not be verified",
            "callout verification",
            "unverified address",
            "sender address rejected: unverified",
            "sender address rejected: undeliverable",
            "sender unverifiable",
            "return path not verifiable",
            "envelope sender is not",
            "batv",
            "unsigned dsn",
            "backscatter protection",
            "bouncedeny",
        ],
        when: |observed| {
            observed.in_transaction()
                && !observed.says(&["recipient address rejected", "recipient verify"])
        },
        cause: &CALLOUT,
    },
    Rule {
        words: &[
            "sender address rejected: domain not found",
            "domain of sender",
            "sender domain must",
            "sender domain does not",
            "sender domain not",
            "sender domain is",
            "sender's domain",
            "senders domain",
            "sender's mail domain",
            "sending domain does not",
            "sender address domain",
            "from: domain is invalid",
            "from address domain",
            "invalid sender domain",
            "unresolvable sender",
            "unresolvable domain",
            "unrouteable sender",
            "unroutable sender",
            "no mx for sender",
            "domain of return",
            "return path domain",
            "mail from domain",
            "envelope from domain",
            "from does not exist",
            "sender's system address",
            "invalid domain, see",
            "from domain is invalid",
            "from domain does not",
            "sender address does not",
            "cannot resolve sender",
            "unresolvable rfc.5321 from domain",
            "domain does not exist: ",
            "rfc 1035",
        ],
        when: |observed| {
            observed.in_transaction()
                && !observed.says(&[
                    "recipient",
                    "not verified",
                    "unverified",
                    "syntax",
                    "listed",
                ])
        },
        cause: &NO_DOMAIN,
    },
    Rule {
        words: &[
            "verified sender",
            "domain is unverified",
            "domain is not verified",
            "domain not verified",
            "domain unverified",
            "sender is not verified",
            "sender not verified",
            "sender identity",
            "sender signature",
            "unconfigured sending domain",
            "sending domain not",
            "sending domain is not",
            "not a verified",
            "not verified as",
            "unverified domain",
            "identity is not verified",
            "unregistered domain",
            "unregistered sender",
            "unapproved sender",
            "not activated for sending",
        ],
        when: |observed| observed.in_transaction() && !observed.says(&["recipient"]),
        cause: &UNVERIFIED,
    },
    Rule {
        words: &[
            "sender address syntax",
            "malformed sender",
            "sender syntax",
            "sender address has invalid",
            "syntax error in mail from",
            "syntax error in parameters or arguments (mail",
            "syntactically invalid sender",
            "sender address must contain",
            "sender address must have",
            "malformed mail from",
            "need fully-qualified address",
        ],
        when: |observed| {
            observed.in_transaction() && !observed.says(&["recipient address rejected"])
        },
        cause: &MALFORMED,
    },
    Rule {
        words: &[
            "not owned by",
            "relaying disallowed as",
            "sender mismatch",
            "sender address rejected",
            "sender address not",
            "sender address is",
            "sender address blocked",
            "sender address must",
            "sender address has",
            "sender address: ",
            "sender address @ ",
            "sender rejected",
            "sender is rejected",
            "sender refused",
            "sender denied",
            "sender blocked",
            "sender blacklisted",
            "sender not",
            "sender unknown",
            "sender is not",
            "sender is in",
            "sender is spammer",
            "sender invalid",
            "sender unauthorized",
            "sender @ ",
            "sender: @",
            "sender ok but",
            "unknown sender",
            "invalid sender",
            "illegal sender",
            "unauthorized sender",
            "unauthorised sender",
            "forged sender",
            "fake sender",
            "spam sender",
            "blocked senders",
            "envelope sender",
            "envelope from",
            "envelope-from",
            "empty sender",
            "null sender",
            "mail from: ",
            "mail from is",
            "mail from @ ",
            "mail with this sender",
            "accept mail from @",
            "from address",
            "from: address",
            "from field",
            "invalid return-path",
            "return path",
            "reverse-path",
            "reverse path",
            "same as authorization user",
            "must equal authorized user",
            "must match authenticated",
            "does not match authenticated",
            "match the authenticated",
            "different from authenticated",
            "different address or alias",
            "different email address than",
            "not permitted to send as",
            "not allowed to use this",
            "not allowed to use the sender",
            "not allowed to send from",
            "not permitted to send from",
            "not authorized to send from",
            "not authorized to send as",
            "cannot send as",
            "cannot send from",
            "you cannot send",
            "may not send as",
            "may not send from",
            "send on behalf",
            "is not one of your addresses",
            "is not your address",
            "doesn't belong to you",
            "does not belong to you",
            "address of the sender",
            "mailfrom",
            "identity changes",
            "empty email address",
            "your email address has been",
            "an address that has been blacklisted",
            "unregistered domains",
            "senderfilterconfig",
            "header from",
            "expediteur",
            "absender",
            "remitente",
            "remetente",
            "mittente",
            "nadawc",
            "afzender",
            "does not use a domain authorised",
            "mail address invalid",
            "malformed from",
            "is not allowed from your host",
            "mail from domain '",
            "local user only,",
            "blacklisted sender",
        ],
        when: |observed| {
            observed.in_transaction()
                && !observed.says(&[
                    "recipient address rejected",
                    "missing from",
                    "no from",
                    "blank from",
                    "block list",
                    "blocklist",
                    "blocked using",
                    "listed at",
                    "is listed",
                    "banned",
                    "smtp server of your isp",
                    "too many",
                    "quota",
                    " rate",
                    "limit",
                    "known spammer",
                    "by recipient",
                    "by this recipient",
                    "by the recipient",
                    "deactivated",
                    "to post",
                    "group",
                    "relay access",
                    "from: header",
                    "your domain has been",
                    "temporar",
                    "addresses in from",
                    "sender already",
                    "sender not yet",
                    "unable to look up",
                    "policy",
                    "list_access",
                ])
        },
        cause: &NOT_ACCEPTED,
    },
    // Words of Sendmail's access map; without the address they are about the client.
    Rule {
        words: &["@ access denied"],
        when: |observed| observed.in_transaction() && observed.names_sender(),
        cause: &NOT_ACCEPTED,
    },
    Rule {
        words: UNKNOWN,
        when: |observed| {
            observed.in_transaction() && observed.names_sender() && !observed.says(&["recipient"])
        },
        cause: &NOT_ACCEPTED,
    },
];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, rejected};
    use crate::smtp::stage::Stage;

    const SEND_AS: &str = "The mailbox may not send as this address";
    const CALLOUT: &str = "The sender's address cannot be verified";
    const NO_DOMAIN: &str = "The From domain is unknown to DNS";
    const UNVERIFIED: &str = "The sender is not verified at the provider";
    const FROM: &str = "The relay does not accept this From address";

    #[test]
    fn a_sender_that_is_not_taken() {
        assert_causes(
            &[super::WORDS],
            &[
                (
                    CALLOUT,
                    rejected(
                        Stage::Rcpt,
                        "550-Verification failed for <alerts@example.org>\n\
                         550-Unrouteable address\n\
                         550 Sender verify failed",
                    ),
                ),
                (
                    FROM,
                    rejected(Stage::Rcpt, "550 5.1.1 <alerts@example.org>: user unknown"),
                ),
                (
                    FROM,
                    rejected(
                        Stage::Mail,
                        "550 5.7.1 <alerts@example.org>... Access denied",
                    ),
                ),
                (
                    "The relay cannot read the sender's address",
                    rejected(Stage::Mail, "501 5.1.7 Bad sender address syntax"),
                ),
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
            ],
        );
    }
}
