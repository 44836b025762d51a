//! The stages of an SMTP session and what can go wrong in them, as observed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::settings::{AuthenticationType, ConnectionType, SmtpSettings};
use crate::{Host, Reply};

/// Where in the dialogue a session is. The names are those of the command line and the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    Dns,
    Tcp,
    Tls,
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    Quit,
}

impl Stage {
    /// As the command line and the API name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Greeting => "greeting",
            Self::Ehlo => "ehlo",
            Self::StartTls => "starttls",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Quit => "quit",
        }
    }

    /// The stages of a session with these settings, in their order: RCPT where there is a
    /// recipient, DATA where a mail is sent. StartTLS, where it is not required, may turn out not to
    /// be offered.
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

    /// What a person reads while it runs.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Dns => "Looking up the host",
            Self::Tcp => "Connecting",
            Self::Tls => "Securing the connection",
            Self::Greeting => "Waiting for the greeting",
            Self::Ehlo => "Introducing Postern",
            Self::StartTls => "Asking for encryption",
            Self::Auth => "Signing in",
            Self::Mail => "Naming the sender",
            Self::Rcpt => "Naming the recipient",
            Self::Data => "Handing over the mail",
            Self::Quit => "Saying goodbye",
        }
    }
}

/// What is wrong with a relay's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateFault {
    Expired,
    NotYetValid,
    /// Issued for other names than the host's.
    OtherName,
    SelfSigned,
    UnknownIssuer,
    /// Its issuer is not known, and the relay did not send the certificates that lead to a known
    /// one although there must be some.
    ChainIncomplete,
    /// X.509 version 1, which cannot say what it is for.
    Version1,
    /// Not one of those an administrator trusts for this relay.
    NotTrusted,
    Invalid,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// DNS says there is no such name.
    NameNotFound,
    /// The resolver itself failed or did not answer.
    ResolverFailed,
    /// Nothing listens at the port.
    ConnectionRefused,
    Unreachable,
    /// Nothing came back within the connect time-out.
    NoAnswer,
    /// The operator of this Postern forbids the address.
    AddressNotAllowed,
    /// Connected, but no whole reply within the command time-out.
    TimedOut,
    /// The relay closed the connection in good order.
    Closed,
    /// The connection was cut.
    Reset,
    /// The handshake failed for another reason than the certificate.
    Handshake,
    /// The relay speaks no TLS that is still safe: neither 1.2 nor 1.3.
    TlsTooOld,
    /// TLS was expected, something else came: usually a port for StartTLS.
    NotTls,
    /// TLS was expected, and what came is no reply of SMTP either, so that it is no relay at all.
    NotSmtp,
    /// The relay wants a certificate from its clients (mutual TLS), and Postern has none.
    ClientCertificateRequired,
    Certificate(CertificateFault),
    /// Bytes came after the 220 to StartTLS and before the handshake: somebody is on the line.
    ResponseInjection,
    StartTlsNotOffered,
    /// Not a reply of RFC 5321 section 4.2, too long, or one too many.
    Malformed,
    /// The relay does not offer the configured mechanism; the ones it offers.
    MechanismNotOffered(Vec<String>),
    /// The password would have travelled unencrypted, and nobody allowed that.
    EncryptionRequired,
    /// An authentication type is set, and there is no user name or password.
    NoCredentials,
    SmtpUtf8NotOffered,
    EightBitNotOffered,
    /// A CR, LF or NUL where none may be: in a command, or in the mail and not a line's end. It
    /// would let one mail pass for two. Nothing of it was sent.
    LineBreak,
    /// The mail is larger than the relay takes: its limit in bytes (RFC 1870).
    TooBig(u64),
    /// The relay said no; its words are in the reply.
    Rejected,
    /// The run as a whole took too long.
    Deadline,
}

/// A session that ended early: where, why, and the relay's own words if it had any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub stage: Stage,
    pub fault: Fault,
    pub reply: Option<Reply>,
    /// Particulars for a person, as in `no answer from 192.0.2.1:25 within 5 s`. No secret.
    pub detail: String,
    /// Whether a reply had begun when its time was over; else nothing came at all. The lines of
    /// the dialogue show it, and the cause tells it.
    #[serde(skip)]
    pub unfinished: bool,
}

impl Failure {
    pub fn new(stage: Stage, fault: Fault, detail: impl Into<String>) -> Self {
        Self {
            stage,
            fault,
            reply: None,
            detail: detail.into(),
            unfinished: false,
        }
    }

    /// The relay answered, and the answer was no.
    pub fn rejected(stage: Stage, reply: Reply) -> Self {
        Self {
            stage,
            fault: Fault::Rejected,
            detail: String::new(),
            reply: Some(reply),
            unfinished: false,
        }
    }

    /// Whether both sides still know where they are: the relay said no, or was not asked for what it
    /// does not offer. 421 is its own goodbye.
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

    /// The relay's own words where there are some, else what was observed.
    pub fn reply_or_detail(&self) -> String {
        match &self.reply {
            Some(reply) => reply.to_line(),
            None => self.detail.clone(),
        }
    }

    /// Whether time ran out, rather than the relay saying no.
    pub fn is_timeout(&self) -> bool {
        matches!(
            self.fault,
            Fault::NoAnswer | Fault::TimedOut | Fault::Deadline
        )
    }
}

impl fmt::Display for Failure {
    /// The relay's own words where there are some, else what was observed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reply {
            Some(reply) => write!(f, "The relay said: {}", reply.to_line()),
            None => f.write_str(&self.detail),
        }
    }
}

impl std::error::Error for Failure {}
