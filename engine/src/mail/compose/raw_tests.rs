//! Tests of raw messages.

use domain::{Refusal, Timestamp};

use super::parts_tests::SMUGGLED;
use crate::mail::submission::{Attachment, ComposedMessage, DefaultSender, MAIL_MAX, Submission};

/// 20 November 2026, 11:45:00.
const NOW: Timestamp = Timestamp(1_795_175_100_000);

const MAIL: &str = "From: Ops <ops@example.org>\r\nTo: a@example.net\r\nSubject: x\r\n\
    Date: Thu, 19 Nov 2026 00:00:00 +0100\r\nMessage-ID: <1@example.org>\r\n\r\nbody\r\n";

fn compose(raw: &[u8]) -> Result<ComposedMessage, Refusal> {
    compose_with(raw, Submission::default())
}

fn compose_with(raw: &[u8], rest: Submission) -> Result<ComposedMessage, Refusal> {
    let raw = Some(raw.to_vec());
    Submission { raw, ..rest }.compose(None, "01JD", NOW)
}

fn bytes(raw: &str) -> String {
    let composed = compose(raw.as_bytes()).unwrap_or_else(|fault| panic!("{raw:?}: {fault}"));
    String::from_utf8(composed.bytes).expect("UTF-8")
}

fn names(addresses: &[domain::EmailAddress]) -> Vec<&str> {
    addresses.iter().map(domain::EmailAddress::as_str).collect()
}

#[test]
fn a_complete_raw_message_is_unchanged() {
    let eight_bit = MAIL.replace("body", "\u{fc} \t. \r\n.\r\n..");
    for raw in [
        MAIL,
        &eight_bit,
        MAIL.trim_end(),
        MAIL.split("\r\n\r\n").next().unwrap(),
    ] {
        assert_eq!(bytes(raw), raw);
    }
    let composed = compose(MAIL.as_bytes()).expect("a mail");
    assert_eq!(composed.from.as_str(), "ops@example.org");
    assert_eq!(names(&composed.recipients), ["a@example.net"]);
    assert_eq!(composed.message_id, "<1@example.org>");
    assert_eq!(composed.subject, "x");
    let latin = [MAIL.as_bytes(), b"\xfc\r\n"].concat();
    assert_eq!(compose(&latin).expect("a mail").bytes, latin);
}

#[test]
fn lf_becomes_crlf_if_all_line_ends_are_lf() {
    assert_eq!(bytes(&MAIL.replace("\r\n", "\n")), MAIL);
}

#[test]
fn missing_headers_are_added_on_top() {
    let added =
        "Date: Fri, 20 Nov 2026 11:45:00 +0000\r\nMessage-ID: <01JD@xn--bcher-kva.example>\r\n";
    let raw = "From: ops@xn--bcher-kva.example\r\nTo: a@example.net\r\n\r\nbody";
    assert_eq!(bytes(raw), format!("{added}{raw}"));
    let raw = "DATE: x\r\nmessage-id: <y>\r\nTo: a@b.example\r\nFrom: a@b.example\r\n\r\n";
    assert_eq!(bytes(raw), raw);
}

#[test]
fn recipients_of_a_resent_message_are_those_of_its_resent_fields() {
    let resent = |fields: &str| compose(format!("{fields}{MAIL}").as_bytes()).expect("a mail");
    let composed = resent(
        "Resent-From: ops@example.org\r\nResent-To: b@example.net\r\n\
         resent-cc: C <c@example.net>\r\nResent-Bcc: d@example.net\r\n",
    );
    assert_eq!(
        names(&composed.recipients),
        ["b@example.net", "c@example.net", "d@example.net"]
    );
    let text = String::from_utf8(composed.bytes).expect("UTF-8");
    assert!(text.contains("Resent-To: b@example.net\r\n"), "{text}");
    assert!(!text.contains("d@example.net"), "{text}");
    let composed = resent("Resent-From: ops@example.org\r\nResent-To: \r\n");
    assert_eq!(names(&composed.recipients), ["a@example.net"]);
    let refusal = compose(format!("Resent-To: a b\r\n{MAIL}").as_bytes()).expect_err("refused");
    assert!(refusal.fields["raw"].contains("Resent-To"), "{refusal}");
}

