//! Causes: the relay's replies about TLS, its own or the recipient's.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::Stage;

pub const START_TLS: Cause = Cause {
    title: "The relay requires StartTLS",
    class: CauseClass::Tls,
    cause: "The relay accepts neither a sign-in nor mail before the connection is \
            encrypted with StartTLS.",
    steps: &[
        "Choose Connection Type TLS; if the relay then does not offer StartTLS, something \
         on the path removes it.",
        "Or choose SSL with Port 465.",
    ],
};

pub const ENCRYPTION: Cause = Cause {
    title: "Signing in requires encryption",
    class: CauseClass::Tls,
    cause: "This relay does not allow a sign-in on an unencrypted connection.",
    steps: &[
        "Choose Connection Type TLS with Port 587, or SSL with 465.",
        "If the relay needs no sign-in, choose Authentication Type None.",
    ],
};

/// Words of a relay that accepts no command before the connection is encrypted.
pub const ENCRYPTION_FIRST: &[&str] = &[
    "tls obligatoire",
    "encryption required",
    "must use tls",
    "requires encryption",
    "encryption is required",
    "encryption needed",
    "use of tls",
    "requires tls",
    "tls required",
    "tls is required",
    "tls encryption",
    "secure connection",
    "encrypted connection",
    "encrypted session",
    "unencrypted",
    "over ssl",
    "ssl required",
    "confidentiality required",
];

/// Words of the relay about TLS between itself and the next server, or its rules for it.
pub const TLS_RULE: Cause = Cause {
    title: "The relay is not satisfied with the encryption",
    class: CauseClass::Tls,
    cause: "The relay, or the next server behind it, requires TLS for this mail, or a certificate \
            or key on the way does not pass (MTA-STS, DANE, REQUIRETLS).",
    steps: &[
        "Choose Connection Type TLS or SSL, if this connection is not encrypted.",
        "If it is, the fault is between the relay and the recipient's server: send the relay's \
         operator the reply.",
    ],
};

pub const WORDS: &[Rule] = &[
    Rule {
        words: &["starttls", "start tls"],
        when: |observed| !observed.at(&[Stage::StartTls]),
        cause: &START_TLS,
    },
    Rule {
        words: ENCRYPTION_FIRST,
        when: |observed| !observed.in_transaction() && !observed.says(&["certificate", "mta-sts"]),
        cause: &ENCRYPTION,
    },
    Rule {
        words: ENCRYPTION_FIRST,
        when: |observed| {
            let behind = ["certificate", "mta-sts"];
            observed.in_transaction() && !observed.encrypted() && !observed.says(&behind)
        },
        cause: &START_TLS,
    },
    Rule {
        words: ENCRYPTION_FIRST,
        when: |observed| observed.in_transaction() && observed.encrypted(),
        cause: &TLS_RULE,
    },
    Rule {
        words: &[
            "certificate",
            "ciphers",
            "mta-sts",
            "dnssec",
            "tlsa",
            "dane)",
            "dane validation",
            "without tls",
            "tls handshake",
            "tls negotiation",
            "tls connection",
            "tls version",
            "tls protocol",
            "tls not",
            "tls session",
            "partner connector",
            "failed to negotiate",
            "ssl handshake",
            "requiretls",
            "tls conversation",
            "requested security not available",
            "ssl attempted",
        ],
        when: |observed| observed.in_transaction() && !observed.says(&["has been disabled"]),
        cause: &TLS_RULE,
    },
];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, rejected};
    use crate::smtp::stage::Stage;

    #[test]
    fn a_relay_that_requires_encryption() {
        const STARTTLS: &str = "The relay requires StartTLS";
        const ENCRYPTION: &str = "Signing in requires encryption";
        const RULE: &str = "The relay is not satisfied with the encryption";
        let auth = |reply| rejected(Stage::Auth, reply);
        let must = "530 5.7.0 Must issue a STARTTLS command first. a1b2 - gsmtp";
        let expired =
            "550 5.7.322 certificate-expired: Destination mail server's certificate is expired.";
        let cases = [
            (STARTTLS, rejected(Stage::Mail, must)),
            (
                STARTTLS,
                auth("451 5.7.3 STARTTLS is required to send mail"),
            ),
            (
                STARTTLS,
                rejected(Stage::Mail, "550 Encryption required").unencrypted(),
            ),
            (RULE, rejected(Stage::Mail, "550 Encryption required")),
            (RULE, rejected(Stage::Rcpt, expired)),
            (
                ENCRYPTION,
                auth("538 5.7.11 Encryption required for requested authentication mechanism"),
            ),
        ];
        assert_causes(&[super::WORDS], &cases);
    }
}
