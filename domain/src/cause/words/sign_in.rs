//! Causes: the sign-in fails, or is required and missing.

use super::tls;
use crate::AuthenticationType;
use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::{Fault, Stage};

pub const DISABLED: Cause = Cause {
    title: "The account is disabled",
    class: CauseClass::SignIn,
    cause: "The account exists and is disabled, locked or suspended.",
    steps: &[
        "Ask the relay's operator why it was disabled, and to enable it.",
        "If it was locked for too many wrong passwords, correct Password before it is \
         unlocked.",
    ],
};

pub const TOO_WEAK: Cause = Cause {
    title: "The authentication type is too weak",
    class: CauseClass::SignIn,
    cause: "The relay requires a stronger authentication type for this account.",
    steps: &[
        "Choose another Authentication Type that the relay offers.",
        "If the reply names an app password or a web page, create the password there and \
         enter it as Password.",
    ],
};

pub const MECHANISM: Cause = Cause {
    title: "The relay does not take this authentication type",
    class: CauseClass::SignIn,
    cause: "The relay offers the chosen authentication type and then rejects it, perhaps \
            only for this account.",
    steps: &[
        "Choose another Authentication Type.",
        "With Exchange, have the operator allow basic authentication at the receive \
         connector of this port.",
    ],
};

pub const CREDENTIALS: Cause = Cause {
    title: "The relay rejects user name and password",
    class: CauseClass::SignIn,
    cause: "One of them is wrong, or the account may not sign in by SMTP; relays do not \
            say which.",
    steps: &[
        "Check User Name: most relays expect the whole e-mail address.",
        "Type Password again; with 2-factor authentication many providers require an app \
         password here.",
        "Sign in with both on the provider's web site; if that works, have SMTP allowed \
         for the account.",
    ],
};

pub const REQUIRED: Cause = Cause {
    title: "The relay requires a sign-in",
    class: CauseClass::Relaying,
    cause: "The relay accepts mail only after a sign-in.",
    steps: &[
        "Choose Authentication Type Plain (or another one that the relay offers) and enter \
         User Name and Password.",
        "Choose Connection Type TLS or SSL, so that the password is sent encrypted.",
        "If it should authorise this machine by its IP address, have the relay's operator \
         allow that address.",
    ],
};

pub const DIRECTORY: Cause = Cause {
    title: "The relay temporarily cannot check passwords",
    class: CauseClass::RelayFault,
    cause: "The account directory behind the relay does not answer; the password was not \
            checked.",
    steps: &[
        "Try again in some minutes.",
        "If it persists, send the relay's operator the reply.",
    ],
};

const TOO_MANY: Cause = Cause {
    title: "Too many failed sign-ins",
    class: CauseClass::SignIn,
    cause: "After several wrong passwords the relay blocks sign-ins from this machine for a while, \
            even with the right one.",
    steps: &[
        "Look for other programs that still sign in with an old password.",
        "Correct User Name and Password, wait a quarter of an hour and try again.",
    ],
};

pub const NOT_OFFERED: Cause = Cause {
    title: "The relay offers no sign-in",
    class: CauseClass::SignIn,
    cause: "The relay offers no sign-in on this port; it authorises clients by IP address, \
            or accepts mail only from other mail servers.",
    steps: &[
        "Use the port with a sign-in: 587 with Connection Type TLS, or 465 with SSL.",
        "If the relay allows this machine by its IP address, choose Authentication Type \
         None.",
    ],
};

