//! Tests of whole messages with an envelope.

use domain::mail::dsn::{MessageDsn, NotifyOn, RecipientDsn, ReturnContent};
use domain::{Kind, Refusal, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

use super::addresses::sender_identity::AccountSenders;
use super::addresses::senders::SenderLimits;
use super::compose::lines::Repair;
use super::envelope::{EnvelopeRecipient, EnvelopeSubmission, SubmittedEnvelope};
use super::header::raw::{HEADER_MAX, RawHeader};
use super::header::received::Received;
use super::submission::{ComposedMessage, DefaultSender, MAIL_MAX};

/// 20 November 2026, 11:45:00.
const NOW: Timestamp = Timestamp(1_795_175_100_000);

const RECEIVED: &str = "Received: from app.example.org ([192.0.2.1])\r\n\tby gate.example.org with \
    ESMTPSA id 01JD;\r\n\tFri, 20 Nov 2026 11:45:00 +0000\r\n";

const DATE: &str = "Date: Fri, 20 Nov 2026 11:45:00 +0000\r\n";

const MAIL: &str = "From: Ops <ops@example.org>\r\nTo: a@example.net\r\nSubject: x\r\n\
    Date: Thu, 19 Nov 2026 00:00:00 +0100\r\nMessage-ID: <1@example.org>\r\n\r\nbody\r\n";

fn recipient(address: &str) -> EnvelopeRecipient {
    EnvelopeRecipient {
        address: address.parse().expect("an address"),
        dsn: RecipientDsn::default(),
    }
}

/// A submission from `sender`, the null sender where it is empty.
fn submission(sender: &str, bytes: &[u8]) -> EnvelopeSubmission {
    let sender = Some(sender).filter(|sender| !sender.is_empty());
    EnvelopeSubmission {
        envelope: SubmittedEnvelope {
            sender: sender.map(|sender| sender.parse().expect("an address")),
            recipients: vec![recipient("desk@example.net")],
            ret: None,
            envid: None,
        },
        bytes: bytes.to_vec(),
        received: Received {
            helo: Some("app.example.org".to_owned()),
            peer: "[192.0.2.1]".to_owned(),
            protocol: "ESMTPSA",
            host: "gate.example.org".to_owned(),
        },
        repair: Repair::None,
    }
}

fn compose(submission: EnvelopeSubmission) -> Result<ComposedMessage, Refusal> {
    let saved = DefaultSender {
        address: "saved@example.org".parse().expect("valid"),
        name: "Saved".to_owned(),
        reply_to: None,
    };
    submission.compose(Some(&saved), "01JD", NOW)
}

fn composed(sender: &str, raw: &str) -> ComposedMessage {
    compose(submission(sender, raw.as_bytes())).unwrap_or_else(|fault| panic!("{raw:?}: {fault}"))
}

fn text(composed: &ComposedMessage) -> &str {
    std::str::from_utf8(&composed.bytes).expect("UTF-8")
}

#[test]
fn a_complete_message_gets_a_received_field_and_is_otherwise_unchanged() {
    for body in ["body", "\u{fc} \t. \r\n.\r\n..", ""] {
        let raw = MAIL.replace("body", body);
        let composed = composed("bounces@example.org", &raw);
        assert_eq!(text(&composed), format!("{RECEIVED}{raw}"));
    }
    let composed = composed("bounces@example.org", MAIL);
    assert_eq!(composed.from.as_str(), "bounces@example.org");
    assert_eq!(composed.envelope_sender(), "bounces@example.org");
    assert_eq!(composed.message_id, "<1@example.org>");
    assert_eq!(composed.subject, "x");
    assert_eq!(composed.dsn, Some(MessageDsn::default()));
    let latin = [MAIL.as_bytes(), b"\xfc\r\n"].concat();
    let composed = compose(submission("a@example.org", &latin)).expect("a mail");
    assert!(
        composed.bytes.ends_with(&latin),
        "octets that are not UTF-8"
    );
}

#[test]
fn missing_fields_are_added_from_the_envelope() {
    for (sender, raw, expected) in [
        (
            "cron@host.example.org",
            "Subject: x\r\n\r\nbody\r\n",
            format!(
                "From: cron@host.example.org\r\n{DATE}Message-ID: <01JD@host.example.org>\r\n\
                 Subject: x\r\n\r\nbody\r\n"
            ),
        ),
        // The author of the null sender is that of the settings.
        (
            "",
            "Subject: x\r\n\r\n",
            format!(
                "From: Saved <saved@example.org>\r\n{DATE}Message-ID: <01JD@example.org>\r\n\
                 Subject: x\r\n\r\n"
            ),
        ),
        (
            "",
            "From: mailer-daemon@host.example.org\r\n\r\n",
            format!(
                "{DATE}Message-ID: <01JD@host.example.org>\r\n\
                 From: mailer-daemon@host.example.org\r\n\r\n"
            ),
        ),
    ] {
        let composed = composed(sender, raw);
        assert_eq!(text(&composed), format!("{RECEIVED}{expected}"));
        assert_eq!(composed.envelope_sender(), sender);
    }
}

#[test]
fn a_body_without_a_header_or_an_empty_line_gets_them() {
    let added = format!("From: a@example.org\r\n{DATE}Message-ID: <01JD@example.org>\r\n");
    for (raw, expected) in [
        ("", ""),
        ("\r\n", "\r\n"),
        ("hello\r\n", "\r\nhello\r\n"),
        ("\r\nhello\r\n", "\r\nhello\r\n"),
        (" hello\r\n", "\r\n hello\r\n"),
        (
            "Subject: x\r\nhello: all\r\nhi\r\n",
            "Subject: x\r\nhello: all\r\n\r\nhi\r\n",
        ),
        (
            "Subject: x\r\nTo : y\r\n\r\nhi\r\n",
            "Subject: x\r\n\r\nTo : y\r\n\r\nhi\r\n",
        ),
        ("Subject: x\r\n", "Subject: x\r\n"),
        // The line that separates messages in a file of them.
        (
            "From ops Thu Nov 19\r\nSubject: x\r\n\r\nFrom me\r\n",
            "Subject: x\r\n\r\nFrom me\r\n",
        ),
        (">From ops Thu Nov 19\r\nhi\r\n", "\r\nhi\r\n"),
        ("From ", ""),
    ] {
        let composed = composed("a@example.org", raw);
        assert_eq!(
            text(&composed),
            format!("{RECEIVED}{added}{expected}"),
            "{raw:?}"
        );
    }
}

#[test]
fn blind_copies_are_removed_and_resent_fields_kept() {
    let resent = "Resent-From: ops@example.org\r\nResent-To: desk@example.net\r\n";
    let raw = format!(
        "bCC: b@example.net,\r\n\tc@example.net\r\n{resent}Resent-Bcc: d@e.example\r\n{MAIL}"
    );
    let composed = composed("ops@example.org", &raw);
    assert_eq!(text(&composed), format!("{RECEIVED}{resent}{MAIL}"));
    assert_eq!(composed.recipients.len(), 1, "those of the envelope");
}

#[test]
fn octets_above_127_in_a_header_are_encoded_where_they_can_be() {
    let raw = "Subject: Grüße\r\nDate: früh\r\nMessage-ID: <1@a.example>\r\n\r\nü\r\n";
    let composed = composed("a@example.org", raw);
    assert_eq!(
        text(&composed),
        format!(
            "{RECEIVED}From: a@example.org\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\nDate: früh\r\n\
             Message-ID: <1@a.example>\r\n\r\nü\r\n"
        )
    );
    assert_eq!(composed.subject, "Grüße");
}

#[test]
fn a_mail_loop_is_refused() {
    for (hops, refused) in [(50, false), (51, true)] {
        let raw = format!("{}{MAIL}", "received: by a.example; x\r\n".repeat(hops));
        let result = compose(submission("ops@example.org", raw.as_bytes()));
        assert_eq!(result.is_err(), refused, "{hops}");
        if let Err(refusal) = result {
            assert!(
                refusal.fields["received"].starts_with("Mail loop"),
                "{refusal}"
            );
        }
    }
}

#[test]
fn a_mail_that_the_added_fields_make_too_large_is_named_so() {
    let bytes = [&[b'x'; 510][..], b"\r\n"].concat().repeat(MAIL_MAX / 512);
    assert_eq!(bytes.len(), MAIL_MAX);
    let refusal = compose(submission("ops@example.org", &bytes)).expect_err("too large");
    assert_eq!(refusal.kind, Kind::TooLarge);
    assert!(refusal.fields["raw"].contains("25 MiB"), "{refusal}");
}

type Change<'a> = &'a dyn Fn(&mut EnvelopeSubmission);

#[test]
fn faults_are_reported_by_their_field() {
    let many = (0..=1000).map(|n| recipient(&format!("a{n}@example.net")));
    let many: Vec<_> = many.collect();
    let changes: [(&str, &str, Change<'_>); 15] = [
        ("to", "at least one", &|one| one.envelope.recipients.clear()),
        ("to", "at most 1000 recipients", &|one| {
            one.envelope.recipients.clone_from(&many);
        }),
        ("to", "ORCPT", &|one| {
            one.envelope.recipients[0].dsn.orcpt = Some("rfc822;a b".to_owned());
        }),
        ("from", "ENVID", &|one| {
            one.envelope.envid = Some("a\r\nRCPT TO:<b@example.net>".to_owned());
        }),
        ("raw", "Line 1 has a LF alone", &|one| {
            one.bytes = b"a\nb".to_vec();
        }),
        ("raw", "Line 3 has a CR alone", &|one| {
            one.bytes = b"a\r\n\r\n\r.\r".to_vec();
        }),
        ("raw", "NUL", &|one| one.bytes = b"a\0".to_vec()),
        ("raw", "999 octets", &|one| one.bytes = vec![b'x'; 999]),
        ("raw", "999 octets", &|one| {
            one.bytes = vec![b'x'; 999];
            one.repair = Repair::LineEnds;
        }),
        ("raw", "25 MiB", &|one| one.bytes = vec![b'x'; MAIL_MAX + 1]),
        ("raw", "25 MiB", &|one| {
            one.bytes = [&[b'x'; 510][..], b"\r\n"].concat().repeat(MAIL_MAX / 512);
        }),
        ("raw", "header of a mail has at most 1 MiB", &|one| {
            one.bytes = b"a:\r\n".repeat(HEADER_MAX / 4 + 1);
        }),
        ("raw", "header of a mail has at most 1 MiB", &|one| {
            one.bytes = [b"a:\r\n".to_vec(), b" b\r\n".repeat(HEADER_MAX / 4)].concat();
        }),
        ("raw", "From is in lines 1 and 2", &|one| {
            one.bytes = b"From: a@b.example\r\nFrom: a@b.example\r\n\r\n".to_vec();
        }),
        ("raw", "From contains", &|one| {
            one.envelope.sender = None;
            one.bytes = b"From: nobody\r\n\r\n".to_vec();
        }),
    ];
    for (field, expected, change) in changes {
        let mut changed = submission("ops@example.org", MAIL.as_bytes());
        change(&mut changed);
        let refusal = compose(changed).expect_err(expected);
        let fields: Vec<&str> = refusal.fields.keys().map(String::as_str).collect();
        assert_eq!(fields, [field], "{refusal}");
        assert!(refusal.fields[field].contains(expected), "{refusal}");
    }
    let without = submission("", b"Subject: x\r\n\r\n").compose(None, "01JD", NOW);
    let refusal = without.expect_err("no settings");
    assert!(refusal.fields["from"].contains("null sender"), "{refusal}");
}

#[test]
fn a_long_header_is_accepted_and_a_body_is_no_header() {
    let from = b"From: a@b.example\r\n";
    let fields = b"abc:\r\n".repeat((HEADER_MAX - from.len()) / 6);
    let bodies = [
        [&from[..], &fields].concat(),
        [&from[..], b"\r\n", &fields, &fields].concat(),
        [&from[..], b"no field\r\n", &fields, &fields].concat(),
    ];
    for bytes in bodies {
        let submitted = submission("ops@example.org", &bytes);
        let message = compose(submitted).expect("it has at most 1 MiB");
        assert!(message.bytes.len() > bytes.len());
    }
}

#[test]
fn line_ends_are_repaired_and_long_lines_are_not() {
    let raw = |octets: usize| format!("Subject: x\n\nhello\r\n.\n{}", "y".repeat(octets));
    let body = |octets: usize| format!("hello\r\n.\r\n{}", "y".repeat(octets));
    for (octets, expected) in [(998, Some(body(998))), (999, None)] {
        let result = compose(EnvelopeSubmission {
            repair: Repair::LineEnds,
            ..submission("a@example.org", raw(octets).as_bytes())
        });
        let found = result.as_ref().ok().map(text);
        let found = found.and_then(|text| text.split_once("\r\n\r\n"));
        assert_eq!(found.map(|(_, body)| body), expected.as_deref());
    }
}

#[test]
fn a_recipient_named_twice_keeps_its_first_parameters() {
    let notify = |text| RecipientDsn {
        notify: Some(NotifyOn::parse(text).expect("valid")),
        orcpt: None,
    };
    let mut one = submission("a@example.org", MAIL.as_bytes());
    one.envelope.ret = Some(ReturnContent::Full);
    one.envelope.recipients = vec![
        recipient("b@example.net"),
        EnvelopeRecipient {
            dsn: notify("NEVER"),
            ..recipient("c@example.net")
        },
        EnvelopeRecipient {
            dsn: notify("DELAY"),
            ..recipient("b@EXAMPLE.net")
        },
    ];
    let composed = compose(one).expect("a mail");
    assert_eq!(composed.recipients.len(), 2);
    let dsn = composed.dsn.expect("an envelope");
    assert_eq!(dsn.recipients, [RecipientDsn::default(), notify("NEVER")]);
    assert_eq!(dsn.ret, Some(ReturnContent::Full));
}

#[test]
fn the_null_sender_is_allowed_and_its_author_is_checked() {
    let limits = |token: &[&str]| SenderLimits {
        token: token.iter().map(|text| (*text).to_owned()).collect(),
        account: Some(AccountSenders::new("ann@example.org", None, None)),
    };
    let (ann, ceo) = (
        "From: ann@example.org\r\n\r\n",
        "From: ceo@example.org\r\n\r\n",
    );
    let on_behalf = "From: ann@example.org\r\nSender: ceo@example.org\r\n\r\n";
    for (sender, raw, token, fault) in [
        ("", ann, &[][..], None),
        ("", ann, &["ann@example.org"][..], None),
        ("", ann, &["app@example.org"], Some("from")),
        ("", ceo, &[], Some("from")),
        ("", on_behalf, &[], Some("raw")),
        ("", "Subject: from the settings\r\n\r\n", &[], Some("from")),
        ("ann@example.org", ann, &[], None),
        ("ceo@example.org", ann, &[], Some("from")),
        ("ann@example.org", "no author\r\n", &[], None),
        (
            "ann@example.org",
            "From : ceo@example.org\r\n\r\n",
            &[],
            None,
        ),
        ("ann@example.org", ceo, &[], Some("from")),
    ] {
        let checked = composed(sender, raw).check_senders(&limits(token), "raw");
        let field = checked.err().map(|refusal| {
            let mut fields = refusal.fields.into_keys();
            fields.next().expect("a fault")
        });
        assert_eq!(field.as_deref(), fault, "{sender} {raw:?} {token:?}");
    }
}

/// Lines of a message, most of which are header fields.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        "(From|Bcc|resent-bcc|Received|Date|Subject|Message-ID): [ -~ü]{0,20}",
        "[ -~]{0,20}",
        Just(String::new()),
    ];
    let end = prop::sample::select(vec!["\r\n", "\r\n", "\r\n", "\n", "\r"]);
    let lines = vec((line, end), 0..8);
    lines.prop_map(|lines| {
        let lines = lines.iter().map(|(line, end)| format!("{line}{end}"));
        lines.collect::<String>().into_bytes()
    })
}