#[test]
fn bcc_is_removed_with_its_continuation_lines() {
    let raw = MAIL.replace(
        "To: a@example.net\r\n",
        "bCC: b@example.net,\r\n\tc@example.net,\r\n d@example.net\r\nTo: a@example.net\r\n\
         Resent-Bcc:\r\n \r\nBcc: \r\nX-Bcc: kept\r\n",
    );
    let composed = compose(raw.as_bytes()).expect("a mail");
    let expected = MAIL.replace("a@example.net\r\n", "a@example.net\r\nX-Bcc: kept\r\n");
    assert_eq!(String::from_utf8(composed.bytes).expect("UTF-8"), expected);
    assert_eq!(
        names(&composed.recipients),
        [
            "a@example.net",
            "b@example.net",
            "c@example.net",
            "d@example.net"
        ]
    );
    let body = format!("{MAIL}Bcc: kept@example.org\r\n");
    assert_eq!(bytes(&body), body);
    let first = format!("Bcc: b@example.net\r\n (x)\r\n{MAIL}");
    assert!(!bytes(&first).contains("Bcc"));
}

#[test]
fn fields_of_the_submission_set_the_envelope() {
    let given = || Submission {
        from: Some("Bounces <bounces@example.org>".to_owned()),
        bcc: vec!["x@example.net".to_owned(), "x@example.net".to_owned()],
        ..Submission::default()
    };
    let composed = compose_with(MAIL.as_bytes(), given()).expect("a mail");
    assert_eq!(composed.from.as_str(), "bounces@example.org");
    assert_eq!(names(&composed.recipients), ["x@example.net"]);
    assert_eq!(composed.bytes, MAIL.as_bytes());
}

#[test]
fn the_envelope_defaults_to_the_header() {
    let raw = "From: =?utf-8?q?B=C3=BCro=2C_S=C3=BCd?= <ops@example.org>\r\n\
        To: \"B, A\" <a@example.net>, (hidden: x@y.example) b@example.net\r\n\
        To: Group: c@example.net, D <d@example.net>;\r\n\
        Cc: \r\n a@example.net,\r\n e@example.net\r\n\
        Subject: =?iso-8859-1?q?Gr=FC=DFe?=\r\n =?utf-8?b?IQ==?=\r\n\r\n";
    let composed = compose(raw.as_bytes()).expect("a mail");
    assert_eq!(composed.from.as_str(), "ops@example.org");
    assert_eq!(
        names(&composed.recipients),
        [
            "a@example.net",
            "b@example.net",
            "c@example.net",
            "d@example.net",
            "e@example.net"
        ]
    );
    assert_eq!(composed.subject, "Grüße!");
}

#[test]
fn addresses_in_a_header_follow_the_rules_of_all_addresses() {
    let raw = "From: Ops < \"ops\"@example.org >\r\n\
        To: \"two words\"@example.net, B <\"b\\\"\"@example.net>,\r\n \"a\"@example.net\r\n\r\n";
    let composed = compose(raw.as_bytes()).expect("a mail");
    assert_eq!(composed.from.as_str(), "ops@example.org");
    assert_eq!(
        names(&composed.recipients),
        [
            "\"two words\"@example.net",
            "\"b\\\"\"@example.net",
            "a@example.net"
        ]
    );
    assert!(composed.bytes.ends_with(raw.as_bytes()), "not rewritten");
    let refusal = compose(b"From: a@b.example\r\nTo: \"\"@b.example\r\n\r\n").expect_err("refused");
    assert!(refusal.fields["raw"].contains("is empty"), "{refusal}");
}

