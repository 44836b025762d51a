//! Reads the header of a raw message: field boundaries, texts and addresses.

use std::ops::Range;

use mail_parser::parsers::MessageStream;

use super::extra_headers::is_ftext;
use crate::mail::addresses::list::{self, AddressList};

/// A header field with its continuation lines, as ranges of bytes in the message.
#[derive(Debug)]
pub(in crate::mail) struct HeaderField {
    /// The name, without the colon.
    pub name: Range<usize>,
    /// The bytes after the colon, to the end of the last line.
    value: Range<usize>,
    /// The whole field, with its line ends.
    pub all: Range<usize>,
}

/// The longest header of a message that is accepted, in octets, as Exim has it (`header_maxsize`). Each field
/// takes several times its octets in memory, and a header of short fields alone would be as long as a mail.
pub(in crate::mail) const HEADER_MAX: usize = 1024 * 1024;

/// The fault of a message with a longer one.
pub(in crate::mail) const HEADER_TOO_LONG: &str = "The header of a mail has at most 1 MiB.";

/// The header of a message.
#[derive(Debug)]
pub(in crate::mail) struct RawHeader<'a> {
    /// The whole message.
    pub bytes: &'a [u8],
    /// The fields, in their order.
    pub fields: Vec<HeaderField>,
    /// Where the line after the last field begins.
    pub end: usize,
    /// Whether the header is longer than it was read.
    pub is_cut: bool,
}

impl<'a> RawHeader<'a> {
    /// Reads the header fields. Lines of `bytes` end with CRLF; the last one may end without.
    ///
    /// # Errors
    /// The number, counted from 1, of the first line that is neither a field nor its continuation.
    pub fn read(bytes: &'a [u8]) -> Result<Self, usize> {
        Self::read_until_body(bytes, usize::MAX).whole()
    }

    /// The header, where an empty line or the end of the message ends it.
    ///
    /// # Errors
    /// The number, counted from 1, of the line that ends it otherwise.
    pub fn whole(self) -> Result<Self, usize> {
        match self.bytes.get(self.end) {
            None | Some(b'\r') => Ok(self),
            Some(_) => Err(memchr::memchr_iter(b'\n', &self.bytes[..self.end]).count() + 1),
        }
    }

    /// Reads the header fields up to the first line that is neither a field nor its continuation. Where
    /// that line is not empty, it is the first one of a body without the empty line before it, as mail
    /// programs write it that expect a server to complete the header. No line is read that ends behind
    /// `most` octets.
    pub fn read_until_body(bytes: &'a [u8], most: usize) -> Self {
        let mut fields: Vec<HeaderField> = Vec::with_capacity(16);
        let (mut start, mut is_cut) = (0, false);
        loop {
            let rest = &bytes[start..];
            let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, end) = (&rest[..length], start + length);
            match (line.first(), fields.last_mut()) {
                (None | Some(b'\r'), _) => break,
                (Some(b' ' | b'\t'), Some(_)) if end > most => {
                    is_cut = true;
                    break;
                }
                (Some(b' ' | b'\t'), Some(field)) => {
                    field.value.end = end;
                    field.all.end = end;
                }
                _ => {
                    let name = line.iter().take_while(|byte| is_ftext(**byte)).count();
                    if name == 0 || line.get(name) != Some(&b':') {
                        break;
                    }
                    if end > most {
                        is_cut = true;
                        break;
                    }
                    fields.push(HeaderField {
                        name: start..start + name,
                        value: start + name + 1..end,
                        all: start..end,
                    });
                }
            }
            start = end;
        }
        Self {
            bytes,
            fields,
            end: start,
            is_cut,
        }
    }

    /// Whether there is a field with this name, in any case.
    pub fn has(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    /// The name of a field, as it is written.
    pub fn name(&self, field: &HeaderField) -> &'a str {
        std::str::from_utf8(&self.bytes[field.name.clone()]).unwrap_or_default()
    }

    /// The number of the line that a field begins in, counted from 1.
    pub fn line(&self, field: &HeaderField) -> usize {
        memchr::memchr_iter(b'\n', &self.bytes[..field.all.start]).count() + 1
    }

    /// The fields with this name, in any case.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &HeaderField> {
        let is = move |field: &&HeaderField| self.name(field).eq_ignore_ascii_case(name);
        self.fields.iter().filter(is)
    }

    /// The value of the first field with this name, with encoded words decoded (RFC 2047).
    pub fn text(&self, name: &str) -> Option<String> {
        Some(decoded(&self.value(self.named(name).next()?)))
    }

    /// The addresses in all fields with this name, in their order and not validated.
    pub fn addresses(&self, name: &str) -> Vec<String> {
        let lists = self.named(name).map(|field| self.address_list(field));
        let mailboxes = lists.flat_map(|list| list.mailboxes);
        mailboxes.map(|mailbox| mailbox.address).collect()
    }

    /// The mailboxes in an address field.
    pub fn address_list(&self, field: &HeaderField) -> AddressList {
        list::parse(&self.value(field))
    }

    /// The value of a field without its line ends. Where it is not UTF-8, it is read as ISO 8859-1.
    pub fn value(&self, field: &HeaderField) -> String {
        let bytes = &self.bytes[field.value.clone()];
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        };
        text.replace("\r\n", "").trim().to_owned()
    }
}

/// Decodes the encoded words of an unstructured value without line ends (RFC 2047).
pub(super) fn decoded(value: &str) -> String {
    // The parser needs a line end.
    let line = format!("{value}\r\n");
    let parsed = MessageStream::new(line.as_bytes()).parse_unstructured();
    parsed.as_text().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A field of a message: its name, and its value with folds.
    fn field() -> impl Strategy<Value = (String, String)> {
        let line = || "[!-~ü]{1,12}( [!-~]{1,9}){0,3}";
        let folded = vec(line(), 1..4).prop_map(|lines| lines.join("\r\n\t"));
        ("[!-9;-~]{1,12}", folded)
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes in vec(any::<u8>(), 0..200)) {
            if let Ok(header) = RawHeader::read(&bytes) {
                for name in ["From", "Subject"] {
                    header.text(name);
                    header.addresses(name);
                }
            }
        }

        #[test]
        fn fields_are_parsed_in_order(fields in vec(field(), 1..8), body in "[ -~\r\n]{0,40}") {
            let lines = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
            let header = lines.collect::<String>();
            let message = format!("{header}\r\n{body}");
            let read = RawHeader::read(message.as_bytes());
            let read = read.map_err(|line| TestCaseError::fail(line.to_string()))?;
            prop_assert_eq!(read.fields.len(), fields.len());
            let mut end = 0;
            for (field, (name, value)) in read.fields.iter().zip(&fields) {
                prop_assert_eq!(field.all.start, end);
                prop_assert_eq!(&message[field.name.clone()], name);
                prop_assert_eq!(message[field.value.clone()].trim(), value);
                end = field.all.end;
            }
            prop_assert_eq!(end, header.len());
        }
    }
}
