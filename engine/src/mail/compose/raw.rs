//! Composes a message from a raw one (RFC 5322): validated, and changed as little as possible.

use domain::{Kind, Refusal, Timestamp, sanitize};

use super::lines;
use super::mime::LINE;
use crate::mail::addresses::list::AddressList;
use crate::mail::addresses::mailbox::Mailbox;
use crate::mail::addresses::recipients::RecipientList;
use crate::mail::header::raw::{HEADER_MAX, HEADER_TOO_LONG, RawHeader};
use crate::mail::header::{self, encoding};
use crate::mail::submission::{self, ComposedMessage, DefaultSender, NO_SENDER, Submission};

/// The fields that name the recipients, and those of a message that was resent.
const RECIPIENTS: [&str; 3] = ["To", "Cc", "Bcc"];
const RESENT_RECIPIENTS: [&str; 3] = ["Resent-To", "Resent-Cc", "Resent-Bcc"];

/// About how many octets are added to a message.
pub(in crate::mail) const ADDED: usize = 512;

/// The fields for blind copies, which are removed.
const BLIND: [&str; 2] = ["Bcc", "Resent-Bcc"];

/// Validates a raw message and writes the message to be sent: line ends become CRLF, missing Date,
/// Message-ID and From fields are added, Bcc fields removed, and octets above 127 in the header
/// encoded. `submission` has the other fields.
///
/// The recipients are those of the submission, and a Bcc field that names another one is refused;
/// without any, they are those that the header names.
///
/// # Errors
/// As [`Submission::compose`].
pub(super) fn compose(
    submission: &Submission,
    raw: Vec<u8>,
    sender: Option<&DefaultSender>,
    id: &str,
    now: Timestamp,
) -> Result<ComposedMessage, Refusal> {
    let mut faults = Refusal::invalid();
    check_rest(submission, &mut faults);
    let given = submission::from(submission.from.as_deref(), &mut faults);
    let mut recipients = RecipientList::default();
    let lists = [
        ("to", &submission.to),
        ("cc", &submission.cc),
        ("bcc", &submission.bcc),
    ];
    for (field, list) in lists {
        recipients.read(field, list, &mut faults);
    }
    let raw = match lines::checked(raw) {
        Ok(raw) => raw,
        Err(fault) => {
            faults.add("raw", fault);
            return Err(faults);
        }
    };
    let header = RawHeader::read_until_body(&raw, HEADER_MAX);
    if header.is_cut {
        faults.add("raw", HEADER_TOO_LONG);
        return Err(faults);
    }
    let header = match header.whole() {
        Ok(header) if !header.fields.is_empty() => header,
        Ok(_) => {
            faults.add(
                "raw",
                "A mail begins with its header, and this one has none.",
            );
            return Err(faults);
        }
        Err(line) => {
            let text = format!(
                "Line {line} is in the header and is not “Name: value”; an empty line ends the \
                 header."
            );
            faults.add("raw", text);
            return Err(faults);
        }
    };
    if recipients.is_empty() {
        in_header(&header, &mut recipients, &mut faults);
    } else if let Some(fault) = unlisted_bcc(&header, &recipients) {
        faults.add("raw", fault);
    }
    if let Some(fault) = authors_fault(&header) {
        faults.add("raw", fault);
    }
    let from = match given {
        // Its fault was added.
        None if faults.fields.contains_key("raw") => None,
        None if submission.from.is_none() => author(&header, sender, &mut faults),
        given => given,
    };
    faults.or_ok()?;
    let from = from.expect("without it there was a fault");
    let missing = MissingFields { from, id, now };
    let bytes = Vec::with_capacity(raw.len() + ADDED);
    let mut composed = complete(&header, missing, EightBit::EncodedOrRefused, bytes)?;
    composed.recipients = recipients.addresses;
    Ok(composed)
}

/// What the fields are made of that a message lacks.
pub(in crate::mail) struct MissingFields<'a> {
    /// The author.
    pub from: Mailbox,
    /// A ULID.
    pub id: &'a str,
    /// The time of acceptance.
    pub now: Timestamp,
}

/// Writes a message behind `bytes`, which has fields for the top of its header: with From, Date and
/// Message-ID where they are missing, and as [`write`] does it. The recipients are not set.
///
/// # Errors
/// [`Kind::Invalid`] under `raw` where a field cannot be encoded.
pub(in crate::mail) fn complete(
    header: &RawHeader<'_>,
    missing: MissingFields<'_>,
    eight_bit: EightBit,
    mut bytes: Vec<u8>,
) -> Result<ComposedMessage, Refusal> {
    let MissingFields { from, id, now } = missing;
    let mut added = String::new();
    if !header.has("From") {
        header::mailboxes(&mut added, "From", [&from]);
    }
    if !header.has("Date") {
        header::unstructured(&mut added, "Date", &header::date(now));
    }
    let message_id = header.text("Message-ID").unwrap_or_else(|| {
        let message_id = format!("<{id}@{}>", from.domain);
        header::unstructured(&mut added, "Message-ID", &message_id);
        message_id
    });
    bytes.extend_from_slice(added.as_bytes());
    let written = write(header, eight_bit, &mut bytes);
    written.map_err(|fault| Refusal::of(Kind::Invalid, "raw", fault))?;
    Ok(ComposedMessage {
        from: from.address,
        null_sender: false,
        recipients: Vec::new(),
        dsn: None,
        subject: submission::shown(&header.text("Subject").unwrap_or_default()),
        message_id: sanitize::printable(&message_id, LINE),
        bytes,
    })
}

/// What happens to a header field with octets above 127 that can have no encoded words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::mail) enum EightBit {
    /// It is refused.
    EncodedOrRefused,
    /// It is sent as it is, and needs SMTPUTF8.
    EncodedOrKept,
}

