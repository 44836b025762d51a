//! A mail as an application hands it over, and as it is kept: checked, and its bytes finished.

use domain::{EmailAddress, Kind, Refusal, Timestamp};

use super::mailbox::Mailbox;
use super::{compose, raw};

/// The largest mail that is taken, in bytes as they are sent.
pub(super) const LARGEST: usize = 25 * 1024 * 1024;

/// How much of a subject is kept beside the mail, in characters.
const SUBJECT: usize = 200;

/// A mail as an application hands it over, nothing checked yet.
#[derive(Debug, Default)]
pub struct Submission {
    /// `a@b` or `Name <a@b>`; absent, it is from whom the configuration says.
    pub from: Option<String>,
    pub to: Vec<String>,
    pub cc: Vec<String>,
    pub bcc: Vec<String>,
    pub reply_to: Vec<String>,
    pub subject: Option<String>,
    pub text: Option<String>,
    pub html: Option<String>,
    pub headers: Vec<(String, String)>,
    pub attachments: Vec<Attachment>,
    /// A whole mail (RFC 5322) in the place of subject, text, html, headers and attachments.
    pub raw: Option<Vec<u8>>,
}

/// A file that goes with a mail.
#[derive(Debug, Default)]
pub struct Attachment {
    pub filename: String,
    /// A media type; `application/octet-stream` where it is absent.
    pub content_type: Option<String>,
    /// The name by which the HTML shows it: `cid:` and this (RFC 2392).
    pub content_id: Option<String>,
    pub content: Vec<u8>,
}

/// Who a mail is from that does not say.
#[derive(Clone, Debug)]
pub struct Sender {
    pub address: EmailAddress,
    pub name: String,
    pub reply_to: Option<EmailAddress>,
}

/// Ready to be kept and sent: every attempt sends these bytes.
#[derive(Debug)]
pub struct Finished {
    /// Of the envelope.
    pub from: EmailAddress,
    /// To, Cc and Bcc in this order, each once.
    pub recipients: Vec<EmailAddress>,
    /// For people: decoded, fit to be shown, cut to 200 characters.
    pub subject: String,
    /// With its angle brackets.
    pub message_id: String,
    pub bytes: Vec<u8>,
}

impl Submission {
    /// About how many octets it has, and with that how long it takes to finish.
    pub fn weight(&self) -> usize {
        let texts = [&self.text, &self.html];
        let texts = texts.into_iter().flatten().map(String::len).sum::<usize>();
        let files = self.attachments.iter().map(|file| file.content.len());
        texts + files.sum::<usize>() + self.raw.as_ref().map_or(0, Vec::len)
    }

    /// Checks all of it and writes the mail. `id` is a ULID of ours, for a Message-ID where none
    /// is given; `now` is its date.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with every fault at once, by field: `to` where a list has one entry,
    /// `to[2]` where it has more, `attachments[0].filename`, and the plain name otherwise.
    pub fn finish(
        mut self,
        sender: Option<&Sender>,
        id: &str,
        now: Timestamp,
    ) -> Result<Finished, Refusal> {
        let (finished, largest) = match self.raw.take() {
            Some(raw) => (raw::finish(&self, raw, sender, id, now)?, "raw"),
            None => {
                let largest = compose::largest_field(&self);
                (compose::finish(self, sender, id, now)?, largest)
            }
        };
        if finished.bytes.len() > LARGEST {
            return Err(Refusal::of(Kind::Invalid, largest, TOO_LARGE));
        }
        Ok(finished)
    }
}

/// What is wrong with a mail that is larger than [`LARGEST`].
pub(super) const TOO_LARGE: &str =
    "A mail has at most 25 MiB, its attachments as base64 included; send less, or a link.";

/// A subject as it is kept beside the mail.
pub(super) fn shown(subject: &str) -> String {
    domain::sanitize::printable(subject, SUBJECT)
}

/// Who a submission says it is from; `None` where it does not say.
pub(super) fn from(given: Option<&str>, faults: &mut Refusal) -> Option<Mailbox> {
    match Mailbox::parse(given?) {
        Ok(mailbox) => Some(mailbox),
        Err(fault) => {
            faults.add("from", fault);
            None
        }
    }
}

/// What to do when nobody says who a mail is from.
pub(super) const NO_SENDER: &str = "Say who this mail is from, or save an e-mail configuration in Postern: its From address counts where this field is absent.";
