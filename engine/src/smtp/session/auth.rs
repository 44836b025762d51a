//! Sign-in (RFC 4954) by PLAIN, LOGIN and CRAM-MD5. No secret reaches a log or an observer.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{AuthenticationType, Failure, Fault, Reply, SecretString, SmtpSettings, Stage};
use hmac::{Hmac, Mac};
use md5::Md5;
use zeroize::Zeroizing;

use crate::smtp::wire::{REDACTED, Wire};

/// The maximum length of a command line with its end, in octets (RFC 5321 section 4.5.3.1.4). RFC
/// 4954 allows more for AUTH, but not every relay does.
const COMMAND_MAX: usize = 512;

type Secret = Zeroizing<String>;

/// The sign-in of one session.
pub(super) struct Authentication<'a> {
    pub wire: &'a mut Wire,
    /// The mechanisms that the relay offers.
    pub offered: &'a [&'static str],
    /// The time for each reply.
    pub command_timeout: Duration,
}

impl Authentication<'_> {
    /// Signs in by the mechanism of the settings.
    ///
    /// All three mechanisms need encryption or the administrator's permission: an eavesdropper on
    /// CRAM-MD5 does not learn the password, but can test any number of guesses offline.
    ///
    /// # Errors
    /// Missing credentials, missing encryption, a mechanism that is not offered, and a refusal.
    pub async fn sign_in(
        &mut self,
        settings: &SmtpSettings,
        password: Option<&SecretString>,
    ) -> Result<(), Failure> {
        let username = settings.username.as_str();
        let failed = |fault, detail: &str| Err(Failure::new(Stage::Auth, fault, detail));
        let Some(mechanism) = settings.authentication.mechanism() else {
            return Ok(());
        };
        let Some(password) = password.filter(|given| !given.is_empty() && !username.is_empty())
        else {
            return failed(
                Fault::NoCredentials,
                "signing in needs a user name and a password",
            );
        };
        if self.wire.encryption().is_none() && !settings.plaintext_auth {
            return failed(
                Fault::EncryptionRequired,
                "the connection is not encrypted; the password was not sent",
            );
        }
        if !self.offered.contains(&mechanism) {
            let detail = match self.offered {
                [] => "the relay offers no authentication".to_owned(),
                some => format!("the relay offers {}, not {mechanism}", some.join(", ")),
            };
            let offered = self.offered.iter().map(|name| (*name).to_owned()).collect();
            return failed(Fault::MechanismNotOffered(offered), &detail);
        }
        let password = password.expose();
        let secrets = self.wire.secrets();
        secrets.keep(password);
        secrets.keep_encoded(&encode(password));
        match settings.authentication {
            AuthenticationType::Plain => self.plain(username, password).await,
            AuthenticationType::Login => self.login(username, password).await,
            AuthenticationType::CramMd5 => self.cram_md5(username, password).await,
            AuthenticationType::None => Ok(()),
        }
    }

    /// Signs in by PLAIN (RFC 4616).
    async fn plain(&mut self, username: &str, password: &str) -> Result<(), Failure> {
        let response = plain_response(username, password);
        let at_once = Zeroizing::new(format!("AUTH PLAIN {}", *response));
        if at_once.len() + 2 <= COMMAND_MAX {
            self.wire.secrets().keep_encoded(&response);
            return self
                .finish(&at_once, &format!("AUTH PLAIN {REDACTED}"))
                .await;
        }
        self.challenge("AUTH PLAIN").await?;
        self.answer(&response).await
    }

    /// The challenges are not read: their text differs between relays, and each asks for the user
    /// name first.
    async fn login(&mut self, username: &str, password: &str) -> Result<(), Failure> {
        self.challenge("AUTH LOGIN").await?;
        self.ask(&encode(username), REDACTED).await?;
        self.answer(&encode(password)).await
    }

    /// Signs in by CRAM-MD5 (RFC 2195).
    async fn cram_md5(&mut self, username: &str, password: &str) -> Result<(), Failure> {
        let challenge = self.challenge("AUTH CRAM-MD5").await?;
        let challenge = STANDARD.decode(challenge.trim_ascii()).map_err(|_| {
            Failure::new(
                Stage::Auth,
                Fault::Malformed,
                "the relay sent a challenge that is not base64",
            )
        })?;
        let digest = cram_md5_digest(password, &challenge)?;
        self.wire.secrets().keep_encoded(&digest);
        self.answer(&cram_md5_response(username, &digest)).await
    }

    /// Sends a line that the relay answers with a challenge.
    async fn challenge(&mut self, line: &str) -> Result<Vec<u8>, Failure> {
        self.ask(line, line).await
    }

    /// Like [`Self::challenge`], with a line that observers receive as `shown`.
    async fn ask(&mut self, line: &str, shown: &str) -> Result<Vec<u8>, Failure> {
        let within = self.command_timeout;
        let reply = self.wire.exchange(Stage::Auth, line, shown, within).await?;
        match reply.code {
            334 => Ok(reply.lines().next().unwrap_or_default().to_vec()),
            400.. => Err(Failure::rejected(Stage::Auth, reply.shown())),
            _ => Err(unexpected(&reply.shown(), "a challenge")),
        }
    }

    /// Sends the last line, which is a secret.
    async fn answer(&mut self, secret: &str) -> Result<(), Failure> {
        self.wire.secrets().keep_encoded(secret);
        self.finish(secret, REDACTED).await
    }

    /// Sends the last line, which observers receive as `shown`.
    async fn finish(&mut self, line: &str, shown: &str) -> Result<(), Failure> {
        let within = self.command_timeout;
        let reply = self.wire.exchange(Stage::Auth, line, shown, within).await?;
        match reply.code {
            200..300 => Ok(()),
            400.. => Err(Failure::rejected(Stage::Auth, reply.shown())),
            _ => Err(unexpected(&reply.shown(), "a result")),
        }
    }
}

fn unexpected(reply: &Reply, expected: &str) -> Failure {
    Failure::new(
        Stage::Auth,
        Fault::Malformed,
        format!(
            "the relay answered {} instead of {expected}",
            reply.to_line()
        ),
    )
}

fn encode(text: &str) -> Secret {
    Zeroizing::new(STANDARD.encode(text))
}

fn plain_response(username: &str, password: &str) -> Secret {
    encode(&Zeroizing::new(format!("\0{username}\0{password}")))
}

fn cram_md5_response(username: &str, digest: &str) -> Secret {
    encode(&Zeroizing::new(format!("{username} {digest}")))
}

fn cram_md5_digest(password: &str, challenge: &[u8]) -> Result<Secret, Failure> {
    let mut mac = <Hmac<Md5> as Mac>::new_from_slice(password.as_bytes())
        .map_err(|error| Failure::new(Stage::Auth, Fault::Malformed, error.to_string()))?;
    mac.update(challenge);
    let digest = mac.finalize().into_bytes();
    Ok(Zeroizing::new(format!("{digest:x}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_is_as_in_rfc_4616() {
        assert_eq!(
            *plain_response("tim", "tanstaaftanstaaf"),
            "AHRpbQB0YW5zdGFhZnRhbnN0YWFm"
        );
        assert_eq!(*plain_response("ü", "密"), "AMO8AOWvhg==");
    }

    #[test]
    fn cram_md5_is_as_in_rfc_2195() {
        let challenge = STANDARD
            .decode("PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+")
            .unwrap();
        assert_eq!(
            *cram_md5_response(
                "tim",
                &cram_md5_digest("tanstaaftanstaaf", &challenge).unwrap()
            ),
            "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"
        );
    }
}
