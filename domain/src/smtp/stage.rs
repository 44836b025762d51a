//! The stages of an SMTP session and the failures observed in them.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::settings::{AuthenticationType, ConnectionType, SmtpSettings};
use crate::{Host, Reply};

/// A stage of an SMTP session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Stage {
    /// The DNS look-up of the host.
    Dns,
    /// The TCP connection.
    Tcp,
    /// The TLS handshake, implicit or after StartTLS.
    Tls,
    /// The relay's greeting (RFC 5321 section 3.1).
    Greeting,
    /// EHLO (RFC 5321 section 4.1.1.1).
    Ehlo,
    /// STARTTLS (RFC 3207).
    StartTls,
    /// AUTH (RFC 4954).
    Auth,
    /// MAIL FROM (RFC 5321 section 4.1.1.2).
    Mail,
    /// RCPT TO (RFC 5321 section 4.1.1.3).
    Rcpt,
    /// DATA or BDAT, and the message itself.
    Data,
    /// QUIT (RFC 5321 section 4.1.1.10).
    Quit,
}

impl Stage {
    /// The name on the command line and in the API.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The planned stages of a session with these settings, in order: RCPT with a recipient, DATA
    /// with a mail. StartTLS is skipped later when it is optional and not offered.
    pub fn plan(settings: &SmtpSettings, recipient: bool, mail: bool) -> Vec<Self> {
        let implicit = settings.connection == ConnectionType::Ssl;
        [
            (Self::Dns, matches!(settings.host, Host::Name(_))),
            (Self::Tcp, true),
            (Self::Tls, implicit),
            (Self::Greeting, true),
            (Self::Ehlo, true),
            (Self::StartTls, !implicit),
            (Self::Tls, !implicit),
            (Self::Ehlo, !implicit),
            (
                Self::Auth,
                settings.authentication != AuthenticationType::None,
            ),
            (Self::Mail, true),
            (Self::Rcpt, recipient),
            (Self::Data, mail),
            (Self::Quit, true),
        ]
        .into_iter()
        .filter_map(|(stage, expected)| expected.then_some(stage))
        .collect()
    }

    /// The protocol's term for the stage.
    pub const fn term(self) -> &'static str {
        match self {
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Greeting => "Greeting",
            Self::Ehlo => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL FROM",
            Self::Rcpt => "RCPT TO",
            Self::Data => "DATA",
            Self::Quit => "QUIT",
        }
    }

    /// What the stage does, to follow its term.
    pub const fn gloss(self) -> &'static str {
        match self {
            Self::Dns => "lookup of the host",
            Self::Tcp => "connection",
            Self::Tls => "handshake",
            Self::Greeting => "of the relay",
            Self::Ehlo => "introduces Postern",
            Self::StartTls => "asks for encryption",
            Self::Auth => "sign-in",
            Self::Mail => "names the sender",
            Self::Rcpt => "names the recipient",
            Self::Data => "sends the message",
            Self::Quit => "ends the session",
        }
    }

    /// Term and gloss, as in `AUTH sign-in`.
    pub fn title(self) -> String {
        format!("{} {}", self.term(), self.gloss())
    }
}

/// Why a relay's certificate does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CertificateFault {
    /// The validity period has ended.
    Expired,
    /// The validity period has not begun.
    NotYetValid,
    /// The host name is not among the names of the certificate.
    OtherName,
    /// The certificate is its own issuer.
    SelfSigned,
    /// The issuer is not trusted.
    UnknownIssuer,
    /// The issuer is not trusted, and the relay did not send the intermediate certificates.
    ChainIncomplete,
    /// The certificate is of X.509 version 1, which has no extensions and cannot name a host.
    Version1,
    /// The certificate is not among the trusted certificates of the relay.
    NotTrusted,
    /// The certificate is malformed, not for servers, or signed with an insecure algorithm.
    Invalid,
}

/// The fault observed in a failed stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The name does not exist in DNS.
    NameNotFound,
    /// The name servers failed or did not answer.
    ResolverFailed,
    /// Nothing listens on the port.
    ConnectionRefused,
    /// There is no route to the address.
    Unreachable,
    /// No answer within the connect time-out.
    NoAnswer,
    /// The operator's allow and deny lists forbid the address.
    AddressNotAllowed,
    /// The address is not public, as required for an account's own relay.
    AddressNotPublic,
    /// No complete reply within the command time-out.
    TimedOut,
    /// The relay closed the connection (FIN or `close_notify`).
    Closed,
    /// The connection was reset.
    Reset,
    /// The TLS handshake failed for a reason other than the certificate.
    Handshake,
    /// The relay ended the handshake with the alert `internal_error` (RFC 8446 section 6.2).
    TlsInternalError,
    /// The relay supports neither TLS 1.2 nor 1.3.
    TlsTooOld,
    /// The relay sent an SMTP reply instead of TLS, usually on a StartTLS port.
    NotTls,
    /// The server sent neither TLS nor an SMTP reply.
    NotSmtp,
    /// The relay requires a client certificate (mutual TLS), and Postern has none.
    ClientCertificateRequired,
    /// The certificate does not pass.
    Certificate(CertificateFault),
    /// Unencrypted bytes followed the 220 to STARTTLS, a response injection attack.
    ResponseInjection,
    /// StartTLS is required and not offered.
    StartTlsNotOffered,
    /// A reply is malformed (RFC 5321 section 4.2), too long or unexpected.
    Malformed,
    /// The configured mechanism is not offered; holds the offered ones.
    MechanismNotOffered(Vec<String>),
    /// The password would be sent unencrypted, and the settings do not allow that.
    EncryptionRequired,
    /// An authentication type is set without a user name or password.
    NoCredentials,
    /// An address needs SMTPUTF8 (RFC 6531), which is not offered.
    SmtpUtf8NotOffered,
    /// The mail needs 8BITMIME (RFC 6152), which is not offered.
    EightBitNotOffered,
    /// A command or the mail contains a bare CR or LF, or a NUL. It could smuggle a second mail, so
    /// nothing was sent.
    LineBreak,
    /// The mail exceeds the relay's limit in bytes (RFC 1870).
    TooBig(u64),
    /// The relay replied with 4xx or 5xx.
    Rejected,
    /// The run exceeded its overall time limit.
    Deadline,
    /// Postern's own limit of messages through the relay is reached; nothing was sent.
    OwnLimit,
}

