//! Tests of messages with attachments.

use mail_parser::{MessageParser, MimeHeaders};

use super::parts_tests::{compose, mail, text};
use crate::mail::submission::{Attachment, Submission};

#[test]
fn a_file_name_that_looks_encoded_is_not_decoded() {
    let name = "=?utf-8?q?invoice?= \"1\" =?utf-8?b?TMO8Z2U=?= of a customer.pdf";
    for content_id in [None, Some("x".to_owned())] {
        let composed = compose(Submission {
            html: Some("h".to_owned()),
            attachments: vec![Attachment {
                filename: name.to_owned(),
                content_id,
                ..Attachment::default()
            }],
            ..mail()
        })
        .expect("a mail");
        let text = text(&composed);
        assert!(!text.contains("=?"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 78), "{text}");
        let parsed = MessageParser::default().parse(text).expect("a mail");
        let mut files = parsed.parts.iter().filter_map(MimeHeaders::attachment_name);
        assert_eq!(files.next(), Some(name), "{text}");
    }
}

#[test]
fn a_file_without_a_media_type_gets_that_of_its_extension() {
    for (filename, expected) in [
        ("logo.png", "image/png"),
        ("Report.2026.PDF", "application/pdf"),
        ("table.csv", "text/csv"),
        (
            "b.docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        ("invite.ics", "text/calendar"),
        // Base64 is not permitted for messages (RFC 2046 section 5.2.1).
        ("forwarded.eml", "application/octet-stream"),
        ("data.unheard-of", "application/octet-stream"),
        ("png", "application/octet-stream"),
    ] {
        let attachments = vec![Attachment {
            filename: filename.to_owned(),
            ..Attachment::default()
        }];
        let composed = compose(Submission {
            attachments,
            ..mail()
        })
        .expect("a mail");
        let line = format!("Content-Type: {expected}\r\n");
        assert!(text(&composed).contains(&line), "{}", text(&composed));
    }
}

#[test]
fn parts_are_nested_as_mail_clients_expect() {
    let attachment = |content_id: Option<&str>| Attachment {
        filename: "a.png".to_owned(),
        content_type: Some("image/png".to_owned()),
        content_id: content_id.map(str::to_owned),
        content: b"\x89PNG\n\0".to_vec(),
    };
    let some = |text: &str| Some(text.to_owned());
    for (text, html, attachments, expected) in [
        (some("t"), some("h"), vec![], &["alternative"][..]),
        (some("t"), None, vec![attachment(None)], &["mixed"]),
        (None, some("h"), vec![attachment(Some("x"))], &["related"]),
        (None, None, vec![attachment(None)], &["mixed"]),
        // Without HTML, a file with a Content-ID is an attachment.
        (some("t"), None, vec![attachment(Some("x"))], &["mixed"]),
        (
            some("t"),
            some("h"),
            vec![attachment(Some("x")), attachment(None)],
            &["mixed", "alternative", "related"],
        ),
    ] {
        let composed = compose(Submission {
            text,
            html,
            attachments,
            ..mail()
        })
        .expect("a mail");
        let found = super::parts_tests::text(&composed)
            .split("multipart/")
            .skip(1)
            .map(|rest| rest.split(';').next().unwrap_or_default())
            .collect::<Vec<_>>();
        assert_eq!(found, expected);
        let parsed = MessageParser::default()
            .parse(&composed.bytes)
            .expect("a mail");
        for file in parsed
            .attachments()
            .filter(|part| part.attachment_name().is_some())
        {
            assert_eq!(file.contents(), b"\x89PNG\n\0");
        }
    }
}
