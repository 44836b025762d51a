//! Parses stored messages for display, with control and format characters removed.

use std::sync::LazyLock;

use domain::sanitize::{is_control_or_format, printable, truncate};
use mail_parser::{MessageParser, MimeHeaders, PartType};

/// The maximum length of a displayed text, in characters.
const TEXT: usize = 64 * 1024;

/// The maximum length of a displayed header name or value, in characters.
const VALUE: usize = 2000;

/// A decoded message for display, without control and format characters; the texts keep line feeds
/// and tabs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ParsedMessage {
    /// The header fields, as names and values, in their order.
    pub headers: Vec<(String, String)>,
    /// The plain-text body, truncated to 65,536 characters.
    pub text: Option<String>,
    /// The text of the HTML body without markup, truncated to 65,536 characters.
    pub html_as_text: Option<String>,
    /// The attachments, without their content.
    pub attachments: Vec<ParsedAttachment>,
}

/// An attachment of a parsed message.
#[derive(Debug, PartialEq, Eq)]
pub struct ParsedAttachment {
    /// The file name.
    pub name: String,
    /// The media type, without parameters.
    pub content_type: String,
    /// The size after decoding, in bytes.
    pub size: usize,
}

/// Decodes MIME header fields for the structure of a message, and all others as text.
static PARSER: LazyLock<MessageParser> = LazyLock::new(|| {
    MessageParser::new()
        .with_mime_headers()
        .default_header_text()
});

/// Parses a message. What cannot be parsed is omitted.
pub fn parse(bytes: &[u8]) -> ParsedMessage {
    let Some(mail) = PARSER.parse(bytes) else {
        return ParsedMessage::default();
    };
    let headers = mail.headers().iter().map(|header| {
        let value = match header.value.as_text() {
            Some(text) => printable(text, VALUE),
            None => {
                let range = header.offset_start as usize..header.offset_end as usize;
                let raw = bytes.get(range).unwrap_or_default();
                printable(String::from_utf8_lossy(raw).trim(), VALUE)
            }
        };
        (printable(header.name.as_str(), VALUE), value)
    });
    let mut message = ParsedMessage {
        headers: headers.collect(),
        ..ParsedMessage::default()
    };
    for part in mail.text_bodies() {
        if let PartType::Text(text) = &part.body {
            message.text = Some(shown(text));
            break;
        }
    }
    for part in mail.html_bodies() {
        if let PartType::Html(html) = &part.body {
            message.html_as_text = Some(shown(&mail_parser::decoders::html::html_to_text(html)));
            break;
        }
    }
    message.attachments = mail
        .attachments()
        .map(|part| {
            let kind = part.content_type().map(|kind| {
                let subtype = kind.subtype().unwrap_or("*");
                format!("{}/{subtype}", kind.ctype())
            });
            ParsedAttachment {
                name: printable(part.attachment_name().unwrap_or("(without a name)"), 250),
                content_type: printable(kind.as_deref().unwrap_or("text/plain"), 250),
                size: part.len(),
            }
        })
        .collect();
    message
}

/// Removes control and format characters except line feed and tab, and truncates.
fn shown(text: &str) -> String {
    let lines = text
        .chars()
        .filter(|c| matches!(c, '\n' | '\t') || !is_control_or_format(*c));
    truncate(lines.take(TEXT + 1).collect(), TEXT)
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;
    use crate::mail::{Attachment, Submission};

    #[test]
    fn a_composed_message_is_parsed_back() {
        let text = "Grüße\n\tand\u{202e} \u{1b}[31mmore\n";
        let composed = Submission {
            from: Some("Büro <ops@example.org>".to_owned()),
            to: vec!["a@example.net".to_owned()],
            subject: Some("Grüße".to_owned()),
            text: Some(text.to_owned()),
            html: Some("<h1>Big</h1><script>alert(1)</script><p>small".to_owned()),
            headers: vec![("X-Tag".to_owned(), "a".to_owned()); 2],
            attachments: vec![Attachment {
                filename: "Übersicht.pdf".to_owned(),
                content_type: Some("application/pdf".to_owned()),
                content: vec![0; 1234],
                ..Attachment::default()
            }],
            ..Submission::default()
        }
        .compose(None, "01JD", Timestamp(0))
        .expect("a mail");
        let message = parse(&composed.bytes);
        let names: Vec<_> = message
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "Date",
                "From",
                "To",
                "Subject",
                "Message-ID",
                "X-Tag",
                "X-Tag",
                "MIME-Version",
                "Content-Type"
            ]
        );
        let value = |name| {
            &message
                .headers
                .iter()
                .find(|header| header.0 == name)
                .expect(name)
                .1
        };
        assert_eq!(value("From"), "Büro <ops@example.org>");
        assert_eq!(value("Subject"), "Grüße");
        assert!(value("Content-Type").starts_with("multipart/mixed; boundary="));
        assert_eq!(message.text.as_deref(), Some("Grüße\n\tand [31mmore"));
        let html = message.html_as_text.expect("HTML");
        assert!(
            html.contains("Big") && html.contains("small") && !html.contains('<'),
            "{html}"
        );
        assert_eq!(
            message.attachments,
            [ParsedAttachment {
                name: "Übersicht.pdf".to_owned(),
                content_type: "application/pdf".to_owned(),
                size: 1234,
            }]
        );
    }

    #[test]
    fn long_texts_are_truncated_and_any_bytes_are_parsed() {
        let raw = format!("Subject: x\r\n\r\n{}", "ü".repeat(70_000));
        let text = parse(raw.as_bytes()).text.expect("a text");
        assert_eq!(text.chars().count(), TEXT + 1);
        for bytes in [&b""[..], b"\0", b"x", b"\r\n\r\n", b"A:\xff\r\n\r\n\xff"] {
            parse(bytes);
        }
    }
}
