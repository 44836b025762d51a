//! Extra header fields of a submission: which names are permitted, and their syntax.

use domain::{Refusal, sanitize};
use mail_parser::DateTime;

use super::longest_line;
use crate::mail::addresses::mailbox::Mailbox;
use crate::mail::compose::mime::LINE;
use crate::mail::header;

/// The maximum number of extra header fields of a message.
const MOST: usize = 100;

/// The maximum length of a field name, in octets.
const NAME: usize = 76;

/// The maximum length of a Message-ID, in octets.
const ID: usize = 250;

/// Validated extra header fields, as names and values.
#[derive(Debug, Default)]
pub(in crate::mail) struct ExtraHeaders<'a> {
    /// The value of Date.
    pub date: Option<&'a str>,
    /// The value of Message-ID, with its angle brackets.
    pub message_id: Option<&'a str>,
    /// All other fields as they are written, in their order.
    pub others: String,
    /// The names of the others that occur at most once.
    once: Vec<&'a str>,
}

impl<'a> ExtraHeaders<'a> {
    /// Validates the extra header fields. Faults are added under `headers`, all in one text.
    pub fn read(headers: &'a [(String, String)], faults: &mut Refusal) -> Self {
        let mut extra = Self::default();
        let mut text = String::new();
        if headers.len() > MOST {
            text = format!("A mail has at most {MOST} extra header fields.");
        }
        for (name, value) in headers.iter().take(MOST) {
            let value = value.trim_matches(' ');
            if let Err(fault) = extra.take(name, value) {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(&format!("“{}”: {fault}", sanitize::printable(name, NAME)));
            }
        }
        if !text.is_empty() {
            faults.add("headers", text);
        }
        extra
    }

    /// Validates a field and adds it.
    fn take(&mut self, name: &'a str, value: &'a str) -> Result<(), String> {
        may_be_given(name)?;
        if value.chars().any(char::is_control) {
            return Err("A value has no line breaks and no other control characters.".into());
        }
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let slot = if is("Date") {
            if !is_date(value) {
                return Err("Write this as in Fri, 20 Nov 2026 11:45:00 +0000, or omit it.".into());
            }
            &mut self.date
        } else if is("Message-ID") {
            if !is_message_id(value) {
                return Err(
                    "Write this as in <something.of.its.own@example.org>, or omit it.".into(),
                );
            }
            &mut self.message_id
        } else {
            return self.take_other(name, value);
        };
        if slot.is_some() {
            return Err(TWICE.into());
        }
        *slot = Some(value);
        Ok(())
    }

    /// Validates a field other than Date and Message-ID, and writes it.
    fn take_other(&mut self, name: &'a str, value: &str) -> Result<(), String> {
        let is = |other: &&str| name.eq_ignore_ascii_case(other);
        if ONCE.iter().any(is) {
            if self.once.iter().any(is) {
                return Err(TWICE.into());
            }
            self.once.push(name);
        }
        let start = self.others.len();
        if is(&"Sender") {
            let fault = |fault| format!("{fault} A mail has one Sender.");
            let sender = Mailbox::parse(value).map_err(fault)?;
            header::mailboxes(&mut self.others, name, [&sender]);
        } else if is(&"In-Reply-To") || is(&"References") {
            if !are_message_ids(value) {
                let text = "Write this as in <one@example.org> <two@example.org>, or omit it.";
                return Err(text.into());
            }
            header::unstructured(&mut self.others, name, value);
        } else {
            header::unstructured(&mut self.others, name, value);
        }
        let longest = longest_line(&self.others[start..]);
        if longest > LINE {
            self.others.truncate(start);
            return Err(format!(
                "A line would have {longest} octets, and a line of a mail has at most {LINE}; lines \
                 end only at spaces, so insert some."
            ));
        }
        Ok(())
    }
}

/// The fault of a repeated field that may occur only once.
const TWICE: &str = "A mail has this header only once.";

/// Fields that occur at most once, besides Date and Message-ID (RFC 5322 section 3.6).
const ONCE: [&str; 3] = ["Sender", "In-Reply-To", "References"];

