//! A mail as it was given: its header fields, its recipients, and the repairs that it needs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::addresses::{self, ListedAddress};
use super::lines::{self, Lines};

/// Fields with the addresses of recipients.
const RECIPIENTS: [&str; 3] = ["To", "Cc", "Bcc"];
/// The same where a mail is sent again (RFC 5322 section 3.6.6).
const RESENT: [&str; 3] = ["Resent-To", "Resent-Cc", "Resent-Bcc"];
/// Other fields with addresses.
const OTHERS: [&str; 5] = ["From", "Sender", "Reply-To", "Resent-From", "Resent-Sender"];

/// The longest text of an encoded word, in octets before its encoding (RFC 2047 section 2).
const ENCODED_MAX: usize = 45;

/// A mail. Its lines end with CR and LF, and have at most 998 octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputMessage {
    fields: Vec<HeaderField>,
    body: Vec<u8>,
}

/// A header field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct HeaderField {
    name: String,
    /// What follows the colon, with its line ends as CR and LF.
    value: Vec<u8>,
}

impl InputMessage {
    /// Parses what was read. Lines of a mailbox file before the header (`From …`) are removed. The header
    /// ends with an empty line, or before the first line that is no field.
    pub fn parse(input: &[u8]) -> Self {
        let mut fields: Vec<HeaderField> = Vec::new();
        let mut lines = Lines { rest: input };
        let mut next = lines.clone();
        while let Some(line) = next.next() {
            let unquoted = line.iter().position(|byte| *byte != b'>');
            let is_envelope = line[unquoted.unwrap_or(0)..].starts_with(b"From ");
            match fields.last_mut() {
                None if is_envelope => {}
                _ if line.is_empty() => {
                    lines = next;
                    break;
                }
                Some(field) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                    // A line of white space alone is no part of a field.
                    if !line.trim_ascii().is_empty() {
                        field.value.extend_from_slice(b"\r\n");
                        field.value.extend_from_slice(line);
                    }
                }
                _ => match field(line) {
                    Some(field) => fields.push(field),
                    None => break,
                },
            }
            lines = next.clone();
        }
        let mut body = Vec::with_capacity(lines.rest.len() + lines.rest.len() / 32);
        for line in lines {
            lines::push(&mut body, line);
        }
        Self { fields, body }
    }

    /// The recipients of the header: those of the fields `Resent-…` where it has any of these.
    pub fn recipients(&self) -> Vec<ListedAddress> {
        let is_resent = self.fields.iter().any(|field| field.is_one_of(&RESENT));
        let names = if is_resent { &RESENT } else { &RECIPIENTS };
        let fields = self.fields.iter().filter(|field| field.is_one_of(names));
        fields
            .flat_map(|field| addresses::parse(&field.value))
            .collect()
    }

    /// Adds `domain` to the addresses of the header that have none.
    pub fn qualify(&mut self, domain: &str) {
        for field in &mut self.fields {
            let has_addresses = [&RECIPIENTS[..], &RESENT, &OTHERS]
                .iter()
                .any(|names| field.is_one_of(names));
            if has_addresses && let Some(value) = addresses::qualify(&field.value, domain) {
                field.value = value;
            }
        }
    }

    /// Adds From where it is missing.
    pub fn add_from(&mut self, full_name: &str, address: &str) {
        if self.fields.iter().any(|field| field.is_one_of(&["From"])) {
            return;
        }
        let value = match phrase(full_name) {
            phrase if phrase.is_empty() => format!(" {address}"),
            phrase => format!(" {phrase} <{address}>"),
        };
        self.fields.push(HeaderField {
            name: "From".to_owned(),
            value: value.into_bytes(),
        });
    }

    /// Whether its header is in UTF-8 (RFC 6532).
    pub fn has_utf8_header(&self) -> bool {
        let mut values = self.fields.iter().map(|field| &field.value);
        values.any(|value| !value.is_ascii() && str::from_utf8(value).is_ok())
    }

    /// The mail as it is sent.
    pub fn into_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.body.len() + 1024);
        for field in self.fields {
            let mut whole = field.name.into_bytes();
            whole.push(b':');
            whole.extend_from_slice(&field.value);
            for line in (Lines { rest: &whole }) {
                lines::push(&mut bytes, line);
            }
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

impl HeaderField {
    fn is_one_of(&self, names: &[&str]) -> bool {
        names
            .iter()
            .any(|name| self.name.eq_ignore_ascii_case(name))
    }
}

/// The field that begins with a line.
fn field(line: &[u8]) -> Option<HeaderField> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = str::from_utf8(&line[..colon]).ok()?;
    let name = name.trim_end_matches([' ', '\t']);
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    is_name.then(|| HeaderField {
        name: name.to_owned(),
        value: line[colon + 1..].to_vec(),
    })
}

