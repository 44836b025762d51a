//! Causes: the sign-in fails, or is required and missing.

use super::{Cause, Rule};
use crate::AuthenticationType;
use crate::stage::{Fault, Stage};

pub(super) const RULES: &[Rule] = &[
    Rule {
        when: |observed| observed.says(&["starttls"]),
        cause: Cause {
            title: "The relay requires StartTLS",
            cause: "The relay accepts neither a sign-in nor mail before the connection is \
                    encrypted with StartTLS.",
            steps: &[
                "Choose Connection Type TLS; if the relay then does not offer StartTLS, something \
                 on the path removes it.",
                "Or choose SSL with Port 465.",
            ],
        },
    },
    Rule {
        when: |observed| observed.fault(&Fault::EncryptionRequired),
        cause: Cause {
            title: "The password would be sent unencrypted",
            cause: "The relay offers no StartTLS, and Postern sends no password over an \
                    unencrypted connection; it was not sent.",
            steps: &[
                "Choose Connection Type SSL with Port 465, or TLS with 587; Find settings shows \
                 which of them the relay supports.",
                "If the relay needs no sign-in, choose Authentication Type None.",
                "Only if the relay has no encryption and the whole path is your own network: allow \
                 Password Without Encryption under More options.",
            ],
        },
    },
    Rule {
        when: |observed| {
            let bare =
                !observed.encrypted && observed.offers_instead().is_some_and(<[_]>::is_empty);
            bare || (observed.at(&[Stage::Auth]) && observed.code(&[538]))
                || observed.says(&["encryption required", "must use tls", "requires encryption"])
        },
        cause: Cause {
            title: "Signing in requires encryption",
            cause: "This relay does not allow a sign-in on an unencrypted connection.",
            steps: &[
                "Choose Connection Type TLS with Port 587, or SSL with 465.",
                "If the relay needs no sign-in, choose Authentication Type None.",
            ],
        },
    },
    Rule {
        when: |observed| observed.offers_instead().is_some_and(<[_]>::is_empty),
        cause: Cause {
            title: "The relay offers no sign-in",
            cause: "The relay offers no sign-in on this port; it authorises clients by IP address, \
                    or accepts mail only from other mail servers.",
            steps: &[
                "Use the port with a sign-in: 587 with Connection Type TLS, or 465 with SSL.",
                "If the relay allows this machine by its IP address, choose Authentication Type \
                 None.",
            ],
        },
    },
    Rule {
        when: |observed| offers(observed.offers_instead(), is_supported),
        cause: Cause {
            title: "The authentication type is not offered",
            cause: "The relay offers other authentication types than the chosen one.",
            steps: &[
                "Choose an Authentication Type that the relay offers: Plain where it is offered, \
                 else Login, else Cram_MD5.",
                "If it offers what you chose on an encrypted connection only, choose Connection \
                 Type TLS.",
            ],
        },
    },
    Rule {
        when: |observed| offers(observed.offers_instead(), |name| name.contains("OAUTH")),
        cause: Cause {
            title: "The relay supports only OAuth",
            cause: "The relay accepts no password, only OAuth tokens (XOAUTH2, OAUTHBEARER), which \
                    Postern does not support.",
            steps: &[
                "Ask the provider for a sign-in by password: basic authentication, or app \
                 passwords.",
                "Otherwise choose another relay.",
            ],
        },
    },
    Rule {
        when: |observed| observed.offers_instead().is_some(),
        cause: Cause {
            title: "No authentication type in common",
            cause: "The relay offers none of the authentication types that Postern supports: \
                    Plain, Login and Cram_MD5.",
            steps: &[
                "Ask the relay's operator to switch PLAIN or LOGIN on, inside TLS.",
                "If the relay can authorise clients by IP address, choose Authentication Type None \
                 and have this machine allowed there.",
            ],
        },
    },
    Rule {
        when: |observed| observed.fault(&Fault::NoCredentials),
        cause: Cause {
            title: "The user name or the password is missing",
            cause: "An authentication type is chosen without a user name and password; nothing was \
                    sent.",
            steps: &[
                "Enter User Name and Password.",
                "If the relay needs no sign-in, choose Authentication Type None.",
            ],
        },
    },
    Rule {
        when: |observed| {
            let named = observed.says(&[
                "account disabled",
                "account is disabled",
                "account locked",
                "account is locked",
                "account suspended",
                "account is suspended",
                "account has been",
            ]);
            observed.at(&[Stage::Auth]) && (named || observed.status(&[[7, 13]]))
        },
        cause: Cause {
            title: "The account is disabled",
            cause: "The account exists and is disabled, locked or suspended.",
            steps: &[
                "Ask the relay's operator why it was disabled, and to enable it.",
                "If it was locked for too many wrong passwords, correct Password before it is \
                 unlocked.",
            ],
        },
    },
    Rule {
        when: |observed| observed.at(&[Stage::Auth]) && observed.code(&[534]),
        cause: Cause {
            title: "The authentication type is too weak",
            cause: "The relay requires a stronger authentication type for this account.",
            steps: &[
                "Choose another Authentication Type that the relay offers.",
                "If the reply names an app password or a web page, create the password there and \
                 enter it as Password.",
            ],
        },
    },
    Rule {
        when: |observed| observed.at(&[Stage::Auth]) && observed.code(&[504]),
        cause: Cause {
            title: "The relay does not take this authentication type",
            cause: "The relay offers the chosen authentication type and then rejects it, perhaps \
                    only for this account.",
            steps: &[
                "Choose another Authentication Type.",
                "With Exchange, have the operator allow basic authentication at the receive \
                 connector of this port.",
            ],
        },
    },
    Rule {
        when: |observed| {
            let credentials =
                observed.code(&[535]) || (observed.refused() && observed.status(&[[7, 8]]));
            observed.at(&[Stage::Auth]) && credentials
        },
        cause: Cause {
            title: "The relay rejects user name and password",
            cause: "One of them is wrong, or the account may not sign in by SMTP; relays do not \
                    say which.",
            steps: &[
                "Check User Name: most relays expect the whole e-mail address.",
                "Type Password again; with 2-factor authentication many providers require an app \
                 password here.",
                "Sign in with both on the provider's web site; if that works, have SMTP allowed \
                 for the account.",
            ],
        },
    },
    Rule {
        when: |observed| {
            let named = observed.says(&[
                "authentication required",
                "authentication is required",
                "requires authentication",
                "smtp auth",
                "not authenticated",
                "authenticate first",
                "not logged in",
            ]);
            let transaction = observed.at(&[Stage::Mail, Stage::Rcpt, Stage::Data]);
            observed.code(&[530]) || (transaction && named)
        },
        cause: Cause {
            title: "The relay requires a sign-in",
            cause: "The relay accepts mail only after a sign-in.",
            steps: &[
                "Choose Authentication Type Plain (or another one that the relay offers) and enter \
                 User Name and Password.",
                "Choose Connection Type TLS or SSL, so that the password is sent encrypted.",
                "If it should authorise this machine by its IP address, have the relay's operator \
                 allow that address.",
            ],
        },
    },
    Rule {
        when: |observed| observed.at(&[Stage::Auth]) && observed.code(&[454]),
        cause: Cause {
            title: "The relay temporarily cannot check passwords",
            cause: "The account directory behind the relay does not answer; the password was not \
                    checked.",
            steps: &[
                "Try again in some minutes.",
                "If it persists, send the relay's operator the reply.",
            ],
        },
    },
];

