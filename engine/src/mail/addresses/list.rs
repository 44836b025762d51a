//! Parses the value of an address field of a raw message (RFC 5322 section 3.4).

use std::iter::Peekable;
use std::str::Chars;

/// A mailbox of an address field, not validated.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::mail) struct ListedMailbox {
    /// The display name, or the comment where there is none. Its quotes are removed, and its encoded
    /// words (RFC 2047) are not decoded.
    pub name: String,
    /// The address as it is written, without comments.
    pub address: String,
}

/// The mailboxes of an address field.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::mail) struct AddressList {
    /// The mailboxes in their order, those of groups among them.
    pub mailboxes: Vec<ListedMailbox>,
    /// Whether the field has a group (`Name: a@b, c@d;`).
    pub has_group: bool,
}

/// Parses the value of an address field, without its line ends. What is not an address is returned
/// as one, so that it is refused where addresses are validated.
pub(in crate::mail) fn parse(value: &str) -> AddressList {
    let mut list = AddressList::default();
    let mut entry = Entry::default();
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ',' | ';' if !entry.in_brackets() => {
                list.mailboxes.extend(std::mem::take(&mut entry).finish());
            }
            ':' if !entry.in_brackets() => {
                list.has_group = true;
                entry = Entry::default();
            }
            c => entry.push(c, &mut chars),
        }
    }
    list.mailboxes.extend(entry.finish());
    list
}

/// A mailbox as far as it was read.
#[derive(Default)]
struct Entry {
    /// All of it without comments, for what turns out to be no mailbox.
    whole: String,
    /// The display name, with quotes and backslashes removed.
    name: String,
    comment: String,
    /// What is between `<` and `>`.
    inner: Option<String>,
    /// `>` was read.
    closed: bool,
    /// Between `[` and `]`, in a domain literal.
    literal: bool,
    /// Something is not closed, or something follows the `>`.
    malformed: bool,
}

impl Entry {
    fn in_brackets(&self) -> bool {
        self.literal || (self.inner.is_some() && !self.closed)
    }

    fn push(&mut self, c: char, chars: &mut Peekable<Chars<'_>>) {
        match c {
            '(' if !self.literal => {
                match delimited(chars, Some('('), ')') {
                    Some(Delimited { unquoted, .. }) if self.comment.is_empty() => {
                        self.comment = unquoted;
                    }
                    Some(_) => {}
                    None => self.malformed = true,
                }
                // A comment separates words as a space does.
                self.add(' ', " ");
            }
            '"' if !self.literal => {
                let quoted = delimited(chars, None, '"').unwrap_or_else(|| {
                    self.malformed = true;
                    Delimited::default()
                });
                self.add_all(&format!("\"{}\"", quoted.raw), &quoted.unquoted);
            }
            '<' if self.inner.is_none() => {
                self.whole.push(c);
                self.inner = Some(String::new());
            }
            '>' if self.in_brackets() => {
                self.whole.push(c);
                self.closed = true;
            }
            '[' | ']' => {
                self.literal = c == '[';
                self.add(c, c.encode_utf8(&mut [0; 4]));
            }
            c => self.add(c, c.encode_utf8(&mut [0; 4])),
        }
    }

    fn add(&mut self, c: char, unquoted: &str) {
        if self.closed && !c.is_whitespace() {
            self.malformed = true;
        }
        self.add_all(c.encode_utf8(&mut [0; 4]), unquoted);
    }

    /// Adds `raw`, which is `unquoted` in a display name.
    fn add_all(&mut self, raw: &str, unquoted: &str) {
        self.whole.push_str(raw);
        match &mut self.inner {
            Some(inner) if !self.closed => inner.push_str(raw),
            Some(_) => self.malformed |= !raw.trim().is_empty(),
            None => self.name.push_str(unquoted),
        }
    }

    /// The mailbox; `None` if there is nothing but white space and comments.
    fn finish(self) -> Option<ListedMailbox> {
        let whole = self.whole.trim();
        if whole.is_empty() && !self.malformed {
            return None;
        }
        let unclosed = self.literal || (self.inner.is_some() && !self.closed);
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (name, address) = match &self.inner {
            Some(inner) if !self.malformed && !unclosed => {
                (words(&self.name), without_route(inner))
            }
            None if !self.malformed && !unclosed => (String::new(), whole),
            _ => {
                // Angle brackets are in no address, so this is refused.
                return Some(ListedMailbox {
                    name: String::new(),
                    address: format!("{whole}<"),
                });
            }
        };
        let name = match name.is_empty() {
            true => words(&self.comment),
            false => name,
        };
        Some(ListedMailbox {
            name,
            address: address.trim().to_owned(),
        })
    }
}

