//! Writes MIME bodies (RFC 2045): text, HTML, inline files and attachments, all in 7-bit.

use std::error::Error;

use lettre::message::header::{
    ContentDisposition, ContentId, ContentTransferEncoding, ContentType, Header, HeaderName,
    HeaderValue,
};
use lettre::message::{Body, MultiPart, SinglePart};
use memchr::{memchr, memchr_iter, memchr2_iter};

/// The maximum length of a line without its CRLF, in octets (RFC 5322 section 2.1.1).
pub(in crate::mail) const LINE: usize = 998;

/// A validated attachment.
pub(super) struct MimeFile {
    /// The file name.
    pub name: String,
    /// The media type.
    pub content_type: ContentType,
    /// The Content-ID with its angle brackets.
    pub content_id: Option<String>,
    /// The bytes, not encoded.
    pub content: Vec<u8>,
}

/// A MIME part: a single one, or a multipart.
enum Part {
    Single(SinglePart),
    Multi(MultiPart),
}

/// The message: `header`, which has its other header fields, then those of MIME and the body.
///
/// Files with a Content-ID are inline if there is HTML; all others are attachments.
pub(super) fn with_body(
    header: String,
    text: Option<String>,
    html: Option<String>,
    files: Vec<MimeFile>,
) -> Vec<u8> {
    let shown = |file: &MimeFile| html.is_some() && file.content_id.is_some();
    let (inline, attached): (Vec<_>, Vec<_>) = files.into_iter().partition(shown);
    let html = html.map(|html| related(text_part(html, ContentType::TEXT_HTML), inline));
    let text = text.map(|text| text_part(text, ContentType::TEXT_PLAIN));
    let body = match (text, html) {
        (Some(text), Some(html)) => {
            let both = MultiPart::alternative().singlepart(text);
            Part::Multi(add(both, html))
        }
        (Some(text), None) => Part::Single(text),
        (None, Some(html)) => html,
        (None, None) => Part::Single(text_part(String::new(), ContentType::TEXT_PLAIN)),
    };
    let whole = if attached.is_empty() {
        body
    } else {
        let mixed = add(MultiPart::mixed().build(), body);
        let attach = |all: MultiPart, file| all.singlepart(file_part(file, false));
        Part::Multi(attached.into_iter().fold(mixed, attach))
    };
    let mut message = header.into_bytes();
    match whole {
        Part::Single(part) => append(&mut message, &part),
        Part::Multi(parts) => message.extend_from_slice(&parts.formatted()),
    }
    message
}

/// Appends a part as [`SinglePart::formatted`] writes it, without its buffer, which grows from nothing.
fn append(message: &mut Vec<u8>, part: &SinglePart) {
    let (fields, body) = (part.headers().to_string(), part.raw_body());
    message.reserve_exact(fields.len() + body.len() + 4);
    for piece in [fields.as_bytes(), b"\r\n", body, b"\r\n"] {
        message.extend_from_slice(piece);
    }
}

/// Appends a part to a multipart.
fn add(parts: MultiPart, part: Part) -> MultiPart {
    match part {
        Part::Single(part) => parts.singlepart(part),
        Part::Multi(part) => parts.multipart(part),
    }
}

/// HTML with its inline files as `multipart/related` (RFC 2387); without files, the HTML alone.
fn related(html: SinglePart, inline: Vec<MimeFile>) -> Part {
    if inline.is_empty() {
        return Part::Single(html);
    }
    let show = |all: MultiPart, file| all.singlepart(file_part(file, true));
    let related = MultiPart::related().singlepart(html);
    Part::Multi(inline.into_iter().fold(related, show))
}

/// A file as a part in base64.
fn file_part(file: MimeFile, inline: bool) -> SinglePart {
    let mut part = SinglePart::builder()
        .header(file.content_type)
        .header(FileDisposition::new(inline, &file.name));
    if let Some(id) = file.content_id {
        part = part.header(ContentId::from(id));
    }
    part.body(base64(file.content))
}

/// The field Content-Disposition of a file (RFC 2183).
#[derive(Clone)]
struct FileDisposition(HeaderValue);