proptest! {
    #[test]
    fn stored_messages_have_a_whole_header_and_the_body_that_was_sent(
        bytes in message(),
        repair in prop::sample::select(vec![Repair::None, Repair::LineEnds]),
    ) {
        let stray = String::from_utf8_lossy(&bytes).replace("\r\n", "").contains(['\r', '\n']);
        let result = compose(EnvelopeSubmission {
            repair,
            ..submission("a@example.org", &bytes)
        });
        if repair == Repair::None && stray {
            let refusal = result.err().ok_or_else(|| TestCaseError::fail("accepted"))?;
            prop_assert!(refusal.fields.contains_key("raw"));
            return Ok(());
        }
        let Ok(composed) = result else { return Ok(()) };
        let header = RawHeader::read(&composed.bytes);
        let header = header.map_err(|line| TestCaseError::fail(format!("line {line}")))?;
        for name in ["From", "Date", "Message-ID"] {
            prop_assert!(header.has(name), "{}", name);
        }
        prop_assert_eq!(header.named("From").count(), 1);
        prop_assert!(!header.has("Bcc") && !header.has("Resent-Bcc"));
        prop_assert!(header.name(&header.fields[0]) == "Received");
        let text = String::from_utf8(composed.bytes.clone()).expect("UTF-8");
        prop_assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
        // What was sent is its end, where nothing in it was repaired or removed.
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        if !stray {
            prop_assert!(bytes.ends_with(body.as_bytes()), "{:?}", body);
        }
    }

    #[test]
    fn any_bytes_are_composed_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        let whole = EnvelopeSubmission {
            repair: Repair::LineEnds,
            ..submission("", &bytes)
        };
        if let Ok(composed) = compose(whole) {
            prop_assert!(RawHeader::read(&composed.bytes).is_ok());
        }
    }
}
