//! Causes: the relay rejects this client by its IP address, reverse DNS or EHLO name.

use super::{Cause, Rule};
use crate::stage::{Fault, Stage};

/// The stages at which a relay rejects a client.
const CALLER: &[Stage] = &[
    Stage::Greeting,
    Stage::Ehlo,
    Stage::Mail,
    Stage::Rcpt,
    Stage::Data,
];

pub(super) const RULES: &[Rule] = &[
    Rule {
        when: |observed| {
            let alien = observed.at(&[Stage::Greeting]) && observed.fault(&Fault::Malformed);
            alien
                || observed.fault(&Fault::NotSmtp)
                || (observed.at(&[Stage::Ehlo]) && observed.code(&[500, 502, 530]))
        },
        cause: Cause {
            title: "The port does not speak SMTP",
            cause: "A server other than a mail relay answers here, such as a web, SSH, FTP or \
                    mailbox (POP3, IMAP) server.",
            steps: &[
                "Check Port: relays listen on 587, 465, 25 or 2525; 110, 143, 993 and 995 are for \
                 reading mail.",
                "Check that Host Name is the server for outgoing mail.",
                "Press Find settings to see where this host speaks SMTP.",
            ],
        },
    },
    Rule {
        when: |observed| {
            let named = observed.says(&[
                "helo command rejected",
                "ehlo command rejected",
                "invalid helo",
                "invalid ehlo",
                "bad helo",
                "helo name",
            ]);
            let told = observed.at(&[Stage::Ehlo]) && observed.code(&[501, 504, 550, 553]);
            told || (observed.at(CALLER) && named)
        },
        cause: Cause {
            title: "The relay refuses the EHLO name",
            cause: "The relay does not accept the name that Postern sends with EHLO: it requires a \
                    full host name that exists in DNS.",
            steps: &[
                "Under More options, enter this machine's full public name as EHLO Name, such as \
                 gate.example.org.",
                "Publish that name in DNS with the public IP address of this machine.",
            ],
        },
    },
    Rule {
        when: |observed| {
            let named = observed.says(&[
                "your hostname",
                "your reverse hostname",
                "reverse dns",
                "ptr record",
            ]);
            observed.at(CALLER) && (named || observed.status(&[[7, 25]]))
        },
        cause: Cause {
            title: "This machine's address has no name in DNS",
            cause: "The relay found no name for the IP address of this machine (reverse DNS), or \
                    one that resolves to another address.",
            steps: &[
                "Have the provider of that address set its reverse DNS (PTR) to the full name of \
                 this machine.",
                "Make that name resolve to the same address.",
                "If that is not possible, send through a relay with a sign-in, on Port 587.",
            ],
        },
    },
    Rule {
        when: |observed| {
            // A blocklist of sender addresses is a different cause.
            observed.at(CALLER)
                && !observed.says(&["sender address"])
                && observed.says(&[
                    "blocklist",
                    "block list",
                    "blacklist",
                    "black list",
                    "dnsbl",
                    "blocked using",
                    "banned sending ip",
                    "bad reputation",
                    "poor reputation",
                    "spamhaus",
                    "spamcop",
                ])
        },
        cause: Cause {
            title: "This machine's address is on a blocklist",
            cause: "The relay rejects the IP address of this machine because it is on a list of \
                    spam sources; addresses of home and cloud networks are often listed by \
                    default.",
            steps: &[
                "Follow the link in the reply: it explains the listing and how to be removed.",
                "Before that, make sure that nothing on this network sends spam.",
                "Or send through a relay with a sign-in, on Port 587: such relays do not check \
                 these lists.",
            ],
        },
    },
    Rule {
        when: |observed| {
            let told = observed.at(&[Stage::Greeting]) && observed.refused();
            told || (observed.at(CALLER) && observed.says(&["client host rejected: access denied"]))
        },
        cause: Cause {
            title: "The relay rejects this machine",
            cause: "The relay rejected the connection because of its IP address.",
            steps: &[
                "Have the relay's operator allow the IP address of this machine.",
                "If the relay has a sign-in, use the port for that: 587 with Connection Type TLS, \
                 or 465 with SSL.",
                "Check that Host Name is the relay for sending, not the server that receives the \
                 organisation's mail.",
            ],
        },
    },
];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, failed, rejected};
    use crate::stage::{Fault, Stage};

    const ALIEN: &str = "The port does not speak SMTP";
    const NAME: &str = "The relay refuses the EHLO name";
    const REVERSE: &str = "This machine's address has no name in DNS";
    const LISTED: &str = "This machine's address is on a blocklist";
    const STRANGER: &str = "The relay rejects this machine";

    #[test]
    fn a_relay_that_does_not_talk_to_this_machine() {
        assert_causes(
            super::RULES,
            &[
                (ALIEN, failed(Stage::Greeting, Fault::Malformed)),
                (ALIEN, failed(Stage::Tls, Fault::NotSmtp)),
                (ALIEN, rejected(Stage::Ehlo, "500 Unknown command")),
                (
                    ALIEN,
                    rejected(Stage::Ehlo, "530 Please login with USER and PASS"),
                ),
                (NAME, rejected(Stage::Ehlo, "501 5.5.4 Invalid domain name")),
                (
                    NAME,
                    rejected(Stage::Ehlo, "550 Access denied - Invalid HELO name"),
                ),
                (
                    NAME,
                    rejected(
                        Stage::Rcpt,
                        "504 5.5.2 <gate>: Helo command rejected: need fully-qualified hostname",
                    ),
                ),
                (
                    NAME,
                    rejected(
                        Stage::Rcpt,
                        "450 4.7.1 <gate.example.org>: Helo command rejected: Host not found",
                    ),
                ),
                (
                    REVERSE,
                    rejected(
                        Stage::Rcpt,
                        "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]",
                    ),
                ),
                (
                    REVERSE,
                    rejected(
                        Stage::Data,
                        "550-5.7.25 [192.0.2.1] The IP address sending this message does not have a\n\
                         550 5.7.25 PTR record setup, or the corresponding forward DNS entry",
                    ),
                ),
                (
                    LISTED,
                    rejected(
                        Stage::Rcpt,
                        "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using \
                         zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.1",
                    ),
                ),
                (
                    LISTED,
                    rejected(
                        Stage::Greeting,
                        "554 relay.example.org: your address is on our blocklist",
                    ),
                ),
                (
                    LISTED,
                    rejected(
                        Stage::Mail,
                        "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please \
                         contact your provider since part of their network is on our block list (S3140).",
                    ),
                ),
                (
                    STRANGER,
                    rejected(Stage::Greeting, "554 No SMTP service here"),
                ),
                (
                    STRANGER,
                    rejected(
                        Stage::Rcpt,
                        "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied",
                    ),
                ),
            ],
        );
    }
}