fn is_supported(mechanism: &str) -> bool {
    AuthenticationType::ALL
        .iter()
        .any(|known| known.mechanism() == Some(mechanism))
}

fn offers(offered: Option<&[String]>, wanted: fn(&str) -> bool) -> bool {
    offered.is_some_and(|names| names.iter().any(|name| wanted(name)))
}

#[cfg(test)]
mod tests {
    use crate::cause::testing::{Case, assert_causes, failed, rejected};
    use crate::stage::{Fault, Stage};

    const STARTTLS: &str = "The relay requires StartTLS";
    const ENCRYPTION: &str = "Signing in requires encryption";
    const DISABLED: &str = "The account is disabled";
    const WRONG: &str = "The relay rejects user name and password";
    const WANTED: &str = "The relay requires a sign-in";

    fn offered(mechanisms: &[&str]) -> Case {
        let names = mechanisms.iter().map(|name| (*name).to_owned()).collect();
        failed(Stage::Auth, Fault::MechanismNotOffered(names))
    }

    fn auth(reply: &str) -> Case {
        rejected(Stage::Auth, reply)
    }

    #[test]
    fn a_sign_in_that_does_not_work() {
        assert_causes(
            super::RULES,
            &[
                (
                    STARTTLS,
                    rejected(
                        Stage::Mail,
                        "530 5.7.0 Must issue a STARTTLS command first. a1b2 - gsmtp",
                    ),
                ),
                (
                    STARTTLS,
                    auth("451 5.7.3 STARTTLS is required to send mail"),
                ),
                (
                    "The password would be sent unencrypted",
                    failed(Stage::Auth, Fault::EncryptionRequired)
                        .with(crate::Label::Port, "25")
                        .unencrypted(),
                ),
                (ENCRYPTION, offered(&[]).unencrypted()),
                (
                    ENCRYPTION,
                    auth("538 5.7.11 Encryption required for requested authentication mechanism"),
                ),
                ("The relay offers no sign-in", offered(&[])),
                (
                    "The authentication type is not offered",
                    offered(&["LOGIN", "XOAUTH2"]),
                ),
                (
                    "The relay supports only OAuth",
                    offered(&["XOAUTH2", "NTLM"]),
                ),
                (
                    "No authentication type in common",
                    offered(&["GSSAPI", "NTLM"]),
                ),
                (
                    "The user name or the password is missing",
                    failed(Stage::Auth, Fault::NoCredentials),
                ),
                (DISABLED, auth("525 5.7.13 User account disabled")),
                (DISABLED, auth("535 5.7.8 Your account has been suspended")),
                (
                    "The authentication type is too weak",
                    auth("534 5.7.9 Authentication mechanism is too weak"),
                ),
                (
                    "The relay does not take this authentication type",
                    auth("504 5.7.4 Unrecognized authentication type"),
                ),
                (WRONG, auth("535 5.7.8 Error: authentication failed:")),
                (WRONG, auth("535 5.7.3 Authentication unsuccessful")),
                (
                    WRONG,
                    auth(
                        "535 5.7.139 Authentication unsuccessful, the user credentials were \
                         incorrect.",
                    ),
                ),
                (WRONG, auth("535 Incorrect authentication data")),
                (WRONG, auth("550 5.7.8 Bad credentials")),
                (
                    WANTED,
                    rejected(Stage::Mail, "530 5.7.0 Authentication Required. - gsmtp"),
                ),
                (
                    WANTED,
                    rejected(
                        Stage::Mail,
                        "530 5.7.57 Client not authenticated to send mail.",
                    ),
                ),
                (
                    WANTED,
                    rejected(
                        Stage::Rcpt,
                        "553 5.7.1 <alerts@example.org>: Sender address rejected: not logged in",
                    ),
                ),
                (
                    WANTED,
                    rejected(
                        Stage::Rcpt,
                        "503 This mail server requires authentication when attempting to send",
                    ),
                ),
                (
                    "The relay temporarily cannot check passwords",
                    auth("454 4.7.0 Temporary authentication failure"),
                ),
            ],
        );
    }
}
