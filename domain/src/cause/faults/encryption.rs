//! Causes: the connection cannot be encrypted with implicit TLS or StartTLS.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::{Fault, Stage};

/// The usual ports without implicit TLS.
const PLAIN_PORTS: &[u16] = &[25, 587, 2525];

pub const START_TLS_LATER: Cause = Cause {
    title: "StartTLS is temporarily unavailable",
    class: CauseClass::Tls,
    cause: "The relay offers StartTLS and cannot start it at the moment, for example \
            because it cannot read its certificate or key.",
    steps: &[
        "Try again in some minutes.",
        "Try Port 465 with Connection Type SSL.",
        "Tell the relay's operator what it said; its log has the reason.",
    ],
};

pub const START_TLS_REFUSED: Cause = Cause {
    title: "The relay refuses StartTLS",
    class: CauseClass::Tls,
    cause: "The relay offered StartTLS and refused the command.",
    steps: &[
        "Try Port 465 with Connection Type SSL.",
        "Send the relay's operator the reply: StartTLS is misconfigured, or something on \
         the path refuses it.",
    ],
};

pub const REMOVED: Cause = Cause {
    title: "A firewall may be removing StartTLS",
    class: CauseClass::Tls,
    cause: "StartTLS is missing on a port where nearly every relay offers it, or the \
            offered extensions are overwritten with X. Firewalls that inspect mail do \
            that; a relay without StartTLS looks the same.",
    steps: &[
        "Choose Connection Type SSL with Port 465: a firewall cannot remove its \
         encryption.",
        "Have the inspection of SMTP switched off in the firewall (ESMTP inspection or \
         fixup in Cisco's) or in the virus scanner of this machine.",
        "Run the diagnosis from another network: if StartTLS is offered there, the relay \
         is not the cause.",
    ],
};

pub const NOT_OFFERED: Cause = Cause {
    title: "StartTLS is not offered",
    class: CauseClass::Tls,
    cause: "Connection Type TLS requires StartTLS, and the relay does not offer it at this \
            port.",
    steps: &[
        "Try Port 587 with TLS, or 465 with SSL; Find settings tries all of them.",
        "Ask the relay's operator to switch StartTLS on.",
        "Only inside a network that you trust: Connection Type None sends the mail \
         unencrypted where StartTLS is not offered.",
    ],
};