/// The failure of a session: the stage, the fault and the relay's reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Failure {
    /// The stage that failed.
    pub stage: Stage,
    /// What was observed.
    pub fault: Fault,
    /// The reply, with [`Fault::Rejected`].
    pub reply: Option<Reply>,
    /// Details for display, as in `no answer from 192.0.2.1:25 within 5 s`. Contains no secret.
    pub detail: String,
    /// With [`Fault::TimedOut`], whether part of a reply had arrived.
    #[serde(skip)]
    pub unfinished: bool,
}

impl Failure {
    /// A failure without a reply.
    pub fn new(stage: Stage, fault: Fault, detail: impl Into<String>) -> Self {
        Self {
            stage,
            fault,
            reply: None,
            detail: detail.into(),
            unfinished: false,
        }
    }

    /// A failure by a 4xx or 5xx reply.
    pub fn rejected(stage: Stage, reply: Reply) -> Self {
        Self {
            stage,
            fault: Fault::Rejected,
            detail: String::new(),
            reply: Some(reply),
            unfinished: false,
        }
    }

    /// Whether the session can continue with QUIT: the relay refused a command, or Postern did not
    /// send one. After 421 the relay closes the connection itself.
    pub fn session_usable(&self) -> bool {
        match &self.fault {
            Fault::Rejected => self.reply.as_ref().is_some_and(|reply| reply.code != 421),
            Fault::StartTlsNotOffered
            | Fault::MechanismNotOffered(_)
            | Fault::EncryptionRequired
            | Fault::NoCredentials => true,
            _ => false,
        }
    }

    /// The relay's reply if there is one, else the detail.
    pub fn reply_or_detail(&self) -> String {
        match &self.reply {
            Some(reply) => reply.to_line(),
            None => self.detail.clone(),
        }
    }

    /// Whether a time limit was exceeded.
    pub fn is_timeout(&self) -> bool {
        matches!(
            self.fault,
            Fault::NoAnswer | Fault::TimedOut | Fault::Deadline
        )
    }
}

impl fmt::Display for Failure {
    /// The relay's reply if there is one, else the detail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reply {
            Some(reply) => write!(f, "The relay replied: {}", reply.to_line()),
            None => f.write_str(&self.detail),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Form, Label};

    #[test]
    fn the_plan_follows_the_settings() {
        let form = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "192.0.2.1")
            .with(Label::Port, "25");
        let plan = |form: &Form, recipient, mail| {
            let stages = Stage::plan(&form.parse().expect("valid"), recipient, mail);
            let names: Vec<&str> = stages.into_iter().map(Stage::as_str).collect();
            names.join(" ")
        };
        let start_tls = "tcp greeting ehlo starttls tls ehlo";
        assert_eq!(plan(&form, false, false), format!("{start_tls} mail quit"));
        assert_eq!(
            plan(&form, true, false),
            format!("{start_tls} mail rcpt quit")
        );
        let form = form
            .with(Label::Host, "smtp.example.org")
            .with(Label::ConnectionType, "SSL")
            .with(Label::AuthenticationType, "Plain");
        assert_eq!(
            plan(&form, true, true),
            "dns tcp tls greeting ehlo auth mail rcpt data quit"
        );
    }

    #[test]
    fn a_session_is_usable_after_a_refusal_but_not_after_a_break() {
        let rejected = |code| Failure::rejected(Stage::Rcpt, Reply::new(code, std::iter::empty()));
        let failed = |fault| Failure::new(Stage::Auth, fault, "as observed");
        for (failure, usable, timed_out) in [
            (rejected(550), true, false),
            (rejected(421), false, false),
            (failed(Fault::StartTlsNotOffered), true, false),
            (failed(Fault::MechanismNotOffered(Vec::new())), true, false),
            (failed(Fault::EncryptionRequired), true, false),
            (failed(Fault::NoCredentials), true, false),
            (failed(Fault::Closed), false, false),
            (failed(Fault::TimedOut), false, true),
            (failed(Fault::NoAnswer), false, true),
            (failed(Fault::Deadline), false, true),
        ] {
            assert_eq!(failure.session_usable(), usable, "{failure:?}");
            assert_eq!(failure.is_timeout(), timed_out, "{failure:?}");
        }
    }

    #[test]
    fn a_reply_is_preferred_to_the_detail() {
        let reply = Reply::new(550, [b"5.1.1 no such user".as_slice()].into_iter());
        let rejected = Failure::rejected(Stage::Rcpt, reply);
        assert_eq!(rejected.reply_or_detail(), "550 5.1.1 no such user");
        assert_eq!(
            rejected.to_string(),
            "The relay replied: 550 5.1.1 no such user"
        );
        let failed = Failure::new(Stage::Tcp, Fault::NoAnswer, "no answer within 5 s");
        assert_eq!(failed.reply_or_detail(), "no answer within 5 s");
        assert_eq!(failed.to_string(), "no answer within 5 s");
    }
}
