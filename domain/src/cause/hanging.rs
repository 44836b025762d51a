//! Causes: time-outs, closed connections and malformed replies, by stage.

use super::{Cause, Rule};
use crate::stage::{Fault, Stage};

pub(super) const RULES: &[Rule] = &[
    Rule {
        when: |observed| {
            let late = observed.fault(&Fault::TimedOut) || observed.fault(&Fault::Deadline);
            observed.at(&[Stage::Data]) && (late || observed.hung_up())
        },
        cause: Cause {
            title: "It is unknown whether the mail was taken",
            cause: "The relay took the sender and the recipient, and then gave no word about the \
                    mail: it may arrive, or not.",
            steps: &[
                "Look whether the mail arrived before you send it again.",
                "Ask the relay's operator: a virus scanner or spam filter that is stuck behind \
                 the relay looks like this.",
                "If small mails pass and large ones hang, look for a VPN or tunnel that loses \
                 large packets (MTU).",
            ],
        },
    },
    Rule {
        when: |observed| observed.fault(&Fault::Deadline),
        cause: Cause {
            title: "The whole run took too long",
            cause: "No answer was late by the time-outs that are set, and all of it together took \
                    longer than a run may.",
            steps: &[
                "Look at the milliseconds of each stage: the slowest tells where to look.",
                "Try again later; a relay under load looks like this.",
                "Ask the relay's operator whether it slows down this machine on purpose \
                 (tarpitting).",
            ],
        },
    },
    Rule {
        when: |observed| observed.broke_off(),
        cause: Cause {
            title: "The relay's reply does not end",
            cause: "The relay began a reply, and the end of it did not \
                    come in time: it keeps this machine waiting, or the rest is lost on the way.",
            steps: &[
                "Raise Command Time-out under More options to 45 seconds: some relays say the \
                 first line of their greeting and then let callers wait, to see who is patient.",
                "If that does not help, look for a firewall that inspects mail, and for a VPN or \
                 tunnel that loses large packets (MTU).",
                "Ask the relay's operator what its log says of this session.",
            ],
        },
    },
    Rule {
        when: |observed| observed.at(&[Stage::Greeting]) && observed.timed_out(),
        cause: Cause {
            title: "The relay does not greet",
            cause: "The connection is encrypted, and the relay does not say its first word.",
            steps: &[
                "Check Port: something else than SMTP may answer inside TLS, such as a web \
                 server.",
                "If the relay is known to greet late, raise Command Time-out under More options.",
                "Ask the relay's operator; it may be overloaded.",
            ],
        },
    },
    Rule {
        when: |observed| observed.at(&[Stage::Ehlo]) && observed.timed_out(),
        cause: Cause {
            title: "The relay does not answer to EHLO",
            cause: "The relay greets and then falls silent when Postern introduces itself; some \
                    look up in DNS who is calling first, and wait for that.",
            steps: &[
                "Raise Command Time-out under More options to 45 seconds.",
                "Have DNS know the name and the address of this machine, both ways.",
                "Try Port 587 with Connection Type TLS, or 465 with SSL: a firewall in between \
                 may hold port 25 back.",
            ],
        },
    },
    Rule {
        when: |observed| observed.at(&[Stage::Auth]) && observed.timed_out(),
        cause: Cause {
            title: "The relay does not answer the sign-in",
            cause: "The relay took the user name and password and gave no verdict in time: what \
                    it asks about accounts is slow or down.",
            steps: &[
                "Raise Command Time-out under More options to 45 seconds and try again.",
                "Try another Authentication Type, and another port (Find settings).",
                "Tell the relay's operator: its directory (LDAP, Active Directory, RADIUS) may \
                 not answer it.",
            ],
        },
    },
    Rule {
        when: |observed| observed.at(&[Stage::Mail, Stage::Rcpt]) && observed.timed_out(),
        cause: Cause {
            title: "The relay falls silent over the addresses",
            cause: "The relay does not say in time whether it takes the sender or the recipient; \
                    it may be asking DNS or the recipient's own server.",
            steps: &[
                "Raise Command Time-out under More options to 45 seconds.",
                "Try another recipient, to see whether it is this one.",
                "Ask the relay's operator what its log says of this session.",
            ],
        },
    },
    Rule {
        when: |observed| {
            observed.at(&[Stage::Tcp, Stage::Greeting, Stage::Ehlo]) && observed.hung_up()
        },
        cause: Cause {
            title: "The relay hangs up at once",
            cause: "The connection was made and ended before the relay had said what it offers: \
                    it does not want this machine, is overloaded, or something in between cuts \
                    it.",
            steps: &[
                "Have the relay's operator look what its log says of this machine's address.",
                "Try Port 587 with Connection Type TLS, or 465 with SSL; Find settings tries all \
                 of them.",
                "On the relay's side, look for a list of allowed addresses (TCP wrappers, \
                 firewall).",
            ],
        },
    },
    Rule {
        when: |observed| observed.at(&[Stage::Auth]) && observed.hung_up(),
        cause: Cause {
            title: "The relay hangs up over the sign-in",
            cause: "The relay offers a sign-in and ends the connection when it is used, instead \
                    of saying yes or no.",
            steps: &[
                "Check User Name and Password: some relays hang up over wrong ones.",
                "Try another Authentication Type.",
                "Try another port: 465 with SSL, or 587 with TLS; Find settings tells which \
                 stand.",
                "Ask the relay's operator for its log: a sign-in that crashes there looks like \
                 this.",
            ],
        },
    },
    Rule {
        when: |observed| observed.at(&[Stage::Mail, Stage::Rcpt]) && observed.hung_up(),
        cause: Cause {
            title: "The relay hangs up over the addresses",
            cause: "The relay ended the connection instead of saying whether it takes the sender \
                    or the recipient.",
            steps: &[
                "Choose an Authentication Type, if none is chosen: some relays hang up on \
                 strangers.",
                "Try another Email Address and another recipient, to see which one it is.",
                "Ask the relay's operator what its log says of this session.",
            ],
        },
    },
    Rule {
        when: |observed| observed.fault(&Fault::Malformed),
        cause: Cause {
            title: "The relay breaks the rules of SMTP",
            cause: "What came is no reply, or not the reply to what was asked, so it is unknown \
                    what the relay meant.",
            steps: &[
                "Tell the relay's operator what is shown above; its software, or a filter in \
                 front of it, is at fault.",
                "Try another port of the relay (Find settings).",
            ],
        },
    },
    Rule {
        when: |observed| {
            let early = observed.at(&[Stage::Greeting, Stage::Ehlo]) && observed.deferred();
            observed.code(&[421]) || early
        },
        cause: Cause {
            title: "The relay is not available for now",
            cause: "The relay ended the session by itself: it shuts down, is overloaded, or wants \
                    no more from this machine for the moment.",
            steps: &[
                "Try again in some minutes.",
                "If it stays, ask the relay's operator what its log says of this machine.",
            ],
        },
    },
];

#[cfg(test)]
mod tests {
    use crate::Label;
    use crate::cause::testing::{Case, assert_causes, failed, rejected, unfinished};
    use crate::stage::{Fault, Stage};

    const UNKNOWN: &str = "It is unknown whether the mail was taken";
    const ENDLESS: &str = "The relay's reply does not end";
    const AT_ONCE: &str = "The relay hangs up at once";
    const SIGN_IN: &str = "The relay hangs up over the sign-in";
    const SILENT: &str = "The relay falls silent over the addresses";
    const CUT: &str = "The relay hangs up over the addresses";
    const AWAY: &str = "The relay is not available for now";

    fn silent(stage: Stage) -> Case {
        failed(stage, Fault::TimedOut)
    }

    #[test]
    fn a_relay_that_falls_silent_or_hangs_up() {
        assert_causes(
            super::RULES,
            &[
                (UNKNOWN, silent(Stage::Data)),
                (UNKNOWN, failed(Stage::Data, Fault::Reset)),
                (UNKNOWN, failed(Stage::Data, Fault::Deadline)),
                (
                    "The whole run took too long",
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
                ("The relay does not answer to EHLO", silent(Stage::Ehlo)),
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
                    "The relay breaks the rules of SMTP",
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