#[test]
fn a_missing_from_is_the_saved_sender() {
    let sender = DefaultSender {
        address: "saved@example.org".parse().expect("valid"),
        name: "Saved".to_owned(),
        reply_to: None,
    };
    for (from, expected) in [
        ("", "saved@example.org"),
        ("From: a@example.net\r\n", "a@example.net"),
    ] {
        let raw = Some(format!("{from}To: a@example.net\r\n\r\n").into_bytes());
        let submission = Submission {
            raw,
            ..Submission::default()
        };
        let composed = submission
            .compose(Some(&sender), "01JD", NOW)
            .expect("a mail");
        assert_eq!(composed.from.as_str(), expected, "{from}");
        let text = String::from_utf8(composed.bytes).expect("UTF-8");
        let authors: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("From:"))
            .collect();
        let author = match expected {
            "saved@example.org" => "From: Saved <saved@example.org>",
            other => &format!("From: {other}"),
        };
        assert_eq!(authors, [author]);
    }
    let raw = Some(b"To: a@example.net\r\n\r\n".to_vec());
    let given = Submission {
        from: Some("Ops <ops@example.org>".to_owned()),
        raw,
        ..Submission::default()
    };
    let composed = given.compose(Some(&sender), "01JD", NOW).expect("a mail");
    assert!(
        composed
            .bytes
            .starts_with(b"From: Ops <ops@example.org>\r\n")
    );
    let refusal = compose(b"To: a@example.net\r\n\r\n").expect_err("refused");
    assert_eq!(refusal.fields.keys().collect::<Vec<_>>(), ["from"]);
}

#[test]
fn an_empty_or_second_from_is_refused() {
    for (fields, expected) in [
        ("From: \r\n", "From in line 2 names no address"),
        ("From:\r\n \r\n", "From in line 2 names no address"),
        ("From: <>\r\n", "From in line 2 names no address"),
        ("From: (nobody)\r\n", "From in line 2 names no address"),
        (
            "From: a@b.example\r\nX-A: b\r\nfrom: a@b.example\r\n",
            "From is in lines 2 and 4",
        ),
    ] {
        let raw = format!("Subject: x\r\n{fields}To: a@example.net\r\n\r\n");
        for from in [None, Some("ops@example.org".to_owned())] {
            let rest = Submission {
                from,
                ..Submission::default()
            };
            let refusal = compose_with(raw.as_bytes(), rest).expect_err("refused");
            assert_eq!(refusal.fields.keys().collect::<Vec<_>>(), ["raw"]);
            assert!(
                refusal.fields["raw"].starts_with(expected),
                "{fields}: {refusal}"
            );
        }
    }
}

#[test]
fn a_bcc_beside_given_recipients_names_only_those() {
    let given = |bcc: &[&str]| Submission {
        to: vec!["A <a@example.net>".to_owned()],
        bcc: bcc.iter().map(|text| (*text).to_owned()).collect(),
        ..Submission::default()
    };
    for name in ["Bcc", "Resent-Bcc"] {
        let raw = format!("{name}: B <b@EXAMPLE.net>\r\n{MAIL}");
        let composed = compose_with(raw.as_bytes(), given(&["b@example.net"])).expect("a mail");
        assert_eq!(
            names(&composed.recipients),
            ["a@example.net", "b@example.net"]
        );
        assert_eq!(composed.bytes, MAIL.as_bytes());
        let refusal = compose_with(raw.as_bytes(), given(&[])).expect_err("refused");
        let text = &refusal.fields["raw"];
        assert!(
            text.starts_with(&format!("{name} names “b@EXAMPLE.net”")) && text.contains("to bcc"),
            "{refusal}"
        );
    }
    let empty = format!("Bcc: \r\n{MAIL}");
    assert!(compose_with(empty.as_bytes(), given(&[])).is_ok());
}

/// The header of a mail whose first line is `field`, as it is composed, without the other lines.
fn encoded(field: &[u8]) -> Result<String, Refusal> {
    let raw = [field, b"\r\n", MAIL.as_bytes()].concat();
    let composed = compose_with(
        &raw,
        Submission {
            to: vec!["a@example.net".to_owned()],
            ..Submission::default()
        },
    )?;
    let text = String::from_utf8(composed.bytes).expect("UTF-8");
    let written = text.strip_suffix(MAIL).expect("the rest is unchanged");
    let lines = written.split("\r\n");
    assert!(lines.map(str::len).all(|length| length <= 78), "{text}");
    Ok(written.to_owned())
}

