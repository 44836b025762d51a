//! Causes: the connection cannot be encrypted with implicit TLS or StartTLS.

use super::{Cause, Rule};
use crate::stage::{Fault, Stage};

/// The usual ports without implicit TLS.
const PLAIN_PORTS: &[u16] = &[25, 587, 2525];

pub(super) const RULES: &[Rule] = &[
    Rule {
        when: |observed| {
            let cut = observed.hung_up() || observed.timed_out();
            observed.implicit_tls()
                && (observed.fault(&Fault::NotTls)
                    || (observed.at(&[Stage::Tls]) && cut && observed.port(PLAIN_PORTS)))
        },
        cause: Cause {
            title: "SSL was spoken to a StartTLS port",
            cause: "With Connection Type SSL the first byte is encrypted already, but this port \
                    begins in plain text.",
            steps: &[
                "Choose Connection Type TLS for this port.",
                "Or keep SSL and change Port to 465.",
            ],
        },
    },
    Rule {
        when: |observed| {
            observed.at(&[Stage::Greeting])
                && !observed.implicit_tls()
                && (observed.timed_out() || (observed.hung_up() && observed.port(&[465])))
        },
        cause: Cause {
            title: "No greeting: the port may expect SSL",
            cause: "The connection stands and no greeting comes; that is how a port behaves that \
                    waits for TLS from the first byte, as 465 does.",
            steps: &[
                "Choose Connection Type SSL, if the port is 465; Find settings tells what any \
                 other port takes.",
                "Check Host Name and Port: a web server waits in the same way.",
                "If the relay is known to greet late, raise Command Time-out under More options.",
            ],
        },
    },
    Rule {
        when: |observed| {
            let missing = observed.fault(&Fault::StartTlsNotOffered)
                || observed.fault(&Fault::EncryptionRequired);
            missing && (observed.is_garbled() || observed.port(&[587]))
        },
        cause: Cause {
            title: "Something in between may remove StartTLS",
            cause: "StartTLS is missing where nearly every relay offers it, or the offers are \
                    overwritten with X: firewalls that inspect mail do that, although a relay \
                    without StartTLS would look the same.",
            steps: &[
                "Choose Connection Type SSL with Port 465: there is nothing to remove from it.",
                "Have the inspection of SMTP switched off in the firewall (ESMTP inspection or \
                 fixup in Cisco's) or in the virus scanner of this machine.",
                "Run the diagnosis from another network: if StartTLS is offered there, it is not \
                 the relay.",
            ],
        },
    },
    Rule {
        when: |observed| observed.fault(&Fault::StartTlsNotOffered),
        cause: Cause {
            title: "StartTLS is not offered",
            cause: "Connection Type TLS requires StartTLS, and the relay does not offer it at \
                    this port.",
            steps: &[
                "Try Port 587 with TLS, or 465 with SSL; Find settings tries all of them.",
                "Ask the relay's operator to switch StartTLS on.",
                "Only inside a network that you trust: Connection Type None sends the mail \
                 unencrypted where StartTLS is not offered.",
            ],
        },
    },
    Rule {
        when: |observed| observed.fault(&Fault::ResponseInjection),
        cause: Cause {
            title: "Plain text was slipped in after StartTLS",
            cause: "Unencrypted bytes followed the relay's yes to StartTLS; taken for a part of \
                    what is encrypted they would let a stranger speak for the relay, so Postern \
                    ended the session.",
            steps: &[
                "Choose Connection Type SSL with Port 465, where nothing goes in plain text.",
                "Run the diagnosis from another network: if it passes there, something between \
                 this machine and the relay tampers with mail.",
                "If it fails there too, ask the relay's operator to update the mail server.",
            ],
        },
    },
    Rule {
        when: |observed| {
            observed.at(&[Stage::StartTls, Stage::Tls])
                && observed.hung_up()
                && !observed.implicit_tls()
        },
        cause: Cause {
            title: "The handshake after StartTLS is cut off",
            cause: "The relay offers StartTLS, and the connection was cut as soon as it was used: \
                    most often by a firewall that inspects mail.",
            steps: &[
                "Choose Connection Type SSL with Port 465: firewalls mostly leave it alone.",
                "Have the inspection of SMTP switched off in the firewall for this machine.",
                "If both are cut, ask the relay's operator what its log says of this machine.",
            ],
        },
    },
    Rule {
        when: |observed| {
            observed.at(&[Stage::Tls]) && observed.hung_up() && observed.implicit_tls()
        },
        cause: Cause {
            title: "The relay hangs up on SSL",
            cause: "The connection was cut as soon as the TLS handshake began: the port does not \
                    take TLS from the first byte, or a firewall does not let it pass.",
            steps: &[
                "Press Find settings to see what each port of this host takes.",
                "Try Port 587 with Connection Type TLS.",
                "If no way to encrypt works, have the firewall in between let TLS pass.",
            ],
        },
    },
    Rule {
        when: |observed| observed.at(&[Stage::StartTls, Stage::Tls]) && observed.timed_out(),
        cause: Cause {
            title: "The TLS handshake hangs",
            cause: "Encryption was begun and the other side fell silent: something in between \
                    swallows the handshake, or the relay is stuck.",
            steps: &[
                "Try the other way to encrypt: Port 465 with SSL, or 587 with TLS.",
                "If both hang, look for a firewall that inspects TLS, and for a VPN or tunnel \
                 that loses large packets (MTU).",
                "If the relay is merely slow, raise Command Time-out under More options.",
            ],
        },
    },
    Rule {
        when: |observed| observed.fault(&Fault::TlsTooOld),
        cause: Cause {
            title: "The relay's TLS is too old",
            cause: "The relay speaks no TLS that is still safe, neither 1.2 nor 1.3.",
            steps: &[
                "Ask the relay's operator to switch TLS 1.2 on, or to update the mail server.",
                "Press Find settings: another port may be served by something newer.",
                "Only for an old device in a network that you trust: Connection Type None, if it \
                 takes mail without encryption.",
            ],
        },
    },
    Rule {
        when: |observed| observed.fault(&Fault::ClientCertificateRequired),
        cause: Cause {
            title: "The relay asks for a client certificate",
            cause: "The relay takes mail only from clients that show a certificate of their own \
                    (mutual TLS), and Postern has none to show.",
            steps: &[
                "Ask the relay's operator for a port or a relay without client certificates, \
                 such as 587 with a sign-in, and enter it as Host Name and Port.",
                "Or have the operator allow this machine by its address instead of by a \
                 certificate.",
                "Or put a mail relay of your own in between that holds a certificate, and enter \
                 that as Host Name.",
            ],
        },
    },
    Rule {
        when: |observed| observed.fault(&Fault::Handshake),
        cause: Cause {
            title: "No common way to encrypt",
            cause: "Both sides speak TLS, and the handshake failed before any certificate \
                    counted: they have no cipher in common, or the relay wants a certificate from \
                    its clients.",
            steps: &[
                "Ask the relay's operator which ciphers its TLS allows; Postern takes the usual \
                 ones of TLS 1.2 and 1.3 with forward secrecy (ECDHE).",
                "Try another port: 465 with SSL, or 587 with TLS.",
            ],
        },
    },
    Rule {
        when: |observed| observed.at(&[Stage::StartTls]) && observed.deferred(),
        cause: Cause {
            title: "StartTLS is out of order for now",
            cause: "The relay offers StartTLS and cannot do it at the moment, as when its \
                    certificate or key cannot be read.",
            steps: &[
                "Try again in some minutes.",
                "Try Port 465 with Connection Type SSL.",
                "Tell the relay's operator what it said; its log has the reason.",
            ],
        },
    },
    Rule {
        when: |observed| observed.at(&[Stage::StartTls]) && observed.refused(),
        cause: Cause {
            title: "The relay refuses StartTLS",
            cause: "The relay offered StartTLS and turned the command down.",
            steps: &[
                "Try Port 465 with Connection Type SSL.",
                "Tell the relay's operator what it said: StartTLS is half switched on, or \
                 something in between refuses it.",
            ],
        },
    },
];

