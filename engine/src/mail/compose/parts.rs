//! Composes a message from the parts of a submission: sender, recipients, texts, attachments.

use domain::{EmailAddress, Refusal, Timestamp};
use lettre::message::header::ContentType;

use super::mime;
use crate::mail::addresses::mailbox::Mailbox;
use crate::mail::addresses::recipients::{RecipientList, entry};
use crate::mail::header;
use crate::mail::header::extra_headers::ExtraHeaders;
use crate::mail::submission::{
    self, Attachment, ComposedMessage, DefaultSender, MAIL_MAX, NO_SENDER, Submission,
};

/// The maximum number of Reply-To addresses.
const REPLY_TO: usize = 20;

/// The maximum number of attachments of a message.
const FILES: usize = 100;

/// The maximum length of a file name, in characters.
const FILE_NAME: usize = 250;

/// Validates the parts and writes the message.
///
/// # Errors
/// As [`Submission::compose`].
pub(super) fn compose(
    submission: Submission,
    sender: Option<&DefaultSender>,
    id: &str,
    now: Timestamp,
) -> Result<ComposedMessage, Refusal> {
    let mut faults = Refusal::invalid();
    let from = from(&submission, sender, &mut faults);
    let mut recipients = RecipientList::default();
    let to = recipients.read("to", &submission.to, &mut faults);
    let cc = recipients.read("cc", &submission.cc, &mut faults);
    recipients.read("bcc", &submission.bcc, &mut faults);
    if recipients.is_empty() {
        faults.add("to", RecipientList::NOBODY);
    }
    let reply_to = reply_to(&submission, sender, &mut faults);
    let subject = submission.subject.as_deref();
    if subject.is_some_and(|subject| subject.chars().any(char::is_control)) {
        let text = "A subject is one line, without control characters.";
        faults.add("subject", text);
    }
    let extra = ExtraHeaders::read(&submission.headers, &mut faults);
    check_size(&submission, &mut faults);
    let files = files(submission.attachments, &mut faults);
    faults.or_ok()?;
    let from = from.expect("without it there was a fault");

    let message_id = match extra.message_id {
        Some(given) => given.to_owned(),
        None => format!("<{id}@{}>", from.domain),
    };
    let mut lines = String::with_capacity(1024);
    match extra.date {
        Some(given) => header::unstructured(&mut lines, "Date", given),
        None => header::unstructured(&mut lines, "Date", &header::date(now)),
    }
    header::mailboxes(&mut lines, "From", [&from]);
    for (name, mailboxes) in [("Reply-To", &reply_to), ("To", &to), ("Cc", &cc)] {
        if !mailboxes.is_empty() {
            header::mailboxes(&mut lines, name, mailboxes);
        }
    }
    if let Some(subject) = subject {
        header::text(&mut lines, "Subject", subject);
    }
    header::unstructured(&mut lines, "Message-ID", &message_id);
    lines.push_str(&extra.others);
    lines.push_str("MIME-Version: 1.0\r\n");
    let bytes = mime::with_body(lines, submission.text, submission.html, files);
    Ok(ComposedMessage {
        from: from.address,
        null_sender: false,
        recipients: recipients.addresses,
        dsn: None,
        subject: submission::shown(subject.unwrap_or_default()),
        message_id,
        bytes,
    })
}

/// The From mailbox: from the submission, or the default sender. If there is none, a fault is added
/// under `from`.
fn from(
    submission: &Submission,
    sender: Option<&DefaultSender>,
    faults: &mut Refusal,
) -> Option<Mailbox> {
    if submission.from.is_some() {
        return submission::from(submission.from.as_deref(), faults);
    }
    let Some(sender) = sender else {
        faults.add("from", NO_SENDER);
        return None;
    };
    configured(&sender.name, &sender.address, faults)
}

/// A mailbox from the settings. It was validated when it was saved, but not by the rules of a
/// header; a fault is added under `from`.
fn configured(name: &str, address: &EmailAddress, faults: &mut Refusal) -> Option<Mailbox> {
    let mailbox = Mailbox::new(name, address.clone());
    if mailbox.is_err() {
        let text = "The sender of the saved e-mail configuration is not valid in a mail. Correct \
                    it, or set the field from.";
        faults.add("from", text);
    }
    mailbox.ok()
}