impl FileDisposition {
    fn new(inline: bool, name: &str) -> Self {
        if name.contains("=?") {
            return Self::extended(if inline { "inline" } else { "attachment" }, name);
        }
        let disposition = if inline {
            ContentDisposition::inline_with_name(name)
        } else {
            ContentDisposition::attachment(name)
        };
        Self(disposition.display())
    }

    /// Writes the name percent-encoded (RFC 2231 section 4.1). Readers decode encoded words in a
    /// quoted file name, although RFC 2047 section 5 forbids it.
    fn extended(kind: &str, name: &str) -> Self {
        let mut value = kind.to_owned();
        let mut sections = 0;
        let mut line = PARAMETER;
        for byte in name.bytes() {
            if line + 3 > PARAMETER {
                let charset = if sections == 0 { "utf-8''" } else { "" };
                value.push_str(&format!(";\r\n filename*{sections}*={charset}"));
                sections += 1;
                line = 0;
            }
            let length = value.len();
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                    value.push(char::from(byte));
                }
                byte => value.push_str(&format!("%{byte:02X}")),
            }
            line += value.len() - length;
        }
        let plain = format!("{kind}; filename=\"{name}\"");
        Self(HeaderValue::dangerous_new_pre_encoded(
            Self::name(),
            plain,
            value,
        ))
    }
}

/// The maximum length of a section of a percent-encoded file name, in octets.
const PARAMETER: usize = 50;

impl Header for FileDisposition {
    fn name() -> HeaderName {
        ContentDisposition::name()
    }

    fn parse(text: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        ContentDisposition::parse(text).map(|parsed| Self(parsed.display()))
    }

