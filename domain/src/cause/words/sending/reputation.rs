//! Causes: the relay blocks this machine's IP address, or finds its reputation poor.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::Stage;

const LISTED: Cause = Cause {
    title: "This machine's address is on a blocklist",
    class: CauseClass::Reputation,
    cause: "The relay rejects the IP address of this machine because it is on a list of spam \
            sources; addresses of home and cloud networks are often listed by default.",
    steps: &[
        "Follow the link in the reply: it explains the listing and how to be removed.",
        "Before that, make sure that nothing on this network sends spam.",
        "Or send through a relay with a sign-in, on Port 587: such relays do not check these \
         lists.",
    ],
};

pub const REJECTED: Cause = Cause {
    title: "The relay rejects this machine",
    class: CauseClass::Reputation,
    cause: "The relay rejected the connection because of its IP address.",
    steps: &[
        "Have the relay's operator allow the IP address of this machine.",
        "If the relay has a sign-in, use the port for that: 587 with Connection Type TLS, or 465 \
         with SSL.",
        "Check that Host Name is the relay for sending, not the server that receives the \
         organisation's mail.",
    ],
};

const POOR: Cause = Cause {
    title: "The relay finds the sender's reputation poor",
    class: CauseClass::Reputation,
    cause: "The relay, or the recipient's provider behind it, has seen unwanted mail or complaints \
            from this IP address or domain.",
    steps: &[
        "Follow the link in the reply, if there is one; the large providers have a form for \
         senders.",
        "Find out whether mail was sent that people did not want, and stop it.",
        "Give the domain SPF, DKIM and DMARC records, and send less for some days.",
    ],
};

const DYNAMIC: Cause = Cause {
    title: "The relay takes no mail from such an address",
    class: CauseClass::Reputation,
    cause: "The relay takes the IP address of this machine for a dynamic or residential one, and \
            accepts mail from mail servers only.",
    steps: &[
        "Send through the relay of your provider or organisation, with a sign-in on Port 587.",
        "If the address is fixed, have its provider give it a reverse DNS name that does not look \
         dynamic.",
    ],
};

