//! Causes: the names of this machine, by reverse DNS and EHLO.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::{Fault, Stage};

pub const NOT_SMTP: Cause = Cause {
    title: "The port does not speak SMTP",
    class: CauseClass::Protocol,
    cause: "A server other than a mail relay answers here, such as a web, SSH, FTP or mailbox \
            (POP3, IMAP) server.",
    steps: &[
        "Check Port: relays listen on 587, 465, 25 or 2525; 110, 143, 993 and 995 are for reading \
         mail.",
        "Check that Host Name is the server for outgoing mail.",
        "Press Find settings to see where this host speaks SMTP.",
    ],
};

pub const EHLO_NAME: Cause = Cause {
    title: "The relay refuses the EHLO name",
    class: CauseClass::Identity,
    cause: "The relay does not accept the name that Postern sends with EHLO: it requires a full \
            host name that exists in DNS.",
    steps: &[
        "Under More options, enter this machine's full public name as EHLO Name, such as \
         gate.example.org.",
        "Publish that name in DNS with the public IP address of this machine.",
    ],
};

pub const REVERSE_DNS: Cause = Cause {
    title: "This machine's address has no name in DNS",
    class: CauseClass::Identity,
    cause: "The relay found no name for the IP address of this machine (reverse DNS), or one that \
            resolves to another address.",
    steps: &[
        "Have the provider of that address set its reverse DNS (PTR) to the full name of this \
         machine.",
        "Make that name resolve to the same address.",
        "If that is not possible, send through a relay with a sign-in, on Port 587.",
    ],
};

pub const FAULTS: &[Rule] = &[Rule {
    words: &[],
    when: |observed| {
        let alien = observed.at(&[Stage::Greeting]) && observed.fault(&Fault::Malformed);
        alien || observed.fault(&Fault::NotSmtp)
    },
    cause: &NOT_SMTP,
}];

pub const WORDS: &[Rule] = &[
    Rule {
        words: &[
            "helo command rejected",
            "ehlo command rejected",
            "invalid helo",
            "invalid ehlo",
            "bad helo",
            "bad ehlo",
            "helo name",
            "ehlo name",
            "ehlo argument",
            "helo argument",
            "helo hostname",
            "helo domain",
            "ehlo/helo",
            "helo string",
            "helo is ",
            "helo/",
            "forged helo",
            "fake helo",
            "helo rejected",
            "ehlo rejected",
            "in helo",
            "in ehlo",
            "your helo",
            "your ehlo",
            "helo with",
            "helo must",
            "helo requires",
            "ehlo requires",
            "helo verification",
            "helo mismatch",
            "helo does not",
            "helo greeting",
            "helo lookup",
            "the helo",
            "helo should be",
        ],
        when: |observed| {
            !observed.at(&[Stage::Auth])
                && !observed.says(&[
                    "helo first",
                    "ehlo first",
                    "helo/ehlo first",
                    "helo or ehlo",
                ])
        },
        cause: &EHLO_NAME,
    },
    Rule {
        words: &[
            "your hostname",
            "your host name",
            "reverse dns",
            "reverse-dns",
            "rdns",
            "ptr record",
            " ptr ",
            "ptr-record",
            "dns ptr",
            "without ptr",
            "missing ptr",
            "no ptr",
            "reverse lookup",
            "reverse name",
            "reverse address",
            "reverse host",
            "inverse dns",
            "forward dns",
            "no reverse",
            "resolve your ip",
            "ip name lookup failed",
            "ip name possibly forged",
            "cannot resolve your",
            "cannot find your",
            "could not resolve your",
            "unresolvable relay host",
            "without a reverse",
            "without valid reverse",
            "generic hostname",
            "valid sender domain. fix",
            "no dns resolution",
            "hostname for your ip",
            "host name for your ip",
            "forward-confirmed",
            "forward confirmed",
            "in-addr.arpa",
            "dns lookup failure: ",
            "dns check failure",
            "full circle dns",
            "unverifyable sending ip",
            "unverifiable sending ip",
            "no matches to nameserver",
            "no dns a-data",
            "dns:nr",
            "resolucion inversa",
        ],
        when: |observed| {
            !observed.at(&[Stage::Auth])
                && !observed.says(&[
                    "sender domain must",
                    "relaying denied",
                    "relaying temporarily",
                ])
        },
        cause: &REVERSE_DNS,
    },
];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, failed, rejected};
    use crate::smtp::stage::{Fault, Stage};

    const ALIEN: &str = "The port does not speak SMTP";
    const NAME: &str = "The relay refuses the EHLO name";
    const REVERSE: &str = "This machine's address has no name in DNS";

    #[test]
    fn a_relay_that_does_not_take_the_names_of_this_machine() {
        assert_causes(
            &[super::FAULTS, super::WORDS],
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
            ],
        );
    }
}