/// A display name: quoted where it needs to be, as encoded words (RFC 2047) where it is not ASCII.
fn phrase(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let name = name.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " !#$%&'*+-/=?^_`{|}~".contains(c);
    if name.chars().all(is_plain) {
        return name.to_owned();
    }
    if name.is_ascii() {
        let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
        return format!("\"{escaped}\"");
    }
    let mut words = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let (word, others) = rest.split_at(rest.floor_char_boundary(ENCODED_MAX));
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(word)));
        rest = others;
    }
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(input: &str) -> String {
        let bytes = InputMessage::parse(input.as_bytes()).into_bytes();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn line_ends_become_cr_and_lf() {
        for (input, expected) in [
            ("Subject: Fire\n\nOut.\n", "Subject: Fire\r\n\r\nOut.\r\n"),
            (
                "Subject: Fire\r\n\r\nOut.\r\n",
                "Subject: Fire\r\n\r\nOut.\r\n",
            ),
            (
                "Subject: Fire\r\rOut.\rNow.",
                "Subject: Fire\r\n\r\nOut.\r\nNow.\r\n",
            ),
            (
                "Subject: Fire\r\r\n\r\r\nOut.\r\r\n",
                "Subject: Fire\r\n\r\nOut.\r\n",
            ),
            (
                "Subject: a\n  b\n\tc\n\n",
                "Subject: a\r\n  b\r\n\tc\r\n\r\n",
            ),
            ("Subject: a\n \nTo: b\n\n", "Subject: a\r\nTo: b\r\n\r\n"),
            ("Subject : Fire\n\n", "Subject: Fire\r\n\r\n"),
            ("Subject: Fire", "Subject: Fire\r\n\r\n"),
            ("", "\r\n"),
            ("\nOut.\n", "\r\nOut.\r\n"),
        ] {
            assert_eq!(bytes(input), expected, "{input:?}");
        }
    }

    #[test]
    fn the_header_ends_before_the_first_line_that_is_no_field() {
        for (input, expected) in [
            ("Out of fire.\nNow.\n", "\r\nOut of fire.\r\nNow.\r\n"),
            (
                "Subject: Fire\nOut of fire.\n",
                "Subject: Fire\r\n\r\nOut of fire.\r\n",
            ),
            (" indented\n", "\r\n indented\r\n"),
            (": no name\n", "\r\n: no name\r\n"),
            (
                "From ann Mon Nov 30\nSubject: Fire\n\n",
                "Subject: Fire\r\n\r\n",
            ),
            (
                ">From ann Mon Nov 30\nSubject: Fire\n\n",
                "Subject: Fire\r\n\r\n",
            ),
            (
                "Subject: Fire\nFrom ann\n",
                "Subject: Fire\r\n\r\nFrom ann\r\n",
            ),
        ] {
            assert_eq!(bytes(input), expected, "{input:?}");
        }
    }

    #[test]
    fn recipients_are_those_of_the_header_or_of_a_mail_that_is_sent_again() {
        for (header, expected) in [
            (
                "To: a@x.example, b@x.example\ncc: C <c@x.example>\nBCC:\n d@x.example\nFrom: e@x.example\n",
                "a@x.example b@x.example c@x.example d@x.example",
            ),
            (
                "To: a@x.example\nTo: b@x.example\n",
                "a@x.example b@x.example",
            ),
            (
                "To: a@x.example\nResent-To: b@x.example\nResent-Bcc: root\n",
                "b@x.example root",
            ),
            ("To: a@x.example\nResent-From: b@x.example\n", "a@x.example"),
            ("To: undisclosed-recipients:;\n", ""),
            ("Subject: a@x.example\n\nTo: b@x.example\n", ""),
        ] {
            let recipients = InputMessage::parse(header.as_bytes()).recipients();
            let texts: Vec<String> = recipients.into_iter().map(|found| found.text).collect();
            assert_eq!(texts.join(" "), expected, "{header}");
        }
    }

    #[test]
    fn addresses_of_the_header_get_a_domain() {
        let mut message =
            InputMessage::parse(b"From: root (Cron Daemon)\nTo: ann\nSubject: root\n\nTo: bob\n");
        message.qualify("host.example");
        let text = String::from_utf8(message.into_bytes()).expect("text");
        assert_eq!(
            text,
            "From: root@host.example (Cron Daemon)\r\nTo: ann@host.example\r\nSubject: root\r\n\r\nTo: bob\r\n"
        );
    }

    #[test]
    fn a_missing_from_is_added_with_the_name() {
        for (input, name, expected) in [
            (
                "Subject: Fire\n\n",
                "Ann Lee",
                "Subject: Fire\r\nFrom: Ann Lee <ann@example.org>\r\n\r\n",
            ),
            ("", "", "From: ann@example.org\r\n\r\n"),
            (
                "",
                "Lee, Ann \"A\"",
                "From: \"Lee, Ann \\\"A\\\"\" <ann@example.org>\r\n\r\n",
            ),
            (
                "",
                "Änn",
                "From: =?UTF-8?B?w4Rubg==?= <ann@example.org>\r\n\r\n",
            ),
            (
                "",
                "Ann\r\nBcc: x@example.org",
                "From: \"AnnBcc: x@example.org\" <ann@example.org>\r\n\r\n",
            ),
            (
                "FROM: bob@example.org\n\n",
                "Ann",
                "FROM: bob@example.org\r\n\r\n",
            ),
        ] {
            let mut message = InputMessage::parse(input.as_bytes());
            message.add_from(name, "ann@example.org");
            let text = String::from_utf8(message.into_bytes()).expect("text");
            assert_eq!(text, expected);
        }
        let long = phrase(&"ü".repeat(60));
        assert!(long.lines().all(|word| word.trim().len() <= 75), "{long}");
        assert_eq!(long.lines().count(), 3);
    }

    #[test]
    fn a_header_in_utf8_is_told_from_other_encodings() {
        let is_utf8 = |header: &[u8]| InputMessage::parse(header).has_utf8_header();
        assert!(is_utf8("Subject: Grüße\n\n".as_bytes()));
        assert!(!is_utf8(b"Subject: Gr\xfc\xdfe\n\n"));
        assert!(!is_utf8("Subject: Fire\n\nGrüße\n".as_bytes()));
    }

    #[test]
    fn long_lines_are_folded() {
        let long = format!("Subject: {}\n\n{}\n", "word ".repeat(500), "x".repeat(3000));
        let text = bytes(&long);
        assert!(text.split("\r\n").all(|line| line.len() <= 998));
        assert!(text.starts_with("Subject: word word"));
    }
}
