//! Whole messages with an envelope, as SMTP and sendmail bring them, and how they are composed.

use domain::mail::dsn::{MessageDsn, RecipientDsn, ReturnContent, check_envid, check_orcpt};
use domain::{EmailAddress, Kind, Refusal, Timestamp, sanitize};

use super::addresses::mailbox::Mailbox;
use super::addresses::recipients::RecipientList;
use super::compose::lines::{self, Repair};
use super::compose::raw::{self, ADDED, EightBit, MissingFields};
use super::header::raw::{HEADER_MAX, HEADER_TOO_LONG, RawHeader};
use super::header::received::Received;
use super::submission::{ComposedMessage, DefaultSender, MAIL_MAX, TOO_LARGE};

/// The maximum number of Received fields of a message, as Postfix has it (`hopcount_limit`).
const MAX_RECEIVED: usize = 50;

/// The maximum number of recipients of an envelope. Mail servers take at least 100 (RFC 5321 section
/// 4.5.3.1.8), and clients that send to lists expect more.
pub const ENVELOPE_RECIPIENTS_MAX: usize = 1000;

const NOBODY: &str = "A mail needs at least one recipient.";

const NO_AUTHOR: &str = "This mail has the null sender and no From header. Write one, or save an e-mail \
                         configuration in Postern: its From address is the default.";

/// A recipient as RCPT names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeRecipient {
    /// The address.
    pub address: EmailAddress,
    /// The parameters NOTIFY and ORCPT.
    pub dsn: RecipientDsn,
}

/// The envelope that a client gives with a message (RFC 5321 section 2.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmittedEnvelope {
    /// The sender; `None` is the null sender, `<>`.
    pub sender: Option<EmailAddress>,
    /// The recipients.
    pub recipients: Vec<EnvelopeRecipient>,
    /// The parameter RET.
    pub ret: Option<ReturnContent>,
    /// The parameter ENVID, xtext.
    pub envid: Option<String>,
}

/// A whole message with its envelope, not validated.
#[derive(Debug)]
pub struct EnvelopeSubmission {
    /// The envelope.
    pub envelope: SubmittedEnvelope,
    /// The message, without stuffed dots.
    pub bytes: Vec<u8>,
    /// How it was received.
    pub received: Received,
    /// What is repaired in its lines.
    pub repair: Repair,
}

/// A validated envelope.
struct CheckedEnvelope {
    sender: Option<Mailbox>,
    recipients: Vec<EmailAddress>,
    dsn: MessageDsn,
}

impl EnvelopeSubmission {
    /// The approximate size in bytes, to which the time of composing is proportional.
    pub fn weight(&self) -> usize {
        self.bytes.len()
    }

    /// Validates the envelope and the message, and writes the message to be sent: with a Received field,
    /// with Date, Message-ID and From where they are missing, without Bcc fields, and with encoded words
    /// for octets above 127 in the header where there can be some. `default` supplies the From address
    /// of a message with the null sender, `id` is that of the message.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `from` for the sender, `to` for the recipients, `received` for a mail loop, and
    /// `raw` for the message; [`Kind::TooLarge`] under `raw` where it is too large with the added fields.
    pub fn compose(
        self,
        default: Option<&DefaultSender>,
        id: &str,
        now: Timestamp,
    ) -> Result<ComposedMessage, Refusal> {
        let mut faults = Refusal::invalid();
        let envelope = check(self.envelope, &mut faults);
        let lines = match lines::repaired(self.bytes, self.repair) {
            Ok(lines) => lines,
            Err(fault) => {
                faults.add("raw", fault);
                return Err(faults);
            }
        };
        let header = RawHeader::read_until_body(without_mailbox_line(&lines), HEADER_MAX);
        if header.is_cut {
            faults.add("raw", HEADER_TOO_LONG);
            return Err(faults);
        }
        if header.named("Received").nth(MAX_RECEIVED).is_some() {
            let text =
                format!("Mail loop: this mail has more than {MAX_RECEIVED} Received headers.");
            faults.add("received", text);
        }
        if let Some(fault) = raw::authors_fault(&header) {
            faults.add("raw", fault);
        }
        let from = match envelope.sender.clone() {
            Some(sender) => Some(sender),
            // Their faults were added.
            None if !faults.fields.is_empty() => None,
            None if default.is_none() && !header.has("From") => {
                faults.add("from", NO_AUTHOR);
                None
            }
            None => raw::author(&header, default, &mut faults),
        };
        let Some(from) = from.filter(|_| faults.fields.is_empty()) else {
            return Err(faults);
        };
        let mut bytes = Vec::with_capacity(lines.len() + ADDED);
        bytes.extend_from_slice(self.received.field(id, now).as_bytes());
        let missing = MissingFields { from, id, now };
        let composed = raw::complete(&header, missing, EightBit::EncodedOrKept, bytes)?;
        if composed.bytes.len() > MAIL_MAX {
            return Err(Refusal::of(Kind::TooLarge, "raw", TOO_LARGE));
        }
        Ok(ComposedMessage {
            null_sender: envelope.sender.is_none(),
            recipients: envelope.recipients,
            dsn: Some(envelope.dsn),
            ..composed
        })
    }
}

/// Validates an envelope. A recipient that is named twice is one, with the parameters that it was named
/// with first. Faults are added under `from` and `to`.
fn check(envelope: SubmittedEnvelope, faults: &mut Refusal) -> CheckedEnvelope {
    let SubmittedEnvelope {
        sender,
        recipients,
        ret,
        envid,
    } = envelope;
    let sender = sender.and_then(|address| mailbox(address, "from", faults));
    if let Some(Err(fault)) = envid.as_deref().map(check_envid) {
        faults.add("from", fault);
    }
    if recipients.is_empty() {
        faults.add("to", NOBODY);
    }
    let mut list = RecipientList::default();
    let mut parameters = Vec::with_capacity(recipients.len().min(128));
    for EnvelopeRecipient { address, dsn } in recipients {
        if let Some(Err(fault)) = dsn.orcpt.as_deref().map(check_orcpt) {
            faults.add("to", fault);
        }
        let Some(recipient) = mailbox(address, "to", faults) else {
            break;
        };
        if list.add("to", &recipient) {
            parameters.push(dsn);
        }
        if list.addresses.len() > ENVELOPE_RECIPIENTS_MAX {
            let rule = format!("A mail has at most {ENVELOPE_RECIPIENTS_MAX} recipients");
            faults.add("to", format!("{rule}; send the others in another one."));
            break;
        }
    }
    if parameters.iter().all(|dsn| *dsn == RecipientDsn::default()) {
        parameters.clear();
    }
    CheckedEnvelope {
        sender,
        recipients: list.addresses,
        dsn: MessageDsn {
            ret,
            envid,
            recipients: parameters,
        },
    }
}

/// The mailbox with an address. A fault is added under `field`.
fn mailbox(address: EmailAddress, field: &str, faults: &mut Refusal) -> Option<Mailbox> {
    let shown = sanitize::printable(address.as_str(), 80);
    let mailbox = Mailbox::new("", address);
    mailbox
        .map_err(|fault| faults.add(field, format!("“{shown}” is not a valid address. {fault}")))
        .ok()
}

/// The message without a first line `From …`, which separates messages in a file of them and is no part
/// of any.
fn without_mailbox_line(lines: &[u8]) -> &[u8] {
    if !lines.starts_with(b"From ") && !lines.starts_with(b">From ") {
        return lines;
    }
    let end = memchr::memchr(b'\n', lines).map_or(lines.len(), |at| at + 1);
    &lines[end..]
}