/// Writes the message without its Bcc fields, and with encoded words instead of octets above 127 in
/// its header, which would need SMTPUTF8. An empty line is added where none is between header and body.
///
/// # Errors
/// The fault of a field that cannot be encoded, as a sentence.
fn write(header: &RawHeader<'_>, eight_bit: EightBit, out: &mut Vec<u8>) -> Result<(), String> {
    let raw = header.bytes;
    let mut kept = 0;
    for field in &header.fields {
        let is_blind = |blind: &&str| header.name(field).eq_ignore_ascii_case(blind);
        let replacement = if BLIND.iter().any(is_blind) {
            String::new()
        } else if raw[field.all.clone()].is_ascii() {
            continue;
        } else {
            match encoding::encode(header, field) {
                Ok(encoded) => encoded,
                Err(_) if eight_bit == EightBit::EncodedOrKept => continue,
                Err(fault) => {
                    let (name, line) = (header.name(field), header.line(field));
                    return Err(format!("{name} in line {line} {fault}"));
                }
            }
        };
        out.extend_from_slice(&raw[kept..field.all.start]);
        out.extend_from_slice(replacement.as_bytes());
        kept = field.all.end;
    }
    out.extend_from_slice(&raw[kept..header.end]);
    let body = &raw[header.end..];
    if !body.is_empty() && !body.starts_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(body);
    Ok(())
}

/// Adds a fault for each field of the submission that a raw message replaces.
fn check_rest(submission: &Submission, faults: &mut Refusal) {
    for (field, given) in [
        ("reply_to", !submission.reply_to.is_empty()),
        ("subject", submission.subject.is_some()),
        ("text", submission.text.is_some()),
        ("html", submission.html.is_some()),
        ("headers", !submission.headers.is_empty()),
        ("attachments", !submission.attachments.is_empty()),
    ] {
        if given {
            faults.add(field, "The raw mail contains this already; omit the field.");
        }
    }
}

/// The fault of a From field that names no address, or of a second one (RFC 5322 section 3.6).
pub(in crate::mail) fn authors_fault(header: &RawHeader<'_>) -> Option<String> {
    let fields: Vec<_> = header.named("From").collect();
    match fields[..] {
        [first, second, ..] => Some(format!(
            "From is in lines {} and {}; a mail has this header only once.",
            header.line(first),
            header.line(second)
        )),
        [only] if is_blank(&header.address_list(only)) => Some(format!(
            "From in line {} names no address. Write one, or omit the header: then it is the sender, \
             or the address of the configuration.",
            header.line(only)
        )),
        _ => None,
    }
}

/// Whether an address field has no address, as `From:` and `From: <>`.
fn is_blank(list: &AddressList) -> bool {
    let mut mailboxes = list.mailboxes.iter();
    mailboxes.all(|mailbox| mailbox.address.is_empty())
}

/// The fault of a Bcc field that names an address which is not a recipient. Bcc fields are removed,
/// so it would get no copy.
fn unlisted_bcc(header: &RawHeader<'_>, recipients: &RecipientList) -> Option<String> {
    for name in BLIND {
        for text in header.addresses(name) {
            let mailbox = text.parse().and_then(|address| Mailbox::new("", address));
            match mailbox {
                Ok(mailbox) if recipients.contains(&mailbox) => {}
                Ok(_) => {
                    let text = sanitize::printable(&text, 80);
                    return Some(format!(
                        "{name} names “{text}”, which is not in to, cc or bcc, and only those get \
                         this mail. Add it to bcc, or remove it from the header {name}."
                    ));
                }
                Err(fault) => return Some(unreadable(name, &text, fault)),
            }
        }
    }
    None
}

/// Adds the recipients in the header: those in Resent-To, Resent-Cc and Resent-Bcc (RFC 5322 section
/// 3.6.6) where there are any, otherwise those in To, Cc and Bcc. Postfix and Exim do the same.
fn in_header(header: &RawHeader<'_>, recipients: &mut RecipientList, faults: &mut Refusal) {
    let is_named = |name: &&str| !header.addresses(name).is_empty();
    let names = match RESENT_RECIPIENTS.iter().any(is_named) {
        true => RESENT_RECIPIENTS,
        false => RECIPIENTS,
    };
    for name in names {
        for text in header.addresses(name) {
            match text.parse().and_then(|address| Mailbox::new("", address)) {
                Ok(mailbox) => {
                    recipients.add(name, &mailbox);
                }
                Err(fault) => return faults.add("raw", unreadable(name, &text, fault)),
            }
            if recipients.too_many() {
                return faults.add("raw", RecipientList::TOO_MANY);
            }
        }
    }
    if recipients.is_empty() {
        faults.add(
            "to",
            "Name at least one recipient, here or in the mail itself.",
        );
    }
}

/// The first address in the header field From, or the default sender.
pub(in crate::mail) fn author(
    header: &RawHeader<'_>,
    sender: Option<&DefaultSender>,
    faults: &mut Refusal,
) -> Option<Mailbox> {
    if let Some(text) = header.addresses("From").first() {
        let mailbox = text.parse().and_then(|address| Mailbox::new("", address));
        return mailbox
            .map_err(|fault| faults.add("raw", unreadable("From", text, fault)))
            .ok();
    }
    let Some(sender) = sender else {
        faults.add("from", NO_SENDER);
        return None;
    };
    Mailbox::new(&sender.name, sender.address.clone())
        .map_err(|fault| faults.add("from", fault))
        .ok()
}

/// The fault of an invalid address in a header field.
fn unreadable(name: &str, text: &str, fault: &str) -> String {
    let text = sanitize::printable(text, 80);
    format!("{name} contains “{text}”, which is not a valid address. {fault}")
}
