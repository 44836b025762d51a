//! Writes header fields: encoded (RFC 2047), folded, and with no line over 998 octets.
//!
//! lettre writes a list of addresses in one line, however long, and each header name only once.
//! Header fields are therefore written here, with the same encoders that lettre uses.

pub(super) mod encoding;
pub(super) mod extra_headers;
pub(super) mod raw;
pub(super) mod received;

use std::fmt::{self, Write};

use domain::Timestamp;
use email_encoding::headers::{quoted_string, rfc2047, writer::EmailWriter};
use mail_parser::DateTime;

use super::addresses::mailbox::Mailbox;
use super::compose::mime::LINE;

/// The line length at which header fields are folded, in octets (RFC 5322 section 2.1.1).
const FOLD: usize = 76;

/// Writes `name: value`, an unstructured field. Neither may contain a control character.
pub(super) fn unstructured(out: &mut String, name: &str, value: &str) {
    line(out, name, |writer| encoded_words(writer, value));
}

/// Writes `name: value`, an unstructured field that decodes to the same text: values that look like an
/// encoded word, have a control character or cannot be folded are encoded whole.
pub(super) fn text(out: &mut String, name: &str, value: &str) {
    let start = out.len();
    if !value.contains("=?") && !value.contains(char::is_control) {
        unstructured(out, name, value);
        if longest_line(&out[start..]) <= LINE {
            return;
        }
        out.truncate(start);
    }
    encoded(out, name, value);
}

/// Writes `name: value` with the value as encoded words (RFC 2047), whatever it is.
pub(super) fn encoded(out: &mut String, name: &str, value: &str) {
    line(out, name, |writer| rfc2047::encode(value, writer));
}

/// The length of the longest line of a written field, in octets without the line end.
pub(super) fn longest_line(written: &str) -> usize {
    let lines = written.split("\r\n").map(str::len);
    lines.max().unwrap_or_default()
}

/// Writes a field of mailboxes, as many to a line as fit.
pub(super) fn mailboxes<'a>(
    out: &mut String,
    name: &str,
    mailboxes: impl IntoIterator<Item = &'a Mailbox>,
) {
    line(out, name, |writer| {
        for (index, mailbox) in mailboxes.into_iter().enumerate() {
            if index > 0 {
                writer.write_char(',')?;
                let known = mailbox.name.as_ref().map_or(0, String::len);
                let length = known + mailbox.address.as_str().len();
                if writer.line_len() + length > FOLD {
                    writer.new_line()?;
                }
                writer.space();
            }
            one(writer, mailbox)?;
        }
        Ok(())
    });
}

/// A date and time as in the field Date (RFC 5322 section 3.3).
pub(crate) fn date(now: Timestamp) -> String {
    DateTime::from_timestamp(now.unix_seconds()).to_rfc822()
}

/// Writes a mailbox as `a@b`, or as `Name <a@b>`.
fn one(writer: &mut EmailWriter<'_>, mailbox: &Mailbox) -> fmt::Result {
    let local = mailbox.address.local_part();
    let Some(name) = &mailbox.name else {
        writer.write_str(local)?;
        writer.write_char('@')?;
        return writer.write_str(&mailbox.domain);
    };
    // Readers decode encoded words in a quoted string, although RFC 2047 section 5 forbids it.
    match name.contains("=?") {
        true => rfc2047::encode(name, writer)?,
        false => quoted_string::encode(name, writer)?,
    }
    if writer.line_len() + local.len() + mailbox.domain.len() + "<@> ".len() > FOLD {
        writer.new_line()?;
    }
    writer.space();
    writer.write_char('<')?;
    writer.write_str(local)?;
    writer.write_char('@')?;
    writer.write_str(&mailbox.domain)?;
    writer.write_char('>')
}

/// Writes runs of non-ASCII words as encoded words (RFC 2047), and the rest unencoded.
fn encoded_words(writer: &mut EmailWriter<'_>, value: &str) -> fmt::Result {
    if value.is_ascii() {
        return writer.folding().write_str(value);
    }
    let mut rest = value;
    while !rest.is_empty() {
        let ascii = |word: &&str| word.is_ascii();
        let plain = length(rest.split_inclusive(' ').take_while(ascii));
        writer.folding().write_str(&rest[..plain])?;
        rest = &rest[plain..];
        let run = length(rest.split_inclusive(' ').take_while(|word| !ascii(word)));
        let word = rest[..run].trim_end_matches(' ');
        rfc2047::encode(word, writer)?;
        writer.write_str(&rest[word.len()..run])?;
        rest = &rest[run..];
    }
    Ok(())
}

/// The total length of `words`, in octets.
fn length<'a>(words: impl Iterator<Item = &'a str>) -> usize {
    words.map(str::len).sum()
}

/// Writes a header field with the value that `write` produces.
fn line(out: &mut String, name: &str, write: impl FnOnce(&mut EmailWriter<'_>) -> fmt::Result) {
    out.push_str(name);
    out.push_str(": ");
    {
        let mut writer = EmailWriter::new(out, name.len() + 2, 0, false);
        write(&mut writer).expect("a string takes all that is written");
    }
    out.push_str("\r\n");
}
