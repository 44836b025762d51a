//! The class of a cause: the subject of the failure.

use serde::Serialize;
use strum::{EnumIter, IntoStaticStr};

/// The subject of a failure. The class of a reply decides what delivery does with the message
/// ([`crate::outbox::disposition`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, IntoStaticStr, EnumIter)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CauseClass {
    /// Credentials, mechanisms, and limits on failed sign-ins.
    SignIn,
    /// The relay does not relay for this client, or only after a sign-in.
    Relaying,
    /// The sender's address or its domain.
    Sender,
    /// The sending account is barred, unpaid or exhausted.
    SenderAccount,
    /// SPF, DKIM, DMARC or ARC of the sender's domain.
    DomainAuthentication,
    /// The recipient's address or its domain does not exist or is malformed.
    Recipient,
    /// The mailbox exists and takes no mail: it is full, disabled, or receives mail too fast.
    Mailbox,
    /// The recipient's server takes mail from certain senders only.
    RecipientPolicy,
    /// The IP address or the domain is blocked or has a poor reputation.
    Reputation,
    /// The names of the client: reverse DNS and EHLO.
    Identity,
    /// Spam, viruses, attachments, and the form of the message.
    Content,
    /// The size of the message.
    Size,
    /// Too many messages or connections in a period.
    Rate,
    /// Greylisting: the first message of an unknown sender is deferred.
    Greylisting,
    /// Too many recipients in one message.
    RecipientsLimit,
    /// Faults of the relay itself: storage, configuration, look-ups, loops.
    RelayFault,
    /// A policy that the reply does not explain.
    Policy,
    /// SMTP itself: syntax, sequence, commands and extensions.
    Protocol,
    /// DNS, TCP, firewalls, time-outs and cut connections.
    Network,
    /// TLS and certificates; the relay requires TLS first.
    Tls,
}

impl CauseClass {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
