//! Causes: the relay rejects the recipient.

use super::{Cause, Rule};
use crate::stage::Stage;

/// The stages at which a relay rejects a recipient; some wait until the mail is sent.
const LATE: &[Stage] = &[Stage::Rcpt, Stage::Data];

pub(super) const RULES: &[Rule] = &[
    Rule {
        when: |observed| {
            observed.at(&[Stage::Mail, Stage::Rcpt, Stage::Data])
                && observed.says(&[
                    "relay access denied",
                    "relaying denied",
                    "relay denied",
                    "unable to relay",
                    "relay not permitted",
                    "not permitted to relay",
                    "relaying not allowed",
                    "not allowed to relay",
                ])
        },
        cause: Cause {
            title: "The relay denies relaying",
            cause: "The recipient is in another domain, and the relay accepts such mail only from \
                    authorised clients.",
            steps: &[
                "Choose an Authentication Type and enter User Name and Password, if the relay \
                 issues them.",
                "Use the port for signing in: 587 with Connection Type TLS, or 465 with SSL.",
                "If it authorises clients by IP address, have the relay's operator add this \
                 machine.",
            ],
        },
    },
    Rule {
        when: |observed| {
            let named = observed.says(&[
                "mailbox full",
                "mailbox is full",
                "mailbox size limit",
                "over quota",
                "overquota",
                "quota exceeded",
            ]);
            observed.at(LATE) && (named || observed.status(&[[2, 2]]))
        },
        cause: Cause {
            title: "The recipient's mailbox is full",
            cause: "The address exists, and its mailbox has no space left.",
            steps: &[
                "Tell the recipient by another way, or their administrator.",
                "To go on meanwhile, send the test to another address.",
            ],
        },
    },
    Rule {
        when: |observed| {
            let greylisted = observed.says(&["greylist", "graylist", "grey list", "gray list"]);
            let later =
                observed.says(&["come back", "try again", "try later", "retry", "deferred"]);
            let asks = later && observed.status(&[[7, 1], [2, 0]]);
            let postscreen =
                observed.status(&[[3, 2]]) && observed.says(&["service currently unavailable"]);
            observed.at(&[Stage::Mail, Stage::Rcpt, Stage::Data])
                && observed.code(&[450, 451])
                && (greylisted || asks || postscreen)
        },
        cause: Cause {
            title: "The relay asks to try again later",
            cause: "The relay uses greylisting: it defers the first mail of an unknown sender for \
                    some minutes, because spam clients rarely retry.",
            steps: &[
                "Wait five minutes and send the test again; it is accepted then, and so are later \
                 mails.",
                "A relay for submission should not greylist: use Port 587 with a sign-in, or have \
                 the relay's operator exempt this machine.",
            ],
        },
    },
    Rule {
        when: |observed| {
            let words = &[
                "recipient address rejected: domain not found",
                "unknown domain",
            ];
            observed.at(LATE) && (observed.status(&[[1, 2]]) || observed.says(words))
        },
        cause: Cause {
            title: "The recipient's domain is unknown",
            cause: "The part of the recipient after the @ is not a domain that receives mail.",
            steps: &[
                "Check the spelling of the recipient's address.",
                "If it is correct, ask the operator of that domain about its MX record.",
            ],
        },
    },
    Rule {
        when: |observed| {
            let named = observed.says(&["mailbox disabled", "mailbox is disabled"]);
            observed.at(LATE) && observed.refused() && (named || observed.status(&[[2, 1]]))
        },
        cause: Cause {
            title: "The recipient's mailbox is disabled",
            cause: "The address exists, and its mailbox no longer accepts mail.",
            steps: &[
                "Send to another address.",
                "Ask the recipient's administrator whether the mailbox should be enabled.",
            ],
        },
    },
    Rule {
        when: |observed| {
            let named = observed.says(&[
                "user unknown",
                "unknown user",
                "no such user",
                "unknown recipient",
                "recipient not found",
                "no such recipient",
                "invalid recipient",
                "no mailbox",
                "mailbox not found",
                "mailbox does not exist",
                "user does not exist",
                "unrouteable address",
            ]);
            // The last two are Microsoft's.
            let status = observed.status(&[[1, 1], [1, 3], [1, 6], [1, 10], [4, 1]]);
            observed.at(LATE) && observed.refused() && (named || status)
        },
        cause: Cause {
            title: "The recipient is unknown",
            cause: "The relay has no mailbox for the recipient's address.",
            steps: &[
                "Check the spelling of the recipient's address.",
                "If it is right, ask its owner whether it still exists.",
                "If it is new, have the relay's operator look whether the relay knows it already.",
            ],
        },
    },
];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, rejected};
    use crate::stage::Stage;

    const RELAYING: &str = "The relay denies relaying";
    const FULL: &str = "The recipient's mailbox is full";
    const LATER: &str = "The relay asks to try again later";
    const DOMAIN: &str = "The recipient's domain is unknown";
    const DISABLED: &str = "The recipient's mailbox is disabled";
    const UNKNOWN: &str = "The recipient is unknown";

    #[test]
    fn a_recipient_that_is_not_taken() {
        let cases = [
            (RELAYING, "554 5.7.1 <you@example.net>: Relay access denied"),
            (RELAYING, "550 5.7.1 Unable to relay for you@example.net"),
            (
                RELAYING,
                "550 5.7.64 TenantAttribution; Relay Access Denied",
            ),
            (RELAYING, "550 relay not permitted"),
            (RELAYING, "550 5.7.1 <you@example.net>... Relaying denied"),
            (
                FULL,
                "452-4.2.2 The recipient's inbox is out of storage space.\n\
                 452 4.2.2 Please direct the recipient to a1b2 - gsmtp",
            ),
            (
                FULL,
                "552 5.2.2 <you@example.net>: Mailbox size limit exceeded",
            ),
            (FULL, "552 Mailbox is full"),
            (
                LATER,
                "450 4.2.0 <you@example.net>: Recipient address rejected: Greylisted, see \
                 http://postgrey.schweikert.ch/help/example.net.html",
            ),
            (
                LATER,
                "451 4.7.1 Greylisting in action, please come back in 00:05:00",
            ),
            (LATER, "451 4.7.1 Please try again later"),
            (LATER, "450 4.3.2 Service currently unavailable"),
            (LATER, "451 You are greylisted, retry in 5 minutes"),
            (
                DOMAIN,
                "450 4.1.2 <you@exmaple.net>: Recipient address rejected: Domain not found",
            ),
            (DISABLED, "550 5.2.1 The email account is inactive"),
            (
                UNKNOWN,
                "550 5.1.1 <you@example.net>: Recipient address rejected: User unknown in virtual \
                 mailbox table",
            ),
            (
                UNKNOWN,
                "550 5.4.1 Recipient address rejected: Access denied.",
            ),
            (UNKNOWN, "550 Unrouteable address"),
            (UNKNOWN, "551 No such user here"),
        ];
        assert_causes(
            super::RULES,
            &cases.map(|(title, reply)| (title, rejected(Stage::Rcpt, reply))),
        );
    }
}
