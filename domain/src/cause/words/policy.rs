//! Causes: policies that the reply does not explain, and errors of the protocol.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::Stage;

pub const POLICY: Cause = Cause {
    title: "A policy of the relay refuses the mail",
    class: CauseClass::Policy,
    cause: "The relay refuses the mail by a rule of its own that the reply does not explain.",
    steps: &[
        "Ask the relay's operator which rule it is: the reply and the time are enough to find it \
         in the log.",
        "Try another Email Address and another recipient, to see which of them the rule is about.",
    ],
};

pub const PROTOCOL: Cause = Cause {
    title: "The relay does not accept the command",
    class: CauseClass::Protocol,
    cause: "The relay finds the syntax, the order or a parameter of a command wrong, or does not \
            support it.",
    steps: &[
        "Send the relay's operator the dialogue; a filter or proxy in front of the relay may \
         change commands.",
        "Try another port of the relay (Find settings).",
    ],
};

pub const WORDS: &[Rule] = &[
    Rule {
        words: &[
            "syntax error",
            "unrecognized command",
            "unrecognised command",
            "unknown command",
            "invalid command",
            "command unrecognized",
            "command unknown",
            "command not",
            "command parameter",
            "command timeout",
            "commands out of",
            "bad sequence",
            "bad command",
            "out of sequence",
            "out of order",
            "wrong sequence",
            "sequence of commands",
            "not implemented",
            "protocol error",
            "protocol violation",
            "protocol synchronization",
            "synchronization error",
            "pipelining",
            "invalid parameter",
            "unknown parameter",
            "unrecognized parameter",
            "need mail before",
            "need mail command",
            "need rcpt",
            "mail first",
            "rcpt first",
            "ehlo first",
            "helo first",
            "nested mail",
            "invalid argument",
            "cannot decode",
            "cannot base64",
            "no message collected",
            "unexpected command",
            "polite people say",
            "no parameters allowed",
            "no recipients specified",
            "no data before greeting",
            "may not be repeated",
            "no valid recipients specified",
            "smtputf8 not",
            "smtputf8 required",
            "smtputf8 is required",
            "parameters not",
            "syntax: ",
            "helo or ehlo",
            "nul characters",
            "bdat request",
            "binarymime",
            "sender already",
            "sender not yet",
            "i can break rules",
            "talk too soon",
            "http requests",
            "command is disabled",
            "size syntax",
            "size parameter",
            "unsupported body",
        ],
        when: |observed| {
            let not_smtp = observed.at(&[Stage::Ehlo]) && observed.code(&[500, 501, 502]);
            !not_smtp
                && !observed.at(&[Stage::StartTls])
                && !observed.says(&["header", "remote protocol error", "data command rejected"])
        },
        cause: &PROTOCOL,
    },
    Rule {
        words: &[
            "policy violation",
            "policy reasons",
            "policy restrictions",
            "policy reject",
            "by policy",
            "local policy",
            "security policies",
            "site policy",
            "server policy",
            "corporate policy",
            "company policy",
            "organizational settings",
            "spoofing policy",
            "anti-spoofing",
            "administrative prohibition",
            "administratively prohibited",
            "administratively denied",
            "delivery not authorized",
            "mail rejected by destination",
            "insufficient permission",
            "no permit",
            "organization policy",
            "mass mailer",
            "bounced by administrator",
            "security reason",
            "data command rejected",
        ],
        when: |observed| !observed.at(&[Stage::Auth]),
        cause: &POLICY,
    },
];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, rejected};
    use crate::smtp::stage::Stage;

    const POLICY: &str = "A policy of the relay refuses the mail";
    const PROTOCOL: &str = "The relay does not accept the command";

    #[test]
    fn a_relay_with_rules_and_one_that_does_not_understand() {
        let cases = [
            (POLICY, Stage::Rcpt, "550 Administrative prohibition"),
            (
                POLICY,
                Stage::Data,
                "554 5.7.7 Email policy violation detected",
            ),
            (PROTOCOL, Stage::Mail, "503 5.5.1 Bad sequence of commands"),
            (PROTOCOL, Stage::Rcpt, "554 SMTP synchronization error"),
        ];
        assert_causes(
            &[super::WORDS],
            &cases.map(|(title, stage, reply)| (title, rejected(stage, reply))),
        );
    }
}
