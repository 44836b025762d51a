//! The class of a cause: what the failure is about, and who can repair it.

use serde::Serialize;
use strum::{EnumIter, IntoStaticStr};

/// What a failure is about. The class of a reply decides what delivery does with the message
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
    /// The account that sends is barred, unpaid or exhausted.
    SenderAccount,
    /// SPF, DKIM, DMARC or ARC of the sender's domain.
    DomainAuthentication,
    /// The recipient's address or its domain does not exist or is malformed.
    Recipient,
    /// The mailbox exists and takes no mail: full, disabled, or receiving too fast.
    Mailbox,
    /// The recipient's side takes mail from certain senders only.
    RecipientPolicy,
    /// The IP address or the domain is blocked or has a poor reputation.
    Reputation,
    /// The names of the client: reverse DNS and EHLO.
    Identity,
    /// Spam, viruses, attachments, and the form of the message.
    Content,
    /// The size of the message.
    Size,
    /// Too many messages or connections in a time.
    Rate,
    /// A first message of an unknown sender is deferred.
    Greylisting,
    /// Too many recipients in one message.
    RecipientsLimit,
    /// The relay's own trouble: storage, configuration, look-ups, loops.
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
    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
