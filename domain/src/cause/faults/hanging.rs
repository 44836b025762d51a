//! Causes: time-outs, closed connections and malformed replies, by stage.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::{Fault, Stage};

pub const FAULTS: &[Rule] = &[
    Rule {
        words: &[],
        when: |observed| {
            let late = observed.fault(&Fault::TimedOut) || observed.fault(&Fault::Deadline);
            observed.at(&[Stage::Data]) && (late || observed.hung_up())
        },
        cause: &Cause {
            title: "It is unknown whether the mail was accepted",
            class: CauseClass::Network,
            cause: "The relay accepted the sender and the recipient and did not reply to the mail \
                    itself: it may arrive or not.",
            steps: &[
                "Check whether the mail arrived before you send it again.",
                "Ask the relay's operator: a stuck virus scanner or spam filter behind the relay \
                 has this effect.",
                "If small mails pass and large ones do not, look for a VPN or tunnel that loses \
                 large packets (MTU).",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::Deadline),
        cause: &Cause {
            title: "The run took too long",
            class: CauseClass::Network,
            cause: "Each reply arrived within its time-out, but the run as a whole exceeded its \
                    limit.",
            steps: &[
                "Compare the times of the stages and start with the slowest.",
                "Try again later; the relay may be overloaded.",
                "Ask the relay's operator whether it slows down this machine on purpose \
                 (tarpitting).",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.broke_off(),
        cause: &Cause {
            title: "The relay's reply does not end",
            class: CauseClass::Network,
            cause: "The relay began a reply and did not complete it in time: it delays this \
                    machine on purpose, or the rest is lost on the path.",
            steps: &[
                "Raise Command Time-out under More options to 45 seconds: some relays send the \
                 first line of their greeting and then delay the rest to detect spam clients.",
                "If that does not help, look for a firewall that inspects mail, and for a VPN or \
                 tunnel that loses large packets (MTU).",
                "Ask the relay's operator what its log says about this session.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.at(&[Stage::Greeting]) && observed.timed_out(),
        cause: &Cause {
            title: "The relay does not greet",
            class: CauseClass::Network,
            cause: "The connection is encrypted, and the relay sends no greeting.",
            steps: &[
                "Check Port: something else than SMTP may answer inside TLS, such as a web server.",
                "If the relay is known to greet late, raise Command Time-out under More options.",
                "Ask the relay's operator; it may be overloaded.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.at(&[Stage::Ehlo]) && observed.timed_out(),
        cause: &Cause {
            title: "The relay does not answer EHLO",
            class: CauseClass::Network,
            cause: "The relay sends a greeting and does not reply to EHLO; some relays look up the \
                    client in DNS first.",
            steps: &[
                "Raise Command Time-out under More options to 45 seconds.",
                "Publish forward and reverse DNS records for this machine.",
                "Try Port 587 with Connection Type TLS, or 465 with SSL: a firewall may delay port \
                 25.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.at(&[Stage::Auth]) && observed.timed_out(),
        cause: &Cause {
            title: "The relay does not answer the sign-in",
            class: CauseClass::Network,
            cause: "The relay received the user name and password and did not reply in time: its \
                    account directory is slow or down.",
            steps: &[
                "Raise Command Time-out under More options to 45 seconds and try again.",
                "Try another Authentication Type, and another port (Find settings).",
                "Tell the relay's operator: its directory (LDAP, Active Directory, RADIUS) may not \
                 answer it.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.at(&[Stage::Mail, Stage::Rcpt]) && observed.timed_out(),
        cause: &Cause {
            title: "The relay does not answer MAIL or RCPT",
            class: CauseClass::Network,
            cause: "The relay does not reply to the sender or the recipient in time; it may be \
                    querying DNS or the recipient's own server.",
            steps: &[
                "Raise Command Time-out under More options to 45 seconds.",
                "Try another recipient, to see whether it is this one.",
                "Ask the relay's operator what its log says about this session.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| {
            observed.at(&[Stage::Tcp, Stage::Greeting, Stage::Ehlo]) && observed.hung_up()
        },
        cause: &Cause {
            title: "The relay closes the connection at once",
            class: CauseClass::Network,
            cause: "The connection was established and ended before the relay replied to EHLO: it \
                    rejects this machine, is overloaded, or a firewall cuts it.",
            steps: &[
                "Ask the relay's operator what its log says about this machine's IP address.",
                "Try Port 587 with Connection Type TLS, or 465 with SSL; Find settings tries all \
                 of them.",
                "On the relay's side, look for a list of allowed addresses (TCP wrappers, \
                 firewall).",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.at(&[Stage::Auth]) && observed.hung_up(),
        cause: &Cause {
            title: "The relay closes the connection at sign-in",
            class: CauseClass::Network,
            cause: "The relay offers a sign-in and closes the connection during it without a \
                    reply.",
            steps: &[
                "Check User Name and Password: some relays close the connection on wrong ones.",
                "Try another Authentication Type.",
                "Try another port: 465 with SSL, or 587 with TLS; Find settings shows which work.",
                "Ask the relay's operator for its log: its authentication service may be crashing.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.at(&[Stage::Mail, Stage::Rcpt]) && observed.hung_up(),
        cause: &Cause {
            title: "The relay closes the connection at MAIL or RCPT",
            class: CauseClass::Network,
            cause: "The relay closed the connection without a reply to the sender or the \
                    recipient.",
            steps: &[
                "Choose an Authentication Type, if none is chosen: some relays close the \
                 connection on clients that do not sign in.",
                "Try another Email Address and another recipient, to see which one it is.",
                "Ask the relay's operator what its log says about this session.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::Malformed),
        cause: &Cause {
            title: "The relay violates the SMTP protocol",
            class: CauseClass::Protocol,
            cause: "The relay sent a malformed reply, or a reply that does not fit the command.",
            steps: &[
                "Send the relay's operator the dialogue above; its software, or a filter in front \
                 of it, is at fault.",
                "Try another port of the relay (Find settings).",
            ],
        },
    },
];

#[cfg(test)]
mod tests {
    use crate::Label;
    use crate::cause::testing::{Case, assert_causes, failed, rejected, unfinished};
    use crate::smtp::stage::{Fault, Stage};

    const UNKNOWN: &str = "It is unknown whether the mail was accepted";
    const ENDLESS: &str = "The relay's reply does not end";
    const AT_ONCE: &str = "The relay closes the connection at once";
    const SIGN_IN: &str = "The relay closes the connection at sign-in";
    const SILENT: &str = "The relay does not answer MAIL or RCPT";
    const CUT: &str = "The relay closes the connection at MAIL or RCPT";
    const AWAY: &str = "The relay is temporarily unavailable";

    fn silent(stage: Stage) -> Case {
        failed(stage, Fault::TimedOut)
    }

    #[test]
    fn a_relay_that_falls_silent_or_hangs_up() {
        assert_causes(
            &[super::FAULTS],
            &[
                (UNKNOWN, silent(Stage::Data)),
                (UNKNOWN, failed(Stage::Data, Fault::Reset)),
                (UNKNOWN, failed(Stage::Data, Fault::Deadline)),
                (
                    "The run took too long",
                    failed(Stage::Rcpt, Fault::Deadline),
                ),
                (UNKNOWN, unfinished(Stage::Data)),
                (ENDLESS, unfinished(Stage::Greeting)),
                (
                    ENDLESS,
                    unfinished(Stage::Greeting).with(Label::ConnectionType, "SSL"),
                ),
                (ENDLESS, unfinished(Stage::Ehlo)),
                (ENDLESS, unfinished(Stage::StartTls)),
                (ENDLESS, unfinished(Stage::Auth)),
                (ENDLESS, unfinished(Stage::Rcpt)),
                (
                    "The relay does not greet",
                    silent(Stage::Greeting).with(Label::ConnectionType, "SSL"),
                ),
                ("The relay does not answer EHLO", silent(Stage::Ehlo)),
                ("The relay does not answer the sign-in", silent(Stage::Auth)),
                (SILENT, silent(Stage::Mail)),
                (SILENT, silent(Stage::Rcpt)),
                (AT_ONCE, failed(Stage::Tcp, Fault::Reset)),
                (AT_ONCE, failed(Stage::Greeting, Fault::Closed)),
                (AT_ONCE, failed(Stage::Ehlo, Fault::Closed)),
                (SIGN_IN, failed(Stage::Auth, Fault::Closed)),
                (SIGN_IN, failed(Stage::Auth, Fault::Reset)),
                (CUT, failed(Stage::Rcpt, Fault::Closed)),
                (
                    "The relay violates the SMTP protocol",
                    failed(Stage::Rcpt, Fault::Malformed),
                ),
                (
                    AWAY,
                    rejected(Stage::Greeting, "421 4.3.2 Service shutting down"),
                ),
                (AWAY, rejected(Stage::Rcpt, "421 4.4.2 Timeout")),
                (AWAY, rejected(Stage::Greeting, "450 4.3.2 Not now")),
            ],
        );
    }
}
