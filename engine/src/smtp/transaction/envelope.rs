//! The envelope of a mail, the message in it, and the results for its recipients.

use std::sync::Arc;

use domain::mail::dsn::MessageDsn;
use domain::{EmailAddress, Failure, Reply};

/// The sender and the recipients of a mail, as MAIL and RCPT name them.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The address in MAIL FROM; `None` is the null sender, `<>`.
    pub from: Option<EmailAddress>,
    /// The addresses in RCPT TO. At least one, except for [`Session::dry_run`].
    ///
    /// [`Session::dry_run`]: crate::smtp::Session::dry_run
    pub to: Vec<EmailAddress>,
    /// The parameters of RFC 3461, in the order of `to`. A relay that does not offer DSN gets none.
    pub dsn: Option<MessageDsn>,
}

/// A finished message for a relay.
#[derive(Debug)]
pub struct OutgoingMessage {
    /// Its sender and recipients.
    pub envelope: Envelope,
    /// The message, with CRLF line ends. It is sent as it is, apart from stuffed dots and a last
    /// line end where that is missing.
    pub message: Arc<[u8]>,
}

/// The result for each recipient, in the order of the envelope: the relay's 2xx to the end of data,
/// or why there is none.
pub type RecipientResults = Vec<Result<Reply, Failure>>;