pub const FAULTS: &[Rule] = &[
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::EncryptionRequired),
        cause: &Cause {
            title: "The password would be sent unencrypted",
            class: CauseClass::Tls,
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
        words: &[],
        when: |observed| {
            let none = observed.offers_instead().is_some_and(<[_]>::is_empty);
            none && !observed.encrypted() && observed.offers_start_tls()
        },
        cause: &tls::ENCRYPTION,
    },
    Rule {
        words: &[],
        when: |observed| observed.offers_instead().is_some_and(<[_]>::is_empty),
        cause: &NOT_OFFERED,
    },
    Rule {
        words: &[],
        when: |observed| offers(observed.offers_instead(), is_supported),
        cause: &Cause {
            title: "The authentication type is not offered",
            class: CauseClass::SignIn,
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
        words: &[],
        when: |observed| offers(observed.offers_instead(), |name| name.contains("OAUTH")),
        cause: &Cause {
            title: "The relay supports only OAuth",
            class: CauseClass::SignIn,
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
        words: &[],
        when: |observed| observed.offers_instead().is_some(),
        cause: &Cause {
            title: "No authentication type in common",
            class: CauseClass::SignIn,
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
        words: &[],
        when: |observed| observed.fault(&Fault::NoCredentials),
        cause: &Cause {
            title: "The user name or the password is missing",
            class: CauseClass::SignIn,
            cause: "An authentication type is chosen without a user name and password, or the key of \
                    the saved password is lost; nothing was sent.",
            steps: &[
                "Enter User Name and Password.",
                "If the relay needs no sign-in, choose Authentication Type None.",
            ],
        },
    },
];

pub const WORDS: &[Rule] = &[
    Rule {
        words: &[
            "login attempts",
            "too many login",
            "too many failed",
            "too many auth",
            "too many bad auth",
            "too many invalid login",
            "too many unsuccessful",
            "authentication failures",
            "failed logins",
        ],
        when: |observed| observed.at(&[Stage::Greeting, Stage::Ehlo, Stage::Auth]),
        cause: &TOO_MANY,
    },
    Rule {
        words: &[
            "account disabled",
            "account is disabled",
            "account locked",
            "account is locked",
            "account suspended",
            "account is suspended",
            "account has been",
            "account inactive",
            "account is not active",
            "account temporarily locked",
            "user is disabled",
            "disabled user",
            "account is blocked",
            "account blocked",
            "konto gesperrt",
            "compte bloque",
        ],
        when: |observed| observed.at(&[Stage::Auth]),
        cause: &DISABLED,
    },
    Rule {
        words: &[
            "temporary authentication failure",
            "temporarily unavailable",
            "temporary internal",
            "temporary server error",
            "temporary failure",
            "temporary problem",
            "try again later",
            "backend",
            "system busy",
            "internal error",
            "internal server error",
            "directory",
            "at present",
            "auth error",
        ],
        when: |observed| {
            observed.at(&[Stage::Auth]) && (observed.deferred() || observed.says(&["temporar"]))
        },
        cause: &DIRECTORY,
    },
    Rule {
        words: &["cannot authenticate due to"],
        when: |_| true,
        cause: &DIRECTORY,
    },
    Rule {
        words: &[
            "mechanism not supported",
            "authentication mechanism",
            "unsupported authentication",
            "authentication type",
            "auth type",
        ],
        when: |observed| observed.at(&[Stage::Auth]) && !observed.says(&["too weak"]),
        cause: &MECHANISM,
    },
    Rule {
        words: &[
            "authentication fail",
            "authentication unsuccessful",
            "authentication invalid",
            "authentication rejected",
            "authentication error",
            "authentication denied",
            "incorrect authentication",
            "username and password not accepted",
            "invalid username",
            "invalid user name",
            "invalid login",
            "invalid password",
            "wrong password",
            "bad password",
            "incorrect password",
            "password incorrect",
            "bad username",
            "login fail",
            "login incorrect",
            "login denied",
            "unable to authenticate",
            "failed to authenticate",
            "not authenticated",
            "auth failed",
            "auth failure",
            "credentials",
            "cannot decode",
            "cannot achieve",
            "authentifizierung",
            "authentification",
            "autenticacion",
            "autenticacao",
            "autenticazione",
            "username or password",
            "user name or password",
            "sasl",
            "base64",
            "malformed auth",
            "authentication aborted",
            "authentication cancelled",
            "already authenticated",
            "authentication not enabled",
            "when not advertised",
            "authentication exchange",
            "fail authentication",
        ],
        when: |observed| observed.at(&[Stage::Auth]),
        cause: &CREDENTIALS,
    },
    Rule {
        words: &[
            "authentication required",
            "authentication is required",
            "requires authentication",
            "require authentication",
            "smtp auth",
            "smtp-auth",
            "not authenticated",
            "unauthenticated user",
            "unauthenticated senders not",
            "unauthenticated email is not",
            "authenticate first",
            "must authenticate",
            "please authenticate",
            "need to authenticate",
            "needs to authenticate",
            "should authenticate",
            "authenticated first",
            "must be authenticated",
            "must login",
            "must log in",
            "please login",
            "please log in",
            "login first",
            "log in first",
            "pop before smtp",
            "pop3 before",
            "check for new mail",
            "authorization required",
            "auth required",
            "anonymous users",
            "not logged in",
            "send auth",
            "not authorized to send messages through",
            "authentifizierung erforderlich",
            "authentification requise",
            "autenticacion requerida",
            "authenticate before relaying",
            "auth first",
        ],
        when: |observed| {
            let here = observed.in_transaction() || observed.at(&[Stage::Greeting]);
            let other = [
                "spf",
                "dkim",
                "by organization",
                "public folder",
                "for group",
                "black",
            ];
            here && !observed.says(&other)
        },
        cause: &REQUIRED,
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
    use crate::smtp::stage::{Fault, Stage};

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
            &[super::FAULTS, super::WORDS],
            &[
                (
                    "Too many failed sign-ins",
                    auth("535 5.7.0 (#AUTH005) Too many bad auth attempts."),
                ),
                (
                    "The password would be sent unencrypted",
                    failed(Stage::Auth, Fault::EncryptionRequired)
                        .with(crate::Label::Port, "25")
                        .unencrypted(),
                ),
                (
                    ENCRYPTION,
                    offered(&[]).unencrypted().offering(&["STARTTLS"]),
                ),
                ("The relay offers no sign-in", offered(&[]).unencrypted()),
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