pub const FAULTS: &[Rule] = &[
    Rule {
        words: &[],
        when: |observed| {
            let cut = observed.hung_up() || observed.timed_out();
            observed.implicit_tls()
                && (observed.fault(&Fault::NotTls)
                    || (observed.at(&[Stage::Tls]) && cut && observed.port(PLAIN_PORTS)))
        },
        cause: &Cause {
            title: "SSL is used on a StartTLS port",
            class: CauseClass::Tls,
            cause: "With Connection Type SSL the connection is encrypted from the first byte, but \
                    this port begins in plain text.",
            steps: &[
                "Choose Connection Type TLS for this port.",
                "Or keep SSL and change Port to 465.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| {
            observed.at(&[Stage::Greeting])
                && !observed.implicit_tls()
                && (observed.timed_out() || (observed.hung_up() && observed.port(&[465])))
        },
        cause: &Cause {
            title: "No greeting: the port may expect SSL",
            class: CauseClass::Tls,
            cause: "The connection is established and no greeting arrives; a port that expects TLS \
                    from the first byte, such as 465, behaves like this.",
            steps: &[
                "Choose Connection Type SSL, if the port is 465; Find settings shows what any \
                 other port expects.",
                "Check Host Name and Port: a web server behaves in the same way.",
                "If the relay is known to greet late, raise Command Time-out under More options.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| {
            let missing = observed.fault(&Fault::StartTlsNotOffered)
                || observed.fault(&Fault::EncryptionRequired);
            missing && observed.is_garbled()
        },
        cause: &REMOVED,
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::StartTlsNotOffered),
        cause: &NOT_OFFERED,
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::ResponseInjection),
        cause: &Cause {
            title: "Plain text was injected after StartTLS",
            class: CauseClass::Tls,
            cause: "Unencrypted bytes followed the relay's reply to StartTLS; treating them as \
                    encrypted would let an attacker forge replies, so Postern ended the session.",
            steps: &[
                "Choose Connection Type SSL with Port 465, where nothing is sent in plain text.",
                "Run the diagnosis from another network: if it passes there, something on the path \
                 to the relay tampers with mail.",
                "If it fails there too, ask the relay's operator to update the mail server.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| {
            observed.at(&[Stage::StartTls, Stage::Tls])
                && observed.hung_up()
                && !observed.implicit_tls()
        },
        cause: &Cause {
            title: "The connection is cut after StartTLS",
            class: CauseClass::Tls,
            cause: "The relay offers StartTLS, and the connection was cut as soon as it was used, \
                    most often by a firewall that inspects mail.",
            steps: &[
                "Choose Connection Type SSL with Port 465: firewalls mostly let it pass.",
                "Have the inspection of SMTP switched off in the firewall for this machine.",
                "If both are cut, ask the relay's operator what its log says about this machine.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| {
            observed.at(&[Stage::Tls]) && observed.hung_up() && observed.implicit_tls()
        },
        cause: &Cause {
            title: "The relay closes the connection on SSL",
            class: CauseClass::Tls,
            cause: "The connection was cut as soon as the TLS handshake began: the port does not \
                    expect TLS from the first byte, or a firewall blocks it.",
            steps: &[
                "Press Find settings to see what each port of this host supports.",
                "Try Port 587 with Connection Type TLS.",
                "If neither works, have the firewall on the path let TLS pass.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.at(&[Stage::StartTls, Stage::Tls]) && observed.timed_out(),
        cause: &Cause {
            title: "The TLS handshake hangs",
            class: CauseClass::Tls,
            cause: "The handshake began and the relay stopped answering: something on the path \
                    drops the handshake, or the relay is stuck.",
            steps: &[
                "Try the other connection type: Port 465 with SSL, or 587 with TLS.",
                "If both hang, look for a firewall that inspects TLS, and for a VPN or tunnel that \
                 loses large packets (MTU).",
                "If the relay is merely slow, raise Command Time-out under More options.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::TlsTooOld),
        cause: &Cause {
            title: "The relay's TLS is too old",
            class: CauseClass::Tls,
            cause: "The relay supports neither TLS 1.2 nor 1.3; older versions are not secure.",
            steps: &[
                "Ask the relay's operator to switch TLS 1.2 on, or to update the mail server.",
                "Press Find settings: another port may support a newer version.",
                "Only for an old device in a network that you trust: Connection Type None, if it \
                 accepts mail without encryption.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::TlsInternalError),
        cause: &Cause {
            title: "The relay's TLS fails",
            class: CauseClass::Tls,
            cause: "The relay ended the handshake with the alert internal_error: its own TLS does not \
                    work, most often because it cannot read its certificate or key.",
            steps: &[
                "Tell the relay's operator: the log of the mail server has the reason.",
                "Press Find settings: another port may work.",
                "If the relay is your own, compare its certificate with its key, and check that the \
                 mail server may read both files.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::ClientCertificateRequired),
        cause: &Cause {
            title: "The relay asks for a client certificate",
            class: CauseClass::Tls,
            cause: "The relay accepts mail only from clients with a certificate (mutual TLS), and \
                    Postern has none.",
            steps: &[
                "Ask the relay's operator for a port or a relay without client certificates, such \
                 as 587 with a sign-in, and enter it as Host Name and Port.",
                "Or have the operator allow this machine by its address instead of by a \
                 certificate.",
                "Or run a relay of your own that has a client certificate, and enter it as Host \
                 Name.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::Handshake),
        cause: &Cause {
            title: "The TLS handshake fails",
            class: CauseClass::Tls,
            cause: "The handshake failed before any certificate was checked: both sides have no \
                    cipher in common, or the relay requires a client certificate.",
            steps: &[
                "Ask the relay's operator which ciphers its TLS allows; Postern supports the usual \
                 ones of TLS 1.2 and 1.3 with forward secrecy (ECDHE).",
                "Try another port: 465 with SSL, or 587 with TLS.",
            ],
        },
    },
];

#[cfg(test)]
mod tests {
    use crate::Label;
    use crate::cause::testing::{assert_causes, failed, rejected};
    use crate::smtp::stage::{Fault, Stage};

    const IN_TLS: &str = "SSL is used on a StartTLS port";
    const SILENT: &str = "No greeting: the port may expect SSL";
    const REMOVED: &str = "A firewall may be removing StartTLS";
    const CUT: &str = "The connection is cut after StartTLS";
    const HANGS: &str = "The TLS handshake hangs";
    const ASKS: &str = "The relay asks for a client certificate";

    #[test]
    fn a_connection_that_cannot_be_encrypted() {
        let ssl = |case: crate::cause::testing::Case| case.with(Label::ConnectionType, "SSL");
        assert_causes(
            &[super::FAULTS],
            &[
                (IN_TLS, ssl(failed(Stage::Tls, Fault::NotTls))),
                (IN_TLS, ssl(failed(Stage::Tls, Fault::Closed))),
                (
                    IN_TLS,
                    ssl(failed(Stage::Tls, Fault::TimedOut)).with(Label::Port, "25"),
                ),
                (SILENT, failed(Stage::Greeting, Fault::TimedOut)),
                (
                    SILENT,
                    failed(Stage::Greeting, Fault::Closed).with(Label::Port, "465"),
                ),
                (
                    "StartTLS is not offered",
                    failed(Stage::StartTls, Fault::StartTlsNotOffered),
                ),
                (
                    "The relay's TLS fails",
                    failed(Stage::Tls, Fault::TlsInternalError),
                ),
                (
                    REMOVED,
                    failed(Stage::StartTls, Fault::StartTlsNotOffered)
                        .with(Label::Port, "25")
                        .offering(&["SIZE 35882577", "XXXXXXXA"]),
                ),
                (
                    REMOVED,
                    failed(Stage::Auth, Fault::EncryptionRequired)
                        .with(Label::Port, "2525")
                        .offering(&["XXXXXXXX"]),
                ),
                (
                    "StartTLS is not offered",
                    failed(Stage::StartTls, Fault::StartTlsNotOffered)
                        .with(Label::Port, "25")
                        .offering(&["SIZE", "XXFER"]),
                ),
                (
                    "Plain text was injected after StartTLS",
                    failed(Stage::StartTls, Fault::ResponseInjection),
                ),
                (CUT, failed(Stage::Tls, Fault::Reset)),
                (CUT, failed(Stage::StartTls, Fault::Closed)),
                (
                    "The relay closes the connection on SSL",
                    ssl(failed(Stage::Tls, Fault::Reset)).with(Label::Port, "465"),
                ),
                (HANGS, failed(Stage::Tls, Fault::TimedOut)),
                (HANGS, failed(Stage::StartTls, Fault::TimedOut)),
                (
                    HANGS,
                    ssl(failed(Stage::Tls, Fault::TimedOut)).with(Label::Port, "465"),
                ),
                (
                    "The relay's TLS is too old",
                    failed(Stage::Tls, Fault::TlsTooOld),
                ),
                (ASKS, failed(Stage::Tls, Fault::ClientCertificateRequired)),
                (
                    ASKS,
                    failed(Stage::Greeting, Fault::ClientCertificateRequired),
                ),
                (
                    "The TLS handshake fails",
                    failed(Stage::Tls, Fault::Handshake),
                ),
                (
                    "StartTLS is temporarily unavailable",
                    rejected(
                        Stage::StartTls,
                        "454 4.7.0 TLS not available due to local problem",
                    ),
                ),
                (
                    "The relay refuses StartTLS",
                    rejected(Stage::StartTls, "502 5.5.1 Command not implemented"),
                ),
            ],
        );
    }
}
