//! The header of a mail that is written here: encoded, folded, and no line over 998 octets.
//!
//! lettre writes a list of addresses in one line, however long, and a header name only once; so
//! the lines are made here, with the encoders that lettre has them from.

use std::fmt::{self, Write};

use domain::Timestamp;
use email_encoding::headers::{quoted_string, rfc2047, writer::EmailWriter};
use mail_parser::DateTime;

use super::mailbox::Mailbox;

/// Where lines are folded (RFC 5322 section 2.1.1).
const FOLD: usize = 76;

/// The longest word that stays as it is: the rest of 998 octets holds a name and what else may
/// stand before it.
pub(super) const WORD: usize = 900;

/// The most spaces in a row that stay as they are: a line cannot be folded among them.
pub(super) const SPACES: usize = 50;

/// Writes `name: value`. Neither has a control character.
pub(super) fn unstructured(out: &mut String, name: &str, value: &str) {
    line(out, name, |writer| words(writer, value));
}

/// Writes a subject, which reads as it was given, even where it looks like an encoded word.
pub(super) fn subject(out: &mut String, value: &str) {
    line(out, "Subject", |writer| {
        if value.contains("=?") || !breaks(value) {
            rfc2047::encode(value, writer)
        } else {
            words(writer, value)
        }
    });
}

/// Writes mailboxes, as many to a line as there is room for.
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

/// The date of a mail (RFC 5322 section 3.3).
pub(super) fn date(now: Timestamp) -> String {
    DateTime::from_timestamp(now.0.div_euclid(1000)).to_rfc822()
}

fn one(writer: &mut EmailWriter<'_>, mailbox: &Mailbox) -> fmt::Result {
    let local = mailbox.address.local_part();
    let Some(name) = &mailbox.name else {
        writer.write_str(local)?;
        writer.write_char('@')?;
        return writer.write_str(&mailbox.domain);
    };
    quoted_string::encode(name, writer)?;
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

/// Runs of words that are not ASCII as encoded words (RFC 2047), the rest as it is.
fn words(writer: &mut EmailWriter<'_>, value: &str) -> fmt::Result {
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

fn length<'a>(words: impl Iterator<Item = &'a str>) -> usize {
    words.map(str::len).sum()
}

/// Whether a value can be folded wherever a line would be too long.
pub(super) fn breaks(value: &str) -> bool {
    let words = |word: &str| word.len() <= WORD || !word.is_ascii();
    value.split(' ').all(words) && {
        let mut spaces = 0;
        value.bytes().all(|byte| {
            spaces = if byte == b' ' { spaces + 1 } else { 0 };
            spaces <= SPACES
        })
    }
}

fn line(out: &mut String, name: &str, write: impl FnOnce(&mut EmailWriter<'_>) -> fmt::Result) {
    out.push_str(name);
    out.push_str(": ");
    {
        let mut writer = EmailWriter::new(out, name.len() + 2, 0, false);
        write(&mut writer).expect("a string takes all that is written");
    }
    out.push_str("\r\n");
}