/// Removes a source route (RFC 5322 section 4.4): `@a,@b:c@d` is `c@d`.
fn without_route(inner: &str) -> &str {
    match inner.trim_start().starts_with('@') {
        true => inner.split_once(':').map_or(inner, |(_, rest)| rest),
        false => inner,
    }
}

/// A quoted string or comment, without its delimiters.
#[derive(Default)]
struct Delimited {
    /// As it is written.
    raw: String,
    /// With quoted pairs resolved.
    unquoted: String,
}

/// Reads up to `close`, with nested pairs where there is an `open`; `None` if it is not closed.
fn delimited(
    chars: &mut Peekable<Chars<'_>>,
    open: Option<char>,
    close: char,
) -> Option<Delimited> {
    let mut read = Delimited::default();
    let mut depth = 0;
    loop {
        let c = chars.next()?;
        if c == close && depth == 0 {
            return Some(read);
        }
        read.raw.push(c);
        let mut plain = c;
        if c == '\\' {
            plain = chars.next()?;
            read.raw.push(plain);
        } else if Some(c) == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
        }
        read.unquoted.push(plain);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(value: &str) -> Vec<(String, String)> {
        let mailboxes = parse(value).mailboxes.into_iter();
        mailboxes.map(|one| (one.name, one.address)).collect()
    }

    #[test]
    fn mailboxes_are_read_with_names_comments_and_groups() {
        for (value, expected) in [
            ("", &[][..]),
            (" (nobody) , ", &[]),
            ("undisclosed-recipients:;", &[]),
            ("a@b.example", &[("", "a@b.example")]),
            (
                " a@b.example , c@d.example",
                &[("", "a@b.example"), ("", "c@d.example")],
            ),
            ("Ann <a@b.example>", &[("Ann", "a@b.example")]),
            (
                "\"B, \\\"A\\\"\" <a@b.example>",
                &[("B, \"A\"", "a@b.example")],
            ),
            ("a@b.example (Ann (x))", &[("Ann (x)", "a@b.example")]),
            (
                "(x@y.example) a@b.example",
                &[("x@y.example", "a@b.example")],
            ),
            (
                "\"two words\"@b.example",
                &[("", "\"two words\"@b.example")],
            ),
            ("Ann <\"a,>b\"@c.example>", &[("Ann", "\"a,>b\"@c.example")]),
            (
                "G: a@b.example, C <c@d.example>;",
                &[("", "a@b.example"), ("C", "c@d.example")],
            ),
            (
                "a@[IPv6:2001:db8::1], b@[192.0.2.1]",
                &[("", "a@[IPv6:2001:db8::1]"), ("", "b@[192.0.2.1]")],
            ),
            (
                "<@x.example,@y.example:a@b.example>",
                &[("", "a@b.example")],
            ),
            ("Ann <>", &[("Ann", "")]),
            ("<a@b.example> (Ann)", &[("Ann", "a@b.example")]),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|(name, address)| ((*name).to_owned(), (*address).to_owned()))
                .collect();
            assert_eq!(read(value), expected, "{value}");
        }
        assert!(parse("G: a@b.example;").has_group && !parse("a@[IPv6:::1]").has_group);
    }

    #[test]
    fn what_is_no_mailbox_is_no_address() {
        for value in [
            "Ann",
            "Ann a@b.example",
            "a@b.example c@d.example",
            "Ann <a@b.example",
            "Ann <a@b.example> x",
            "<a@b.example> <c@d.example>",
            "<a@b.example>@c.example",
            "Ann <<a@b.example>>",
            "\"Ann <a@b.example>",
            "(Ann a@b.example",
            "a@b.example (Ann",
            "a@[192.0.2.1",
            "\"\"@b.example",
            "(x",
            "\"",
        ] {
            let mailboxes = parse(value).mailboxes;
            let valid = |one: &ListedMailbox| one.address.parse::<domain::EmailAddress>().is_ok();
            assert!(
                !mailboxes.is_empty() && !mailboxes.iter().all(valid),
                "{value}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed(text in any::<String>(), listed in "[a@<>()\"\\\\,;:. \\[\\]]{0,40}") {
            parse(&text);
            parse(&listed);
        }
    }
}
