//! AUTH PLAIN and LOGIN (RFC 4954): an account's address, and a token of it as the password.
//!
//! A token has 256 random bits, so that guesses are not throttled by account or network, as they are not over
//! HTTP; a session ends after a number of errors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{Refusal, SecretString};
use engine::{Accounts, Actor, Origin};

use super::replies::SmtpReply;

/// The prompts of LOGIN, `Username:` and `Password:` in Base64.
const USER_PROMPT: &str = "VXNlcm5hbWU6";
const PASSWORD_PROMPT: &str = "UGFzc3dvcmQ6";

pub const WRONG: SmtpReply = SmtpReply::new(
    535,
    "5.7.8",
    "The user name is the address of an account, and the password an API token of it (postern_...); one \
     of them is wrong",
);
const NO_MECHANISM: SmtpReply = SmtpReply::new(504, "5.5.4", "Send AUTH PLAIN or AUTH LOGIN");
const CANCELLED: SmtpReply = SmtpReply::new(501, "5.7.0", "Authentication cancelled");
const NOT_BASE64: SmtpReply = SmtpReply::new(501, "5.5.2", "The response is not Base64");
const NOT_PLAIN: SmtpReply = SmtpReply::new(
    501,
    "5.5.2",
    "The response of PLAIN is an empty identity, a user name and a password, separated by NUL",
);

/// What a client signs in with.
#[derive(Debug)]
pub struct SmtpCredentials {
    /// The address of the account.
    pub address: String,
    /// The secret of one of its tokens.
    pub token: SecretString,
}

/// An exchange that waits for a response of the client.
#[derive(Debug)]
pub enum AuthExchange {
    Plain,
    LoginUser,
    LoginPassword { address: String },
}

/// What follows from AUTH or a response.
#[derive(Debug)]
pub enum AuthStep {
    /// The challenge to send, and what waits for its response.
    Challenge(AuthExchange, SmtpReply),
    Credentials(SmtpCredentials),
    Refused(SmtpReply),
}

/// Begins an exchange. `initial` is the response that AUTH carries, where it does.
pub fn begin(mechanism: &str, initial: Option<&str>) -> AuthStep {
    let (exchange, prompt) = if mechanism.eq_ignore_ascii_case("PLAIN") {
        (AuthExchange::Plain, "")
    } else if mechanism.eq_ignore_ascii_case("LOGIN") {
        (AuthExchange::LoginUser, USER_PROMPT)
    } else {
        return AuthStep::Refused(NO_MECHANISM);
    };
    match initial {
        None => AuthStep::Challenge(exchange, challenge(prompt)),
        // An empty response (RFC 4954 section 4).
        Some("=") => exchange.respond(""),
        Some(response) => exchange.respond(response),
    }
}

fn challenge(text: &'static str) -> SmtpReply {
    SmtpReply::new(334, "", text)
}

impl AuthExchange {
    /// Goes on with the response to a challenge, in Base64.
    pub fn respond(self, response: &str) -> AuthStep {
        if response == "*" {
            return AuthStep::Refused(CANCELLED);
        }
        let decoded = STANDARD.decode(response).ok();
        let Some(text) = decoded.and_then(|octets| String::from_utf8(octets).ok()) else {
            return AuthStep::Refused(NOT_BASE64);
        };
        match self {
            Self::Plain => plain(&SecretString::new(text)),
            Self::LoginUser => {
                let waits = Self::LoginPassword { address: text };
                AuthStep::Challenge(waits, challenge(PASSWORD_PROMPT))
            }
            Self::LoginPassword { address } => AuthStep::Credentials(SmtpCredentials {
                address,
                token: SecretString::new(text),
            }),
        }
    }
}

/// The credentials of a response of PLAIN: identity, user name and password. The identity is empty or the
/// user name, as no account acts for another one.
fn plain(response: &SecretString) -> AuthStep {
    let parts: Vec<&str> = response.expose().split('\0').collect();
    let [identity, address, token] = parts[..] else {
        return AuthStep::Refused(NOT_PLAIN);
    };
    if !identity.is_empty() && identity != address {
        return AuthStep::Refused(WRONG);
    }
    AuthStep::Credentials(SmtpCredentials {
        address: address.to_owned(),
        token: SecretString::new(token),
    })
}

/// The actor of a token, if it is one of the account with that address.
///
/// # Errors
/// If the database fails.
pub async fn verify(
    accounts: &Accounts,
    credentials: &SmtpCredentials,
    origin: Origin,
) -> Result<Option<Actor>, Refusal> {
    let found = accounts
        .token_actor(credentials.token.expose(), origin)
        .await?;
    let address = credentials.address.trim().to_lowercase();
    Ok(found.filter(|actor| actor.name() == address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> String {
        STANDARD.encode(text)
    }

    /// The address and the token, or the code of the reply.
    fn ended(step: AuthStep) -> String {
        match step {
            AuthStep::Credentials(found) => format!("{} {}", found.address, found.token.expose()),
            AuthStep::Refused(reply) => reply.code.to_string(),
            AuthStep::Challenge(..) => "challenge".to_owned(),
        }
    }

    #[test]
    fn plain_has_one_response() {
        for (response, expected) in [
            (
                encoded("\0ann@example.org\0postern_x"),
                "ann@example.org postern_x",
            ),
            (
                encoded("ann@example.org\0ann@example.org\0x"),
                "ann@example.org x",
            ),
            (encoded("eve@example.org\0ann@example.org\0x"), "535"),
            (encoded("\0ann@example.org"), "501"),
            (encoded("\0a\0b\0c"), "501"),
            (encoded(""), "501"),
            ("=".to_owned(), "501"),
            ("*".to_owned(), "501"),
            ("not base64".to_owned(), "501"),
            (STANDARD.encode(b"\0a\0\xff"), "501"),
        ] {
            assert_eq!(
                ended(begin("PLAIN", Some(&response))),
                expected,
                "{response}"
            );
            let AuthStep::Challenge(waits, prompt) = begin("plain", None) else {
                panic!("no challenge");
            };
            assert_eq!((prompt.code, &*prompt.text), (334, ""));
            if response != "=" {
                assert_eq!(ended(waits.respond(&response)), expected, "{response}");
            }
        }
    }

    #[test]
    fn login_asks_for_name_and_password() {
        let (name, password) = (encoded("ann@example.org"), encoded("postern_x"));
        let AuthStep::Challenge(waits, prompt) = begin("LOGIN", None) else {
            panic!("no challenge");
        };
        assert_eq!(
            STANDARD.decode(&*prompt.text).expect("Base64"),
            b"Username:"
        );
        for step in [waits.respond(&name), begin("login", Some(&name))] {
            let AuthStep::Challenge(waits, prompt) = step else {
                panic!("no challenge");
            };
            assert_eq!(
                STANDARD.decode(&*prompt.text).expect("Base64"),
                b"Password:"
            );
            assert_eq!(ended(waits.respond(&password)), "ann@example.org postern_x");
        }
        assert_eq!(ended(AuthExchange::LoginUser.respond("*")), "501");
    }

    #[test]
    fn other_mechanisms_are_refused() {
        for mechanism in ["CRAM-MD5", "XOAUTH2", ""] {
            assert_eq!(ended(begin(mechanism, Some("YQ=="))), "504", "{mechanism}");
        }
    }
}