/// Checks that a submission may set the field `name`.
fn may_be_given(name: &str) -> Result<(), &'static str> {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if name.is_empty() || name.len() > NAME || !name.bytes().all(is_ftext) {
        return Err("A name has 1 to 76 ASCII characters, without spaces and colons.");
    }
    if ["From", "To", "Cc", "Subject", "Reply-To"]
        .iter()
        .any(|other| is(other))
    {
        return Err("This header has a field of its own; use that field.");
    }
    if is("Bcc") || is("Resent-Bcc") {
        return Err("A mail has no header for blind copies; use the field bcc.");
    }
    let content = name
        .get(..8)
        .is_some_and(|start| start.eq_ignore_ascii_case("Content-"));
    if content || is("MIME-Version") || is("Received") || is("Return-Path") {
        return Err("Mail servers write this header; omit it.");
    }
    Ok(())
}

/// Whether a byte may be part of a field name (`ftext`, RFC 5322 section 3.6.8).
pub(super) fn is_ftext(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b':'
}

fn is_date(value: &str) -> bool {
    value.is_ascii()
        && value.len() <= 100
        && DateTime::parse_rfc822(value).is_some_and(|date| date.is_valid())
}

fn is_message_id(value: &str) -> bool {
    let inner = value
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .and_then(|inner| inner.split_once('@'));
    let part = |part: &str| {
        let fits = |byte: u8| byte.is_ascii_graphic() && !b"<>@".contains(&byte);
        !part.is_empty() && part.bytes().all(fits)
    };
    value.len() <= ID && inner.is_some_and(|(left, right)| part(left) && part(right))
}