#[test]
fn octets_above_127_in_a_header_become_encoded_words() {
    for (field, written, read) in [
        (
            "X-Job: Übersicht of März\r\n und mehr".as_bytes(),
            "X-Job: =?utf-8?b?w5xiZXJzaWNodA==?= of =?utf-8?b?TcOkcno=?= und mehr\r\n",
            "Übersicht of März und mehr",
        ),
        // What is not UTF-8 is ISO 8859-1.
        (
            b"X-Job: Gr\xfc\xdfe",
            "X-Job: =?utf-8?b?R3LDvMOfZQ==?=\r\n",
            "Grüße",
        ),
        (
            "X-Job: =?iso-8859-1?q?Gr=FC=DFe?= für =?utf-8?q?a=0D=0ABcc:?=".as_bytes(),
            "X-Job: =?utf-8?b?R3LDvMOfZSBmw7xyIGENCkJjYzo=?=\r\n",
            "Grüße für aBcc:",
        ),
        (
            "Content-Description: ü".as_bytes(),
            "Content-Description: =?utf-8?b?w7w=?=\r\n",
            "ü",
        ),
        (
            "Cc: Müller <a@example.net>, \"Süd, \\\"B\\\"\" <b@bücher.example>,\r\n c@example.net (Zoë)"
                .as_bytes(),
            "Cc: =?utf-8?b?TcO8bGxlcg==?= <a@example.net>, =?utf-8?b?U8O8ZCwgIkIi?=\r\n \
             <b@xn--bcher-kva.example>, =?utf-8?b?Wm/Dqw==?= <c@example.net>\r\n",
            "Müller <a@example.net>, Süd, \"B\" <b@xn--bcher-kva.example>, Zoë <c@example.net>",
        ),
        (
            b"Reply-To: J\xfcrgen =?utf-8?q?S=C3=BCd?= <a@example.net>",
            "Reply-To: =?utf-8?b?SsO8cmdlbiBTw7xk?= <a@example.net>\r\n",
            "Jürgen Süd <a@example.net>",
        ),
    ] {
        let text = encoded(field).unwrap_or_else(|fault| panic!("{written}: {fault}"));
        assert_eq!(text, written);
        let shown = &crate::mail::parse(format!("{text}\r\n").as_bytes()).headers[0].1;
        assert_eq!(shown, read);
    }
}

#[test]
fn only_a_local_part_is_left_in_utf_8() {
    let to = "To: Jürgen <jürgen@bücher.example>, Zoë <z@example.net>";
    assert_eq!(
        encoded(to.as_bytes()).expect("a mail"),
        "To: =?utf-8?b?SsO8cmdlbg==?= <jürgen@xn--bcher-kva.example>,\r\n \
         =?utf-8?b?Wm/Dqw==?= <z@example.net>\r\n"
    );
    let latin = b"To: j\xfcrgen@example.net";
    assert_eq!(
        encoded(latin).expect("a mail"),
        "To: jürgen@example.net\r\n"
    );
}

#[test]
fn octets_above_127_where_no_encoded_word_may_be_are_refused() {
    for (field, expected) in [
        ("Date: heute früh", "Date in line 1 has octets above 127"),
        ("References: <ü@example.org>", "References in line 1"),
        (
            "content-type: text/plain; name=\"ü.txt\"",
            "content-type in line 1",
        ),
        (
            "List-Unsubscribe: <https://example.org/ü>",
            "List-Unsubscribe in line 1",
        ),
        ("To: Büro: a@example.net;", "a group of addresses"),
        ("To: Büro", "cannot be encoded, because of “Büro”"),
        ("Cc: (für alle)", "no address"),
        ("Cc: Büro <a@example.net", "because of “Büro <a@example.net"),
    ] {
        let refusal = encoded(field.as_bytes()).expect_err(field);
        let text = &refusal.fields["raw"];
        assert!(text.contains(expected), "{field}: {text}");
    }
    let raw = MAIL
        .replace("Subject: x", "X-A: b\r\nDate: früh")
        .replace("Thu, 19", "Thü, 19");
    let refusal = compose(raw.as_bytes()).expect_err("refused");
    assert!(
        refusal.fields["raw"].starts_with("Date in line 4 "),
        "{refusal}"
    );
}