    fn display(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// A text part in the transfer encoding that changes least: 7bit, else quoted-printable, or base64
/// if more than a third of the octets are not ASCII.
fn text_part(text: String, content_type: ContentType) -> SinglePart {
    let (mut text, longest) = lines(&text);
    if text.ends_with("\r\n") {
        // The line end before the boundary ends the last line.
        text.truncate(text.len() - 2);
    }
    let others = |text: &str| text.bytes().filter(|byte| !byte.is_ascii()).count();
    let body = if longest <= LINE && text.is_ascii() && memchr(0, text.as_bytes()).is_none() {
        Body::dangerous_pre_encoded(text.into_bytes(), ContentTransferEncoding::SevenBit)
    } else if others(&text) <= text.len() / 3 {
        let encoding = ContentTransferEncoding::QuotedPrintable;
        Body::dangerous_pre_encoded(quoted_printable(&text), encoding)
    } else {
        base64(text.into_bytes())
    };
    SinglePart::builder().header(content_type).body(body)
}

fn base64(content: Vec<u8>) -> Body {
    Body::new_with_encoding(content, ContentTransferEncoding::Base64)
        .expect("base64 takes any bytes")
}

/// Encodes text whose lines end with CRLF as quoted-printable (RFC 2045 section 6.7). The encoder
/// of lettre takes four times as long, which would be most of the time of composing.
pub(crate) fn quoted_printable(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(text.len() + text.len() / 4);
    let mut start = 0;
    for end in memchr_iter(b'\r', bytes) {
        quoted_line(&bytes[start..end], &mut out);
        out.extend_from_slice(b"\r\n");
        start = end + 2;
    }
    quoted_line(&bytes[start..], &mut out);
    out
}

/// Encodes one line, without its CRLF.
fn quoted_line(line: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let plain = |byte: &u8| matches!(byte, b'\t' | b' '..=b'<' | b'>'..=b'~');
    // White space at the end of a line may be removed in transit, so it is encoded.
    let blank = matches!(line.last(), Some(b'\t' | b' '));
    let kept = line.len() - usize::from(blank);
    let (mut at, mut column) = (0, 0);
    while at < line.len() {
        // A line that continues needs its last column for a soft line break `=`.
        let free = QUOTED - 1 - column;
        let fitting = line[at..kept].iter().take(free);
        let run = fitting.take_while(|byte| plain(byte)).count();
        out.extend_from_slice(&line[at..at + run]);
        at += run;
        column += run;
        let Some(&byte) = line.get(at) else { break };
        let as_it_is = at < kept && plain(&byte);
        let width = if as_it_is { 1 } else { 3 };
        let last = at + 1 == line.len();
        if column + width > QUOTED - usize::from(!last) {
            out.extend_from_slice(b"=\r\n");
            column = 0;
            continue;
        }
        if as_it_is {
            out.push(byte);
        } else {
            let digit = |half: u8| HEX[usize::from(half)];
            out.extend_from_slice(&[b'=', digit(byte >> 4), digit(byte & 15)]);
        }
        at += 1;
        column += width;
    }
}

/// The maximum line length of quoted-printable, in octets.
const QUOTED: usize = 76;

/// Converts every line end to CRLF, and returns the length of the longest line, in octets.
fn lines(text: &str) -> (String, usize) {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len() + text.len() / 32 + 2);
    let (mut start, mut longest) = (0, 0);
    for at in memchr2_iter(b'\r', b'\n', bytes) {
        if at < start {
            continue;
        }
        longest = longest.max(at - start);
        out.push_str(&text[start..at]);
        out.push_str("\r\n");
        start = at
            + if bytes[at..].starts_with(b"\r\n") {
                2
            } else {
                1
            };
    }
    longest = longest.max(text.len() - start);
    out.push_str(&text[start..]);
    (out, longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_becomes_crlf() {
        for (text, expected, longest) in [
            ("", "", 0),
            ("a", "a", 1),
            ("a\nbc\n", "a\r\nbc\r\n", 2),
            ("a\r\nb", "a\r\nb", 1),
            ("a\rb\n\rc", "a\r\nb\r\n\r\nc", 1),
            ("\r\r\n.\r\r\n", "\r\n\r\n.\r\n\r\n", 1),
            ("\n.\n\r.\r", "\r\n.\r\n\r\n.\r\n", 1),
            ("ü\nä", "ü\r\nä", 2),
        ] {
            assert_eq!(lines(text), (expected.to_owned(), longest), "{text:?}");
        }
    }

    #[test]
    fn text_is_encoded_only_where_needed() {
        for (text, encoding) in [
            ("plain\n", "7bit"),
            (&"x".repeat(998), "7bit"),
            (&"x".repeat(999), "quoted-printable"),
            ("a\0b", "quoted-printable"),
            ("Grüße aus dem Süden", "quoted-printable"),
            ("監視監視監視", "base64"),
            ("", "7bit"),
        ] {
            let bytes = with_body(String::new(), Some(text.to_owned()), None, Vec::new());
            let head = String::from_utf8(bytes).expect("7-bit");
            let line = format!("Content-Transfer-Encoding: {encoding}\r\n");
            assert!(head.is_ascii() && head.contains(&line), "{text}: {head}");
        }
    }

    #[test]
    fn quoted_printable_round_trips() {
        let long = "ü".repeat(300);
        for text in [
            "",
            "a=b",
            "a \r\n\tb\t\r\n \r\n\r\n",
            "\0\u{7f}\u{1b}",
            &long,
            &"x".repeat(76),
            &"x".repeat(77),
            &format!("{}ü", "x".repeat(73)),
            &format!("{}ü\r\n.", "x".repeat(74)),
            &format!("{} \r\n", "x".repeat(75)),
        ] {
            let quoted = quoted_printable(text);
            let lines = quoted.split(|byte| *byte == b'\n');
            for line in lines.map(<[u8]>::trim_ascii_end) {
                assert!(
                    line.len() <= QUOTED && line.is_ascii(),
                    "{}",
                    line.escape_ascii()
                );
            }
            let head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
            let mail = [&head[..], &quoted, b"\r\n"].concat();
            let parsed = mail_parser::MessageParser::default()
                .parse(&mail)
                .expect("a mail");
            let read = parsed.body_text(0).expect("a text");
            assert_eq!(read.strip_suffix("\r\n").unwrap_or(&read), text);
        }
        assert_eq!(quoted_printable("a \r\nü="), b"a=20\r\n=C3=BC=3D");
    }
}