/// Whether a value is one or more Message-IDs (`msg-id`, RFC 5322 section 3.6.4), with or without
/// spaces between them.
fn are_message_ids(value: &str) -> bool {
    let mut ids = value.split_inclusive('>').map(str::trim_start).peekable();
    ids.peek().is_some() && ids.all(is_message_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<(), String> {
        let mut faults = Refusal::invalid();
        let headers = [(name.to_owned(), value.to_owned())];
        let extra = ExtraHeaders::read(&headers, &mut faults);
        let taken = extra.date.is_some() || extra.message_id.is_some() || !extra.others.is_empty();
        assert_eq!(taken, faults.fields.is_empty(), "{name}: {value}");
        faults.or_ok().map_err(|faults| faults.to_string())
    }

    #[test]
    fn permitted_header_names_are_accepted() {
        for (name, value) in [
            ("X-Job", "42"),
            ("x", ""),
            ("List-Unsubscribe", "<https://example.org/u?x=1>"),
            ("X-Grüße".trim_end_matches("Grüße"), "Grüße 🚪"),
            ("Auto-Submitted", "auto-generated"),
            ("Sender", "Ops <ops@example.org>"),
            ("sender", "Müller, Hans <ops@bücher.example>"),
            ("In-Reply-To", "<1@example.org>"),
            (
                "References",
                "<1@example.org> <2@example.org>  <3@example.org>",
            ),
            ("References", "<1@example.org><2@example.org>"),
            ("Date", "Fri, 20 Nov 2026 11:45:00 +0000"),
            ("date", "20 Nov 2026 11:45:00 +0100"),
            ("Message-ID", "<1.2@example.org>"),
            ("message-id", "<a=b@[192.0.2.1]>"),
        ] {
            assert_eq!(read(name, value), Ok(()), "{name}: {value}");
        }
    }

    #[test]
    fn reserved_header_names_are_refused() {
        let long = "x".repeat(77);
        for (name, value) in [
            ("", "x"),
            ("X Job", "x"),
            ("X-Job ", "x"),
            ("X:Job", "x"),
            ("X-Job\n", "x"),
            ("X-Job\r\nBcc: a@example.org\r\nX", "x"),
            ("X-Grüße", "x"),
            ("X\0", "x"),
            (&long, "x"),
            ("From", "a@example.org"),
            ("to", "a@example.org"),
            ("CC", "a@example.org"),
            ("Subject", "x"),
            ("Reply-To", "a@example.org"),
            ("bcc", "a@example.org"),
            ("Resent-Bcc", "a@example.org"),
            ("Received", "x"),
            ("Return-Path", "<>"),
            ("content-type", "text/html"),
            ("Content-", "x"),
            ("MIME-Version", "1.0"),
            ("X-Job", "a\r\nBcc: b@example.org"),
            ("X-Job", "a\n"),
            ("X-Job", "a\rb"),
            ("X-Job", "a\0b"),
            ("X-Job", "a\tb"),
            ("Sender", ""),
            ("Sender", "nobody"),
            ("Sender", "a@example.org, b@example.org"),
            ("In-Reply-To", ""),
            ("In-Reply-To", "1@example.org"),
            ("In-Reply-To", "the mail of <1@example.org>"),
            ("References", "<1@example.org>, <2@example.org>"),
            ("References", "<1@example.org> 2"),
            ("References", "<1@example.org> <2>"),
            ("Date", ""),
            ("Date", "yesterday"),
            ("Date", "Fri, 32 Nov 2026 11:45:00 +0000"),
            ("Message-ID", "1.2@example.org"),
            ("Message-ID", "<1.2>"),
            ("Message-ID", "<1 2@example.org>"),
            ("Message-ID", "<1@2@example.org>"),
            ("Message-ID", "<grüße@example.org>"),
        ] {
            assert!(read(name, value).is_err(), "{name:?}: {value:?}");
        }
    }

    #[test]
    fn a_field_is_refused_only_where_a_line_would_exceed_998_octets() {
        let first = "x".repeat(998 - "X-Job: ".len());
        // A word that is not the first is in a line of its own, behind the space.
        let second = "x".repeat(997);
        let spaces = " ".repeat(996);
        for (value, line) in [
            (first.clone(), None),
            (format!("{first}x"), Some(999)),
            (format!("a {second} b"), None),
            (format!("a {second}x b"), Some(999)),
            (format!("ü {second}"), None),
            (format!("ü {second}x"), Some(999)),
            (format!("a{spaces}bc"), None),
            (format!("a{spaces}bcd"), Some(999)),
            ("ü".repeat(3000), None),
            ("word ".repeat(3000), None),
        ] {
            let refused = read("X-Job", &value).err();
            let expected = line.map(|line| format!("would have {line} octets"));
            match (&refused, &expected) {
                (Some(text), Some(expected)) => assert!(text.contains(expected.as_str()), "{text}"),
                (None, None) => {}
                _ => panic!("{expected:?}: {refused:?}"),
            }
        }
    }

    #[test]
    fn a_sender_is_written_as_a_mailbox() {
        let mut faults = Refusal::invalid();
        let value = "Ops, the first <ops@bücher.example>";
        let headers = [("Sender".to_owned(), value.to_owned())];
        let extra = ExtraHeaders::read(&headers, &mut faults);
        let written = "Sender: =?utf-8?b?T3BzLCB0aGUgZmlyc3Q=?= <ops@xn--bcher-kva.example>\r\n";
        assert_eq!(extra.others, written);
    }

    #[test]
    fn a_header_may_repeat_unless_it_is_unique() {
        let twice = |name: &str, value: &str| {
            let mut faults = Refusal::invalid();
            let headers = [name, name].map(|name| (name.to_owned(), value.to_owned()));
            ExtraHeaders::read(&headers, &mut faults);
            faults.or_ok().is_ok()
        };
        assert!(twice("X-Tag", "a"));
        for (name, value) in [
            ("Date", "20 Nov 2026 11:45:00 +0100"),
            ("Message-ID", "<1@example.org>"),
            ("In-Reply-To", "<1@example.org>"),
            ("Sender", "Ops <ops@example.org>"),
        ] {
            assert!(!twice(name, value), "{name}");
        }
    }

    #[test]
    fn all_faults_of_the_first_hundred_headers_are_reported() {
        let mut faults = Refusal::invalid();
        let headers: Vec<_> = (0..10_000)
            .map(|n| (format!("a b{n}"), String::new()))
            .collect();
        ExtraHeaders::read(&headers, &mut faults);
        let text = &faults.fields["headers"];
        assert!(
            text.contains("“a b0”") && text.contains("“a b99”"),
            "{text}"
        );
        assert!(
            !text.contains("“a b100”") && text.contains("at most 100"),
            "{text}"
        );
    }
}
