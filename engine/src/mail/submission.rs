//! Submissions as applications send them, and composed messages as they are stored.

use domain::mail::dsn::MessageDsn;
use domain::outbox::Priority;
use domain::{EmailAddress, Refusal};

use super::addresses::mailbox::Mailbox;

/// The largest message that is accepted, in bytes as they are sent.
pub const MAIL_MAX: usize = 25 * 1024 * 1024;

/// The longest subject that is kept beside the message, in characters.
const SUBJECT: usize = 200;

/// A message as an application submits it, not validated.
#[derive(Debug, Default)]
pub struct Submission {
    /// `a@b` or `Name <a@b>`; without it, the From address of the settings is used.
    pub from: Option<String>,
    /// Recipients in the header field To.
    pub to: Vec<String>,
    /// Recipients in the header field Cc.
    pub cc: Vec<String>,
    /// Recipients that no header field names.
    pub bcc: Vec<String>,
    /// The addresses of Reply-To; without them, that of the settings if `from` is absent too.
    pub reply_to: Vec<String>,
    /// The subject, one line.
    pub subject: Option<String>,
    /// The plain-text body.
    pub text: Option<String>,
    /// The HTML body.
    pub html: Option<String>,
    /// More header fields, as names and values.
    pub headers: Vec<(String, String)>,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// A whole message (RFC 5322) instead of subject, text, html, headers and attachments.
    pub raw: Option<Vec<u8>>,
    /// The class in its queue; without it, the default of the token.
    pub priority: Option<Priority>,
    /// Whether to count how often its HTML is shown.
    pub track_opens: bool,
    /// Whether failures are reported to its From address (RFC 3464).
    pub report: bool,
    /// The id of the webhook of the account that gets the events of the message.
    pub webhook: Option<String>,
}

/// A file of a submission.
#[derive(Debug, Default)]
pub struct Attachment {
    /// The name that recipients see.
    pub filename: String,
    /// A media type; if absent, that of the extension of `filename`, or
    /// `application/octet-stream`.
    pub content_type: Option<String>,
    /// The name by which the HTML refers to it, as `cid:` URL (RFC 2392).
    pub content_id: Option<String>,
    /// The bytes, not encoded.
    pub content: Vec<u8>,
}

/// The sender of submissions without `from`, from the settings.
#[derive(Clone, Debug)]
pub struct DefaultSender {
    /// The From address.
    pub address: EmailAddress,
    /// The display name; may be empty.
    pub name: String,
    /// The Reply-To address.
    pub reply_to: Option<EmailAddress>,
}

/// A message ready to be stored and sent: every attempt sends these bytes.
#[derive(Debug)]
pub struct ComposedMessage {
    /// The sender of the envelope. With the null sender, the author, who is then the one that the queue
    /// is chosen by.
    pub from: EmailAddress,
    /// Whether the sender of the envelope is the null sender, `<>`.
    pub null_sender: bool,
    /// The recipients of the envelope, each once.
    pub recipients: Vec<EmailAddress>,
    /// The DSN parameters of the envelope; `None` where no report is sent.
    pub dsn: Option<MessageDsn>,
    /// For display: decoded, without control characters, at most 200 characters.
    pub subject: String,
    /// The Message-ID with its angle brackets.
    pub message_id: String,
    /// The header and the body; lines end with CRLF.
    pub bytes: Vec<u8>,
}

impl ComposedMessage {
    /// The sender of the envelope as it is stored: empty for the null sender.
    pub fn envelope_sender(&self) -> &str {
        match self.null_sender {
            true => "",
            false => self.from.as_str(),
        }
    }
}

impl Submission {
    /// The approximate size in bytes, to which the time of composing is proportional.
    pub fn weight(&self) -> usize {
        let texts = [&self.text, &self.html];
        let texts = texts.into_iter().flatten().map(String::len).sum::<usize>();
        let files = self.attachments.iter().map(|file| file.content.len());
        texts + files.sum::<usize>() + self.raw.as_ref().map_or(0, Vec::len)
    }
}

/// The fault of a message larger than [`MAIL_MAX`].
pub(super) const TOO_LARGE: &str =
    "A mail has at most 25 MiB, its attachments as base64 included; send less, or a link.";

/// A subject for display, as it is stored beside the message.
pub(super) fn shown(subject: &str) -> String {
    domain::sanitize::printable(subject, SUBJECT)
}

/// Parses the `from` of a submission; `None` if it is absent or invalid. A fault is added under
/// `from`.
pub(super) fn from(given: Option<&str>, faults: &mut Refusal) -> Option<Mailbox> {
    match Mailbox::parse(given?) {
        Ok(mailbox) => Some(mailbox),
        Err(fault) => {
            faults.add("from", fault);
            None
        }
    }
}

/// The fault of a submission without a sender.
pub(super) const NO_SENDER: &str = "Set the field from, or save an e-mail configuration in \
                                    Postern: its From address is the default.";
