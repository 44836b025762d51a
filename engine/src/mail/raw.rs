//! Composes a message from a raw one (RFC 5322): validated, and changed as little as possible.

use domain::{Refusal, Timestamp, sanitize};
use memchr::{memchr, memchr_iter};

use super::header;
use super::mailbox::Mailbox;
use super::mime::LINE;
use super::raw_header::RawHeader;
use super::recipients::RecipientList;
use super::submission::{
    self, ComposedMessage, DefaultSender, LARGEST, NO_SENDER, Submission, TOO_LARGE,
};

/// The fields that name the recipients, and those of a message that was resent.
const RECIPIENTS: [&str; 3] = ["To", "Cc", "Bcc"];
const RESENT_RECIPIENTS: [&str; 3] = ["Resent-To", "Resent-Cc", "Resent-Bcc"];

/// Validates a raw message and writes the message to be sent: line ends become CRLF, missing Date,
/// Message-ID and From fields are added, and Bcc fields removed. `submission` has the other fields.
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
    let raw = match checked(raw) {
        Ok(raw) => raw,
        Err(fault) => {
            faults.add("raw", fault);
            return Err(faults);
        }
    };
    let header = match RawHeader::read(&raw) {
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
    }
    let has_author = !header.addresses("From").is_empty();
    let from = match given {
        None if submission.from.is_none() => author(&header, sender, &mut faults),
        given => given,
    };
    faults.or_ok()?;
    let from = from.expect("without it there was a fault");

    let mut added = String::new();
    if !has_author {
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
    let mut bytes = Vec::with_capacity(added.len() + raw.len());
    bytes.extend_from_slice(added.as_bytes());
    let mut kept = 0;
    for field in &header.fields {
        let name = &raw[field.name.clone()];
        // A second From field would make the message invalid (RFC 5322 section 3.6).
        let is_replaced = !has_author && name.eq_ignore_ascii_case(b"From");
        let is_bcc = name.eq_ignore_ascii_case(b"Bcc") || name.eq_ignore_ascii_case(b"Resent-Bcc");
        if is_replaced || is_bcc {
            bytes.extend_from_slice(&raw[kept..field.all.start]);
            kept = field.all.end;
        }
    }
    bytes.extend_from_slice(&raw[kept..]);
    Ok(ComposedMessage {
        from: from.address,
        recipients: recipients.addresses,
        subject: submission::shown(&header.text("Subject").unwrap_or_default()),
        message_id: sanitize::printable(&message_id, LINE),
        bytes,
    })
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

/// Checks size, NUL, line ends and line lengths, and converts line ends to CRLF.
///
/// # Errors
/// The fault, as a sentence.
fn checked(raw: Vec<u8>) -> Result<Vec<u8>, String> {
    if raw.is_empty() {
        return Err("This is empty; send a complete mail, beginning with its header.".to_owned());
    }
    if raw.len() > LARGEST {
        return Err(TOO_LARGE.to_owned());
    }
    let line = |at: usize| memchr_iter(b'\n', &raw[..at]).count() + 1;
    if let Some(at) = memchr(0, &raw) {
        return Err(format!(
            "Line {} has a NUL, which a mail cannot contain.",
            line(at)
        ));
    }
    let ends_with_lf = memchr(b'\r', &raw).is_none();
    if !ends_with_lf {
        let paired_cr = |at: &usize| raw.get(at + 1) == Some(&b'\n');
        let paired_lf = |at: &usize| *at > 0 && raw[at - 1] == b'\r';
        let stray_cr = memchr_iter(b'\r', &raw).find(|at| !paired_cr(at));
        let stray_lf = memchr_iter(b'\n', &raw).find(|at| !paired_lf(at));
        if let Some(at) = [stray_cr, stray_lf].into_iter().flatten().min() {
            let what = if raw[at] == b'\r' { "CR" } else { "LF" };
            return Err(format!(
                "Line {} has a {what} alone; end all lines with CRLF, or all with LF.",
                line(at)
            ));
        }
    }
    let mut start = 0;
    let ends = memchr_iter(b'\n', &raw).chain([raw.len()]);
    for (index, end) in ends.enumerate() {
        let length = end - start - usize::from(end > start && raw[end - 1] == b'\r');
        if length > LINE {
            return Err(format!(
                "Line {} has {length} octets; a line of a mail has at most {LINE}.",
                index + 1
            ));
        }
        start = end + 1;
    }
    if !ends_with_lf {
        return Ok(raw);
    }
    let mut lines = Vec::with_capacity(raw.len() + raw.len() / 32 + 2);
    let mut start = 0;
    for end in memchr_iter(b'\n', &raw) {
        lines.extend_from_slice(&raw[start..end]);
        lines.extend_from_slice(b"\r\n");
        start = end + 1;
    }
    lines.extend_from_slice(&raw[start..]);
    Ok(lines)
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
fn author(
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