#[cfg(test)]
mod tests {
    use crate::Label;
    use crate::cause::testing::{assert_causes, failed, rejected};
    use crate::stage::{Fault, Stage};

    const IN_TLS: &str = "SSL was spoken to a StartTLS port";
    const SILENT: &str = "No greeting: the port may expect SSL";
    const REMOVED: &str = "Something in between may remove StartTLS";
    const CUT: &str = "The handshake after StartTLS is cut off";
    const HANGS: &str = "The TLS handshake hangs";
    const ASKS: &str = "The relay asks for a client certificate";

    #[test]
    fn a_connection_that_cannot_be_encrypted() {
        let ssl = |case: crate::cause::testing::Case| case.with(Label::ConnectionType, "SSL");
        assert_causes(
            super::RULES,
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
                (REMOVED, failed(Stage::StartTls, Fault::StartTlsNotOffered)),
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
                    "Plain text was slipped in after StartTLS",
                    failed(Stage::StartTls, Fault::ResponseInjection),
                ),
                (CUT, failed(Stage::Tls, Fault::Reset)),
                (CUT, failed(Stage::StartTls, Fault::Closed)),
                (
                    "The relay hangs up on SSL",
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
                    "No common way to encrypt",
                    failed(Stage::Tls, Fault::Handshake),
                ),
                (
                    "StartTLS is out of order for now",
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
