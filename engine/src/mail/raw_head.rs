//! The header of a mail that is handed over whole: its lines, and the addresses in them.

use std::ops::Range;

use mail_parser::parsers::MessageStream;

use super::extra::is_ftext;

/// A header field with its continuation lines.
#[derive(Debug)]
pub(super) struct Field {
    pub name: Range<usize>,
    /// From the colon on.
    value: Range<usize>,
    pub all: Range<usize>,
}

/// The header fields of a mail, in their order.
#[derive(Debug)]
pub(super) struct RawHead<'a> {
    bytes: &'a [u8],
    pub fields: Vec<Field>,
}

impl<'a> RawHead<'a> {
    /// `bytes` has CRLF at the end of every line, but maybe of the last.
    ///
    /// # Errors
    /// The number of the first line that belongs to no field, from 1.
    pub fn read(bytes: &'a [u8]) -> Result<Self, usize> {
        let mut fields: Vec<Field> = Vec::with_capacity(16);
        let mut start = 0;
        for number in 1.. {
            let rest = &bytes[start..];
            let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, end) = (&rest[..length], start + length);
            match (line.first(), fields.last_mut()) {
                (None | Some(b'\r'), _) => break,
                (Some(b' ' | b'\t'), Some(field)) => {
                    field.value.end = end;
                    field.all.end = end;
                }
                _ => {
                    let name = line.iter().take_while(|byte| is_ftext(**byte)).count();
                    if name == 0 || line.get(name) != Some(&b':') {
                        return Err(number);
                    }
                    fields.push(Field {
                        name: start..start + name,
                        value: start + name + 1..end,
                        all: start..end,
                    });
                }
            }
            start = end;
        }
        Ok(Self { bytes, fields })
    }

    pub fn has(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    pub fn named(&self, name: &str) -> impl Iterator<Item = &Field> {
        let is = move |field: &&Field| {
            self.bytes[field.name.clone()].eq_ignore_ascii_case(name.as_bytes())
        };
        self.fields.iter().filter(is)
    }

    /// The first of this name, with its encoded words decoded (RFC 2047).
    pub fn text(&self, name: &str) -> Option<String> {
        let value = self.value(self.named(name).next()?);
        let parsed = MessageStream::new(&value).parse_unstructured();
        Some(parsed.as_text().unwrap_or_default().to_owned())
    }

    /// The addresses in all fields of this name, as they stand there.
    pub fn addresses(&self, name: &str) -> Vec<String> {
        let mut addresses = Vec::new();
        for field in self.named(name) {
            let value = self.value(field);
            let parsed = MessageStream::new(&value).parse_address();
            let found = parsed.as_address().into_iter().flat_map(|list| list.iter());
            addresses.extend(found.map(|one| {
                let text = one.address.as_deref().or(one.name.as_deref());
                text.unwrap_or_default().to_owned()
            }));
        }
        addresses
    }

    /// The value, and surely the end of its line: the parser looks for it.
    fn value(&self, field: &Field) -> Vec<u8> {
        let mut value = self.bytes[field.value.clone()].to_vec();
        if !value.ends_with(b"\n") {
            value.extend_from_slice(b"\r\n");
        }
        value
    }
}