/// The Reply-To mailboxes: from the submission, or from the settings if From is the default sender.
fn reply_to(
    submission: &Submission,
    sender: Option<&DefaultSender>,
    faults: &mut Refusal,
) -> Vec<Mailbox> {
    let given = &submission.reply_to;
    if given.len() > REPLY_TO {
        let text = format!("A mail has at most {REPLY_TO} Reply-To addresses.");
        faults.add("reply_to", text);
        return Vec::new();
    }
    let mut mailboxes = Vec::with_capacity(given.len());
    for (index, text) in given.iter().enumerate() {
        match Mailbox::parse(text) {
            Ok(mailbox) => mailboxes.push(mailbox),
            Err(fault) => faults.add(&entry("reply_to", given.len(), index), fault),
        }
    }
    if given.is_empty()
        && submission.from.is_none()
        && let Some(address) = sender.and_then(|sender| sender.reply_to.as_ref())
    {
        mailboxes.extend(configured("", address, faults));
    }
    mailboxes
}

/// Adds a fault if the message would be too large, before it is composed.
fn check_size(submission: &Submission, faults: &mut Refusal) {
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let (text, html) = (length(&submission.text), length(&submission.html));
    let files = submission.attachments.iter();
    let files = files.map(|file| file.content.len()).sum::<usize>() / 3 * 4;
    if text + html + files > MAIL_MAX {
        faults.add(largest_field(submission), submission::TOO_LARGE);
    }
}

/// The largest field of text, html and attachments, which is named if the message is too large.
pub(super) fn largest_field(submission: &Submission) -> &'static str {
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let files = submission.attachments.iter();
    let files = files.map(|file| file.content.len()).sum::<usize>();
    let fields = [
        ("text", length(&submission.text)),
        ("html", length(&submission.html)),
        ("attachments", files),
    ];
    fields
        .into_iter()
        .max_by_key(|field| field.1)
        .map_or("text", |field| field.0)
}

/// Validates the attachments. Faults are added under `attachments[i]`.
fn files(attachments: Vec<Attachment>, faults: &mut Refusal) -> Vec<mime::MimeFile> {
    if attachments.len() > FILES {
        let text = format!("A mail has at most {FILES} attachments.");
        faults.add("attachments", text);
        return Vec::new();
    }
    let mut files: Vec<mime::MimeFile> = Vec::with_capacity(attachments.len());
    for (index, attachment) in attachments.into_iter().enumerate() {
        let mut blame = |field: &str, text: &str| {
            faults.add(&format!("attachments[{index}].{field}"), text);
        };
        let name = &attachment.filename;
        if name.is_empty() {
            blame("filename", "An attachment needs a name.");
        } else if name.chars().any(char::is_control) || name.chars().count() > FILE_NAME {
            let text = "A file name has at most 250 characters, and no control characters.";
            blame("filename", text);
        }
        let media_type = attachment.content_type.as_deref();
        let content_type = media_type.map_or_else(|| by_extension(name), media);
        if let Err(fault) = &content_type {
            blame("content_type", fault);
        }
        let content_id = attachment.content_id.as_deref().map(content_id);
        if content_id == Some(None) {
            let text = "Write this as in logo.1@example.org: ASCII without spaces.";
            blame("content_id", text);
        }
        let content_id = content_id.flatten();
        if content_id.is_some() && files.iter().any(|file| file.content_id == content_id) {
            let text = "Another attachment has this Content-ID; each has its own.";
            blame("content_id", text);
        }
        if let Ok(content_type) = content_type {
            files.push(mime::MimeFile {
                name: attachment.filename,
                content_type,
                content_id,
                content: attachment.content,
            });
        }
    }
    files
}

/// The media type of attachments whose extension is unknown.
const OCTETS: &str = "application/octet-stream";

/// The media type that the extension of a file name stands for.
fn by_extension(name: &str) -> Result<ContentType, &'static str> {
    let known = mime_guess::from_path(name).first_raw();
    known
        .and_then(|known| media(known).ok())
        .map_or_else(|| media(OCTETS), Ok)
}

/// Parses a media type; `multipart/*` and `message/*` are refused.
fn media(text: &str) -> Result<ContentType, &'static str> {
    let plain = text
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let composite = |kind: &str| {
        let start = text.get(..kind.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(kind))
    };
    if composite("multipart/") || composite("message/") {
        // RFC 2046 sections 5.1 and 5.2 forbid base64 for them.
        return Err("An attachment cannot have this type; use application/octet-stream.");
    }
    Some(text)
        .filter(|text| plain && text.len() <= 200)
        .and_then(|text| ContentType::parse(text).ok())
        .ok_or("Write a media type, as in application/pdf.")
}

/// A Content-ID with its angle brackets (RFC 2392), given with or without them.
fn content_id(text: &str) -> Option<String> {
    let inner = text
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'));
    let inner = inner.unwrap_or(text);
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"<>".contains(&byte);
    let good = !inner.is_empty() && inner.len() <= 200 && inner.bytes().all(fits);
    good.then(|| format!("<{inner}>"))
}
