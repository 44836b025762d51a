//! Tests of messages composed from parts.

use domain::{Kind, Refusal, Timestamp};
use mail_parser::{MessageParser, MimeHeaders};

use crate::mail::submission::{Attachment, ComposedMessage, DefaultSender, MAIL_MAX, Submission};

/// 20 November 2026, 11:45:00.
const NOW: Timestamp = Timestamp(1_795_175_100_000);

pub fn mail() -> Submission {
    Submission {
        from: Some("Ops <ops@example.org>".to_owned()),
        to: vec!["a@example.net".to_owned()],
        subject: Some("Hello".to_owned()),
        ..Submission::default()
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub fn compose(submission: Submission) -> Result<ComposedMessage, Refusal> {
    let composed = submission.compose(None, "01JD", NOW);
    if let Ok(composed) = &composed {
        whole(&composed.bytes);
    }
    composed
}

/// Asserts that CR and LF occur only as CRLF, that there is no NUL, and no line over 998 octets.
fn whole(bytes: &[u8]) {
    let text = bytes.escape_ascii();
    assert!(!bytes.contains(&0), "{text}");
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r\n").expect("ends with CRLF");
        assert!(!line.contains(&b'\r') && line.len() <= 998, "{text}");
    }
}

pub fn text(composed: &ComposedMessage) -> &str {
    assert!(composed.bytes.is_ascii());
    std::str::from_utf8(&composed.bytes).expect("ASCII")
}

fn faults(submission: Submission) -> Vec<String> {
    let refusal = compose(submission).expect_err("refused");
    assert_eq!(refusal.kind, Kind::Invalid);
    refusal.fields.into_keys().collect()
}

#[test]
fn a_message_contains_every_part_of_the_submission() {
    let composed = compose(Submission {
        cc: strings(&["B <b@example.net>"]),
        bcc: strings(&["c@example.net"]),
        reply_to: strings(&["desk@example.org"]),
        text: Some("Hello.\n".to_owned()),
        headers: vec![
            ("X-Tag".to_owned(), "a".to_owned()),
            ("X-Tag".to_owned(), "b".to_owned()),
        ],
        ..mail()
    })
    .expect("a mail");
    assert_eq!(
        text(&composed),
        "Date: Fri, 20 Nov 2026 11:45:00 +0000\r\n\
         From: Ops <ops@example.org>\r\n\
         Reply-To: desk@example.org\r\n\
         To: a@example.net\r\n\
         Cc: B <b@example.net>\r\n\
         Subject: Hello\r\n\
         Message-ID: <01JD@example.org>\r\n\
         X-Tag: a\r\n\
         X-Tag: b\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 7bit\r\n\
         \r\n\
         Hello.\r\n"
    );
    assert_eq!(composed.from.as_str(), "ops@example.org");
    let recipients: Vec<_> = composed
        .recipients
        .iter()
        .map(domain::EmailAddress::as_str)
        .collect();
    assert_eq!(
        recipients,
        ["a@example.net", "b@example.net", "c@example.net"]
    );
    assert_eq!(composed.message_id, "<01JD@example.org>");
    assert_eq!(composed.subject, "Hello");
}

#[test]
fn a_mail_may_be_empty() {
    for subject in [None, Some(String::new())] {
        let composed = compose(Submission { subject, ..mail() }).expect("a mail");
        let parsed = MessageParser::default()
            .parse(&composed.bytes)
            .expect("a mail");
        assert_eq!(parsed.body_text(0).unwrap_or_default().trim(), "");
    }
}

#[test]
fn from_is_given_or_the_saved_sender() {
    let sender = DefaultSender {
        address: "saved@bücher.example".parse().expect("valid"),
        name: "Saved, \"by us\"".to_owned(),
        reply_to: Some("desk@example.org".parse().expect("valid")),
    };
    let from = |from: Option<&str>, sender| {
        let from = from.map(str::to_owned);
        let composed = Submission { from, ..mail() }.compose(sender, "01JD", NOW);
        composed.map(|composed| (composed.from.to_string(), text(&composed).to_owned()))
    };
    let (address, text) = from(None, Some(&sender)).expect("a mail");
    assert_eq!(address, "saved@bücher.example");
    let parsed = MessageParser::default().parse(&text).expect("a mail");
    let written = parsed.from().and_then(|from| from.first()).expect("a From");
    assert_eq!(written.name(), Some("Saved, \"by us\""));
    assert_eq!(written.address(), Some("saved@xn--bcher-kva.example"));
    assert!(
        text.contains("Message-ID: <01JD@xn--bcher-kva.example>\r\n"),
        "{text}"
    );
    assert!(text.contains("Reply-To: desk@example.org\r\n"), "{text}");

    let (address, text) = from(Some("x@example.org"), Some(&sender)).expect("a mail");
    assert_eq!(address, "x@example.org");
    assert!(!text.contains("Reply-To"), "{text}");

    let refusal = from(None, None).expect_err("refused");
    assert!(refusal.fields["from"].contains("save an e-mail configuration"));
}

#[test]
fn texts_of_any_script_round_trip() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for given in [
        "Grüße aus dem Süden",
        "plain then ünï then plain",
        "監視システム 🚪🚪🚪",
        "=?utf-8?b?SGk=?= as it stands",
        "a  b   c",
        &"x".repeat(3000),
        &"監視".repeat(400),
        "many words ".repeat(90).trim_end(),
        &format!("a{}b", " ".repeat(1200)),
        "\"quoted\", \\ (c)",
    ] {
        let short: String = given.chars().take(240).collect();
        let composed = compose(Submission {
            subject: Some(given.to_owned()),
            from: Some(format!("{} <ops@example.org>", quoted(&short))),
            cc: vec![format!("{} <b@example.net>", quoted(&short)); 3],
            text: Some(given.to_owned()),
            html: Some(format!("<p>{given}")),
            attachments: vec![Attachment {
                filename: short.clone(),
                content: given.as_bytes().to_vec(),
                ..Attachment::default()
            }],
            // A value that is an encoded word already is sent as it is.
            headers: vec![("X-Short".to_owned(), words(&short.replace("=?", "")))],
            ..mail()
        })
        .expect("a mail");
        text(&composed);
        let parsed = MessageParser::default()
            .parse(&composed.bytes)
            .expect("a mail");
        assert_eq!(words(parsed.subject().unwrap_or_default()), words(given));
        assert_eq!(parsed.body_text(0).as_deref(), Some(given));
        let name = parsed.from().and_then(|from| from.first()?.name());
        assert_eq!(words(name.unwrap_or_default()), words(&short));
        let file = parsed.attachment(0).expect("an attachment");
        assert_eq!(file.attachment_name(), Some(short.as_str()));
        assert_eq!(file.contents(), given.as_bytes());
        let headers = crate::mail::parse(&composed.bytes).headers;
        let extra = headers.iter().find(|header| header.0 == "X-Short");
        let expected = words(&short.replace("=?", ""));
        assert_eq!(extra.map(|header| words(&header.1)), Some(expected));
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

#[test]
fn a_repeated_recipient_gets_one_copy() {
    let composed = compose(Submission {
        to: strings(&["a@example.net", "A <a@EXAMPLE.net>", "b@bücher.example"]),
        cc: strings(&["a@example.net"]),
        bcc: strings(&["b@xn--bcher-kva.example", "hidden@example.net"]),
        ..mail()
    })
    .expect("a mail");
    let recipients: Vec<_> = composed
        .recipients
        .iter()
        .map(domain::EmailAddress::as_str)
        .collect();
    assert_eq!(
        recipients,
        ["a@example.net", "b@bücher.example", "hidden@example.net"]
    );
    let text = text(&composed);
    assert!(
        text.contains("To: a@example.net, b@xn--bcher-kva.example\r\n"),
        "{text}"
    );
    assert!(text.contains("Cc: a@example.net\r\n"), "{text}");
    assert!(!text.contains("hidden"), "{text}");
}

#[test]
fn more_than_a_hundred_recipients_are_refused() {
    let many = |count: usize| {
        (0..count)
            .map(|n| format!("N {n} <a{n}@example.net>"))
            .collect()
    };
    let composed = compose(Submission {
        to: many(100),
        ..mail()
    })
    .expect("a mail");
    assert_eq!(composed.recipients.len(), 100);
    let parsed = MessageParser::default()
        .parse(&composed.bytes)
        .expect("a mail");
    let written = parsed.to().expect("a To").iter();
    assert_eq!(
        written.filter_map(|one| one.address()).collect::<Vec<_>>(),
        composed
            .recipients
            .iter()
            .map(domain::EmailAddress::as_str)
            .collect::<Vec<_>>()
    );
    assert_eq!(
        faults(Submission {
            to: many(101),
            ..mail()
        }),
        ["to"]
    );
    assert_eq!(
        faults(Submission {
            bcc: many(10_000),
            ..mail()
        }),
        ["bcc"]
    );
    let bad = vec!["x".to_owned(); 10_000];
    assert!(faults(Submission { cc: bad, ..mail() }).len() <= 102);
    let same = vec!["a@example.net".to_owned(); 10_000];
    let composed = compose(Submission { to: same, ..mail() }).expect("a mail");
    assert_eq!(composed.recipients.len(), 1);
    assert!(composed.bytes.len() < 1000);
}

#[test]
fn every_fault_is_reported_by_field() {
    let attachment =
        |filename: &str, content_type: Option<&str>, content_id: Option<&str>| Attachment {
            filename: filename.to_owned(),
            content_type: content_type.map(str::to_owned),
            content_id: content_id.map(str::to_owned),
            content: Vec::new(),
        };
    let found = faults(Submission {
        from: Some("Ops\r\nBcc: x@example.org <a@example.org>".to_owned()),
        to: strings(&["ok@example.org", "a@example.org\r\nDATA"]),
        cc: strings(&["a@example.org, b@example.org"]),
        bcc: strings(&[""]),
        reply_to: strings(&["x"]),
        subject: Some("a\nBcc: b@example.org".to_owned()),
        headers: vec![("a b".to_owned(), "x".to_owned())],
        attachments: vec![
            attachment("", None, None),
            attachment("a\r\nb", Some("image/png\r\nX: y"), Some("a b")),
            attachment("a", Some("multipart/mixed; boundary=x"), Some("")),
            attachment("a", Some(""), Some("<a@b>")),
            attachment("a", None, Some("logo")),
            attachment("b", None, Some("other")),
            attachment("c", None, Some("<logo>")),
        ],
        ..Submission::default()
    });
    assert_eq!(
        found,
        [
            "attachments[0].filename",
            "attachments[1].content_id",
            "attachments[1].content_type",
            "attachments[1].filename",
            "attachments[2].content_id",
            "attachments[2].content_type",
            "attachments[3].content_type",
            "attachments[6].content_id",
            "bcc",
            "cc",
            "from",
            "headers",
            "reply_to",
            "subject",
            "to[1]",
        ]
    );
    assert_eq!(
        faults(Submission {
            to: Vec::new(),
            ..mail()
        }),
        ["to"]
    );
}

#[test]
fn a_message_that_is_too_large_is_refused() {
    let attachment = |length| Attachment {
        filename: "a".to_owned(),
        content: vec![0; length],
        ..Attachment::default()
    };
    let of = |length| Submission {
        attachments: vec![attachment(length)],
        ..mail()
    };
    assert_eq!(faults(of(30 * 1024 * 1024)), ["attachments"]);
    // Just over and just under the limit, as base64 with line ends.
    assert_eq!(faults(of(MAIL_MAX / 78 * 57)), ["attachments"]);
    let composed = compose(of(MAIL_MAX / 78 * 57 - 4096)).expect("a mail");
    assert!(composed.bytes.len() <= MAIL_MAX && composed.bytes.len() > MAIL_MAX - 16_384);
    let text = Some("x".repeat(MAIL_MAX + 1));
    assert_eq!(faults(Submission { text, ..mail() }), ["text"]);
}

/// Sequences that some relays take for the end of data (SMTP smuggling).
pub const SMUGGLED: [&str; 8] = [
    "\n.\n",
    "\n.\r\n",
    "\r.\r",
    "\r.\r\n",
    "\r\n.\n",
    "\r\n.\r",
    "\r\n\r.\r\n",
    "\r\r\n.\r\r\n",
];

#[test]
fn line_breaks_in_fields_are_refused() {
    for smuggled in SMUGGLED {
        let given = format!("body{smuggled}MAIL FROM:<a@b.example>\r\n");
        // `compose` asserts the line ends of the result.
        let text = Some(given.clone());
        compose(Submission {
            text: text.clone(),
            ..mail()
        })
        .expect("a mail");
        compose(Submission {
            html: text.clone(),
            ..mail()
        })
        .expect("a mail");
        compose(Submission {
            html: Some(format!("ü{given}")),
            text: text.clone(),
            ..mail()
        })
        .expect("a mail");
        let attachments = vec![Attachment {
            filename: "a.txt".to_owned(),
            content_type: Some("text/plain".to_owned()),
            content: given.clone().into_bytes(),
            ..Attachment::default()
        }];
        compose(Submission {
            attachments,
            ..mail()
        })
        .expect("a mail");
        assert_eq!(
            faults(Submission {
                subject: text,
                ..mail()
            }),
            ["subject"]
        );
        let headers = vec![("X-A".to_owned(), given)];
        assert_eq!(faults(Submission { headers, ..mail() }), ["headers"]);
    }
}

#[test]
fn a_given_date_and_message_id_are_kept() {
    let headers = vec![
        (
            "date".to_owned(),
            "Thu, 19 Nov 2026 00:00:00 +0100".to_owned(),
        ),
        ("message-id".to_owned(), "<mine@example.com>".to_owned()),
    ];
    let composed = compose(Submission { headers, ..mail() }).expect("a mail");
    assert_eq!(composed.message_id, "<mine@example.com>");
    let text = text(&composed);
    assert_eq!(
        text.to_lowercase().matches("\r\nmessage-id: ").count(),
        1,
        "{text}"
    );
    assert!(
        text.starts_with("Date: Thu, 19 Nov 2026 00:00:00 +0100\r\n"),
        "{text}"
    );
    assert_eq!(text.to_lowercase().matches("date: ").count(), 1, "{text}");
}

#[test]
fn only_local_parts_need_eight_bits() {
    let to = strings(&["用户@例子.广告"]);
    let composed = compose(Submission { to, ..mail() }).expect("a mail");
    let text = String::from_utf8(composed.bytes).expect("UTF-8");
    assert!(
        text.contains("\r\nTo: 用户@xn--fsqu00a.xn--4rr70v\r\n"),
        "{text}"
    );
}

#[test]
fn the_stored_subject_is_sanitised() {
    let subject = Some(format!("a\u{202e}b{}", "ü".repeat(300)));
    let composed = compose(Submission { subject, ..mail() }).expect("a mail");
    assert_eq!(composed.subject, format!("ab{}…", "ü".repeat(198)));
}