#[test]
fn malformed_raw_messages_are_refused() {
    let long = format!("{MAIL}{}\r\n", "x".repeat(999));
    for (raw, expected) in [
        (&b""[..], "empty"),
        (b"\r\n", "has none"),
        (b"\r\nFrom: a@b.example\r\n", "has none"),
        (b"\nFrom: a@b.example\n", "has none"),
        (b" From: a@b.example\r\n", "Line 1 "),
        (b"From ops Thu Nov 19\r\nTo: a@b.example\r\n\r\n", "Line 1 "),
        (b"From: a@b.example\r\nTo : a@b.example\r\n\r\n", "Line 2 "),
        (b"From: a@b.example\r\n: x\r\n\r\n", "Line 2 "),
        (
            b"From: a@b.example\r\nbody without an empty line\r\n",
            "Line 2 ",
        ),
        (b"From: a@b.example\r\nX-\xc3\xbc: x\r\n\r\n", "Line 2 "),
        (b"plain text", "Line 1 "),
        (b"From: a@b.example\r\n\r\nx\0", "Line 3 has a NUL"),
        (
            b"From: a@b.example\r\nTo: a@b.example\n\r\n",
            "Line 2 has a LF",
        ),
        (b"From: a@b.example\n\nx\ry", "Line 3 has a CR"),
        (b"From: a@b.example\n\nx\n\r", "Line 4 has a CR"),
        (b"From: a@b.example\r\n\r\nx\ny", "Line 3 has a LF"),
        (b"From: a@b.example\r\n\r\nx\ny\rz", "Line 3 has a LF"),
        (b"From: a@b.example\r\n\r\nx\ry\nz", "Line 3 has a CR"),
        (b"From: a@b.example\r\rx", "Line 1 has a CR"),
        (b"\nFrom: a@b.example\r\n", "Line 1 has a LF"),
        (b"From: a@b.example\r\n\r\nx\ry", "Line 3 has a CR"),
        (b"From: a@b.example\r\n\r\nx\r", "Line 3 has a CR"),
        (b"From: a@b.example\r\nTo: a b\r\n\r\n", "To contains"),
        (b"From: nobody\r\nTo: a@b.example\r\n\r\n", "From contains"),
        (long.as_bytes(), "Line 8 has 999 octets"),
        (
            long.replace("\r\n", "\n").as_bytes(),
            "Line 8 has 999 octets",
        ),
    ] {
        let refusal = compose(raw).expect_err("refused");
        let text = refusal
            .fields
            .get("raw")
            .map(String::as_str)
            .unwrap_or_default();
        assert!(text.contains(expected), "{}: {refusal}", raw.escape_ascii());
    }
    let longest = long.replace(&"x".repeat(999), &"x".repeat(998));
    assert_eq!(bytes(&longest), longest);
    let raw = vec![b'x'; MAIL_MAX + 1];
    assert_eq!(
        compose(&raw)
            .expect_err("refused")
            .fields
            .keys()
            .collect::<Vec<_>>(),
        ["raw"]
    );
}

#[test]
fn a_raw_message_needs_1_to_100_recipients() {
    let refusal = compose(b"From: a@b.example\r\n\r\n").expect_err("refused");
    assert_eq!(refusal.fields.keys().collect::<Vec<_>>(), ["to"]);
    let list: Vec<_> = (0..101).map(|n| format!("a{n}@b.example")).collect();
    let raw = format!("From: a@b.example\r\nTo: {}\r\n\r\n", list.join(",\r\n "));
    assert!(compose(raw.as_bytes()).expect_err("refused").fields["raw"].contains("100"));
}

#[test]
fn content_fields_are_refused_beside_a_raw_message() {
    let rest = Submission {
        reply_to: vec!["a@example.org".to_owned()],
        subject: Some(String::new()),
        text: Some(String::new()),
        html: Some(String::new()),
        headers: vec![("X-A".to_owned(), String::new())],
        attachments: vec![Attachment::default()],
        ..Submission::default()
    };
    let refusal = compose_with(MAIL.as_bytes(), rest).expect_err("refused");
    assert_eq!(
        refusal.fields.keys().collect::<Vec<_>>(),
        [
            "attachments",
            "headers",
            "html",
            "reply_to",
            "subject",
            "text"
        ]
    );
}

#[test]
fn no_end_of_data_is_smuggled() {
    for smuggled in SMUGGLED {
        let raw = format!("{MAIL}body{smuggled}MAIL FROM:<a@b.example>\r\n");
        let refusal = compose(raw.as_bytes()).expect_err("refused");
        assert!(
            refusal.fields["raw"].starts_with("Line "),
            "{smuggled:?}: {refusal}"
        );
    }
}
