//! Encodes header fields of a raw message that have octets above 127 (RFC 2047).

use domain::sanitize;

use super::raw::{HeaderField, RawHeader, decoded};
use crate::mail::addresses::mailbox::Mailbox;
use crate::mail::header;

/// The fields of addresses (RFC 5322 sections 3.6.2, 3.6.3 and 3.6.6, RFC 8098 section 2.1).
const ADDRESSES: [&str; 13] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Resent-From",
    "Resent-Sender",
    "Resent-Reply-To",
    "Resent-To",
    "Resent-Cc",
    "Disposition-Notification-To",
    "Return-Receipt-To",
    "Errors-To",
];

/// Fields of which no part may be an encoded word (RFC 2047 section 5), and the beginnings of the
/// names of others.
const STRUCTURED: [&str; 14] = [
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Resent-Date",
    "Resent-Message-ID",
    "Received",
    "Received-SPF",
    "Return-Path",
    "MIME-Version",
    "Auto-Submitted",
    "DKIM-Signature",
    "Authentication-Results",
    "Autocrypt",
];
const STRUCTURED_BEGINNINGS: [&str; 3] = ["Content-", "List-", "ARC-"];

/// Writes a field that has octets above 127 without them: display names and unstructured text as
/// encoded words, domains as A-labels. Only a local part that is not ASCII is left in UTF-8; it needs
/// SMTPUTF8 (RFC 6531).
///
/// # Errors
/// The fault, as a sentence that begins behind its subject, the field: it may have no encoded words, or is
/// not a list of addresses. Its line is not counted here, as every field of a mail may have a fault and be
/// sent as it is.
pub(in crate::mail) fn encode(
    header: &RawHeader<'_>,
    field: &HeaderField,
) -> Result<String, String> {
    let name = header.name(field);
    let is = |other: &&str| name.eq_ignore_ascii_case(other);
    let begins = |start: &&str| {
        let beginning = name.get(..start.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(start))
    };
    let mut written = String::new();
    if ADDRESSES.iter().any(is) {
        let mailboxes = mailboxes(header, field)?;
        header::mailboxes(&mut written, name, &mailboxes);
    } else if STRUCTURED.iter().any(is)
        || (STRUCTURED_BEGINNINGS.iter().any(begins) && !is(&"Content-Description"))
    {
        let text = "has octets above 127, which this header may not have; write it in ASCII.";
        return Err(text.to_owned());
    } else {
        unstructured(&mut written, name, &header.value(field));
    }
    Ok(written)
}

/// Writes an unstructured field. Encoded words that it has already would lose the space to those that
/// are added, so they are decoded first.
fn unstructured(out: &mut String, name: &str, value: &str) {
    let value = value.replace('\t', " ");
    if value.contains("=?") {
        // Whole, because what was encoded may be a control character.
        let decoded = decoded(&value);
        header::encoded(out, name, &decoded);
    } else {
        header::text(out, name, &value);
    }
}

/// The mailboxes of an address field, with their display names decoded.
fn mailboxes(header: &RawHeader<'_>, field: &HeaderField) -> Result<Vec<Mailbox>, String> {
    let list = header.address_list(field);
    if list.has_group {
        let text = "has octets above 127 and a group of addresses; write it in ASCII, with names as \
                    encoded words (RFC 2047).";
        return Err(text.to_owned());
    }
    let mut mailboxes = Vec::with_capacity(list.mailboxes.len());
    for listed in list.mailboxes {
        let address = listed.address.parse();
        let mailbox = address.and_then(|address| Mailbox::new(&decoded(&listed.name), address));
        mailboxes.push(mailbox.map_err(|fault| {
            let text = sanitize::printable(&listed.address, 80);
            format!("has octets above 127 and cannot be encoded, because of “{text}”. {fault}")
        })?);
    }
    match mailboxes.is_empty() {
        true => Err("has octets above 127 and no address; write it in ASCII.".to_owned()),
        false => Ok(mailboxes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_begins_behind_the_field_and_its_line() {
        for field in [
            "Date: \u{fc}\r\n",
            "To: \u{fc}\r\n",
            "To: a:\u{fc}@b.example;\r\n",
        ] {
            let header = RawHeader::read(field.as_bytes()).expect("a header");
            let fault = encode(&header, &header.fields[0]).expect_err("no encoded words");
            assert!(
                fault.starts_with("has octets above 127"),
                "{field}: {fault}"
            );
        }
    }
}