pub const WORDS: &[Rule] = &[
    Rule {
        words: &[
            "use the smtp server of your isp",
            "your isp's mail",
            "your isp's smtp",
            "your isp's server",
            "service provider's mail relay",
            "smtp relay at your service provider",
            "dynamic ip",
            "dynamic address",
            "dynamic host",
            "dynamic pool",
            "dynamically assigned",
            "dynamically-assigned",
            "dial-up",
            "dialup",
            "dial up",
            "dsl ",
            "residential ip",
            "residential address",
            "not authorized to send email directly",
            "direct-to-mx",
            "dul.",
            "policy block list",
            "dynablock",
            "consumer ip",
            "generic rdns",
        ],
        when: |observed| !observed.at(&[Stage::Auth]),
        cause: &DYNAMIC,
    },
    Rule {
        words: &[
            "blocklist",
            "block list",
            "block-list",
            "blacklist",
            "black list",
            "black-list",
            "blackhole",
            "denylist",
            "deny list",
            "dnsbl",
            "dns-bl",
            " rbl",
            "rbl ",
            "rbl.",
            "rbl+",
            "drbl",
            "-rbl",
            "rhsbl",
            "blocked using",
            "spamhaus",
            "spamcop",
            "spamrats",
            "sorbs",
            "njabl",
            "barracudacentral",
            "barracuda reputation",
            "barracudanetworks",
            "surbl",
            "abuseat",
            "cbl.",
            "csi.cloudmark",
            "ipcheck.proofpoint",
            "senderbase",
            "mailspike",
            "uceprotect",
            "backscatterer",
            "is listed",
            "listed in #",
            "exploits block",
            "mail-abuse.",
            "banned sending ip",
            "banned ip",
            "ip banned",
            "spam database",
            "spam source",
            "delist",
            "s3140",
            "s3150",
            "lista negra",
            "liste noire",
            "czarnej liscie",
            "banned sender[",
        ],
        when: |observed| {
            !observed.at(&[Stage::Auth])
                && !observed.says(&[
                    " url",
                    "blacklisted link",
                    "by recipient",
                    "sender blacklisted",
                    "sender is in",
                    "email address has been",
                    "address has been blacklisted",
                    "an address that has been",
                    "address book",
                    "sender refused by",
                    "sender is on",
                    "sender is blacklisted",
                    "file extension",
                    "sender domain listed",
                    "too much spam",
                ])
        },
        cause: &LISTED,
    },
    Rule {
        words: &[
            "reputation",
            "too many complaints",
            "user complaints",
            "spam complaints",
            "complaints we received",
            "complaints from",
            "unusual traffic",
            "messages containing content judged to be spam",
            "too many invalid recipients",
            "too many unknown recipients",
            "too many unknown users",
            "too many bad recipients",
            "too many bad commands",
            "excessive unknown recipients",
            "extreme bad ip",
            "bad behavior",
            "sending spam",
            "spam from your",
            "spam has been received",
            "dictionary attack",
            "directory harvest",
            "permanently deferred",
            "temporarily deferred due to",
            "unexpected volume",
            "[tss",
            "[ts0",
            "poor sender",
            "talosintelligence",
            "senderscore",
            "returnpath",
            "too many unwanted messages",
            "not in whitelist for rcpt domain",
            "ip based",
            "domain based",
            "access to submit messages to this e-mail system",
            "rate of unsolicited",
            "too many spams",
            "too much spam from this ip",
            "too many unknown rcpt",
            "untrusted ip",
            "not accepting messages from your mail server",
            "hl:rep",
            "pol-t2",
        ],
        when: |observed| {
            !observed.at(&[Stage::Auth])
                && !observed.says(&[
                    "deactivated due to abuse",
                    "virus",
                    "likely unsolicited",
                    "volume limit",
                ])
        },
        cause: &POOR,
    },
    Rule {
        words: &[
            "client host rejected",
            "your ip",
            "this ip",
            "ip address has been",
            "ip has been",
            "ip is blocked",
            "ip blocked",
            "ip address is blocked",
            "ip address blocked",
            "ip rejected",
            "ip address rejected",
            "blocked ip",
            "your network",
            "your mail server has been",
            "weren't sent",
            "connection rejected",
            "connection denied",
            "connection from your",
            "connections will not be accepted",
            "connections not accepted",
            "connecting host",
            "refused connection",
            "rejecting connection",
            "not accept connections",
            "not accepting connections from",
            "not accept mail from you ",
            "mail from # ",
            "messages from # ",
            "host # ",
            "# is blocked",
            "# blocked",
            "# has been blocked",
            "# rejected",
            "no mail accepted from",
            "access denied to you",
            "not allowed to connect",
            "not permitted to connect",
            "you are blocked",
            "you have been blocked",
            "host blocked",
            "blocked host",
            "block for spam",
            "no smtp service here",
            "unauthorized host",
            "host not authorized",
            "host is not authorized",
            "host network not allowed",
            "service refuse",
            "no access from mail server",
            "insecure mail relay",
        ],
        when: |observed| {
            let limits = [
                "too many",
                "too much",
                " rate",
                "concurrent",
                "maximum",
                "limit",
                "per hour",
            ];
            !observed.at(&[Stage::Auth])
                && !observed.says(&limits)
                && !observed.says(&["virus", "by the recipient", "mismatches client ip"])
        },
        cause: &REJECTED,
    },
];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, rejected};
    use crate::smtp::stage::Stage;

    const LISTED: &str = "This machine's address is on a blocklist";
    const STRANGER: &str = "The relay rejects this machine";

    #[test]
    fn a_relay_that_does_not_talk_to_this_machine() {
        let cases = [
            (
                LISTED,
                Stage::Rcpt,
                "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using \
                 zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.1",
            ),
            (
                LISTED,
                Stage::Greeting,
                "554 relay.example.org: your address is on our blocklist",
            ),
            (
                LISTED,
                Stage::Mail,
                "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact \
                 your provider since part of their network is on our block list (S3140).",
            ),
            (STRANGER, Stage::Greeting, "554 No SMTP service here"),
            (
                STRANGER,
                Stage::Rcpt,
                "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied",
            ),
            (
                "The relay finds the sender's reputation poor",
                Stage::Data,
                "550 5.7.1 Our system has detected that this message is likely suspicious due to \
                 the very low reputation of the sending IP address.",
            ),
            (
                "The relay takes no mail from such an address",
                Stage::Mail,
                "550 5.7.0 <a@example.org>... Please use the smtp server of your ISP.",
            ),
        ];
        assert_causes(
            &[super::WORDS],
            &cases.map(|(title, stage, reply)| (title, rejected(stage, reply))),
        );
    }
}
