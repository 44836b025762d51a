//! Tests of the states of a session: what each line does, by state and client.

use std::sync::Arc;

use domain::mail::dsn::{NotifyOn, ReturnContent};
use engine::Actor;

use super::limits::SessionLimits;
use super::replies;
use super::session::{Session, SessionStart, SessionStep};

/// A session of a program on this machine.
fn local() -> SessionStart {
    SessionStart {
        host: "gate.test".into(),
        limits: SessionLimits::default(),
        is_local: true,
        offers_tls: false,
        is_secure: false,
        local: Some(Arc::new(Actor::local_sender(None))),
    }
}

/// A session of another machine.
fn remote(offers_tls: bool, is_secure: bool) -> SessionStart {
    SessionStart {
        is_local: false,
        offers_tls,
        is_secure,
        local: None,
        ..local()
    }
}

/// What follows from a line, in words.
fn shown(step: SessionStep) -> String {
    match step {
        SessionStep::Reply(reply) => format!("{} {}", reply.code, reply.status),
        SessionStep::Authenticate(found) => format!("authenticate {}", found.address),
        SessionStep::Data => "data".to_owned(),
        SessionStep::Chunk { octets, is_last } => format!("chunk {octets} {is_last}"),
        SessionStep::Discard { octets, reply } => format!("discard {octets} {}", reply.code),
        SessionStep::Queue => "queue".to_owned(),
        SessionStep::StartTls => "begin TLS".to_owned(),
        SessionStep::Close(reply) => format!("close {} {}", reply.code, reply.status),
        SessionStep::HangUp => "hang up".to_owned(),
    }
}

/// Sends lines, each with what must follow from it.
fn run(session: &mut Session, lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        let step = shown(session.line(line.as_bytes()));
        assert_eq!(step.trim_end(), *expected, "{line}");
    }
}

fn text(session: &mut Session, line: &str) -> String {
    match session.line(line.as_bytes()) {
        SessionStep::Reply(reply) => reply.text.into_owned(),
        other => panic!("{line}: {other:?}"),
    }
}

const EHLO: (&str, &str) = ("EHLO app.test", "250");
const MAIL: (&str, &str) = ("MAIL FROM:<a@example.org>", "250 2.1.0");
const RCPT: (&str, &str) = ("RCPT TO:<b@example.net>", "250 2.1.5");

#[test]
fn a_mail_has_its_envelope() {
    let mut session = Session::new(local());
    assert_eq!(session.banner().text, "gate.test ESMTP Postern");
    let mail = "MAIL FROM:<a@example.org> SIZE=9 BODY=8BITMIME RET=FULL ENVID=x1";
    let rcpt = "RCPT TO:<c@example.net> NOTIFY=NEVER ORCPT=rfc822;c@old.example";
    run(
        &mut session,
        &[
            EHLO,
            (mail, "250 2.1.0"),
            RCPT,
            (rcpt, "250 2.1.5"),
            ("DATA", "data"),
        ],
    );
    assert_eq!((session.is_in_mail(), session.submitter()), (true, "local"));
    let mail = session.finish().expect("a mail");
    assert_eq!(
        (mail.protocol, mail.helo.as_deref()),
        ("ESMTP", Some("app.test"))
    );
    let envelope = mail.envelope;
    assert_eq!(envelope.sender.expect("a sender").as_str(), "a@example.org");
    assert_eq!(envelope.ret, Some(ReturnContent::Full));
    assert_eq!(envelope.envid.as_deref(), Some("x1"));
    let [first, second] = &envelope.recipients[..] else {
        panic!("two recipients");
    };
    assert_eq!(first.address.as_str(), "b@example.net");
    assert_eq!((first.dsn.notify, &first.dsn.orcpt), (None, &None));
    assert_eq!(second.dsn.notify, NotifyOn::parse("NEVER").ok());
    assert_eq!(second.dsn.orcpt.as_deref(), Some("rfc822;c@old.example"));
    assert!(session.finish().is_none() && !session.is_in_mail());
}

#[test]
fn commands_have_their_order() {
    let order = "503 5.5.1";
    for lines in [
        &[("MAIL FROM:<>", order)][..],
        &[("AUTH PLAIN", order)],
        &[EHLO, ("RCPT TO:<b@example.net>", order), ("DATA", order)],
        &[EHLO, MAIL, ("DATA", order), ("MAIL FROM:<>", order)],
        &[EHLO, MAIL, ("AUTH PLAIN", order)],
        &[EHLO, MAIL, RCPT, ("RSET", "250 2.0.0"), ("DATA", order)],
        &[EHLO, MAIL, RCPT, EHLO, ("DATA", order)],
        &[EHLO, MAIL, ("RCPT TO:<>", "550 5.1.3"), ("DATA", order)],
        &[EHLO, ("STARTTLS", "502 5.5.1")],
        &[
            ("NOOP", "250 2.0.0"),
            ("VRFY a", "252 2.1.5"),
            ("HELP", "214 2.0.0"),
        ],
        &[("QUIT", "close 221 2.0.0")],
        &[("EXPN a", "502 5.5.1"), ("GET / HTTP/1.1", "hang up")],
    ] {
        run(&mut Session::new(local()), lines);
    }
}

#[test]
fn chunks_belong_to_a_mail() {
    for lines in [
        &[EHLO, MAIL, RCPT, ("BDAT 5 LAST", "chunk 5 true")][..],
        &[
            EHLO,
            MAIL,
            RCPT,
            ("BDAT 5", "chunk 5 false"),
            ("DATA", "503 5.5.1"),
            ("RCPT TO:<c@example.net>", "503 5.5.1"),
            ("BDAT 0 LAST", "chunk 0 true"),
        ],
        &[
            EHLO,
            ("BDAT 5 LAST", "discard 5 503"),
            MAIL,
            ("BDAT 5 LAST", "discard 5 503"),
            ("RCPT TO:<b@example.net>", "503 5.5.1"),
        ],
        &[
            EHLO,
            MAIL,
            RCPT,
            ("BDAT 26214400", "chunk 26214400 false"),
            ("BDAT 1", "discard 1 552"),
            ("BDAT 1 LAST", "discard 1 503"),
        ],
        &[
            EHLO,
            MAIL,
            RCPT,
            ("BDAT 26214401 LAST", "discard 26214401 552"),
        ],
        &[
            EHLO,
            MAIL,
            RCPT,
            ("BDAT 99999999999 LAST", "close 552 5.3.4"),
        ],
        &[EHLO, MAIL, RCPT, ("BDAT 1,000 LAST", "close 501 5.5.4")],
    ] {
        run(&mut Session::new(local()), lines);
    }
}

#[test]
fn mail_of_other_machines_needs_tls_and_a_sign_in() {
    let sign_in = "530 5.7.0";
    for (start, lines) in [
        (
            remote(true, false),
            &[
                EHLO,
                ("MAIL FROM:<a@example.org>", sign_in),
                ("AUTH PLAIN AGEAYg==", "538 5.7.11"),
                ("AUTH LOGIN", "538 5.7.11"),
                ("STARTTLS", "begin TLS"),
            ][..],
        ),
        (
            remote(false, false),
            &[
                EHLO,
                ("MAIL FROM:<a@example.org>", sign_in),
                ("STARTTLS", "502 5.5.1"),
            ],
        ),
        (
            remote(true, true),
            &[
                EHLO,
                ("MAIL FROM:<a@example.org>", sign_in),
                ("STARTTLS", "503 5.5.1"),
                ("AUTH CRAM-MD5", "504 5.5.4"),
                ("AUTH PLAIN AGEAYg==", "authenticate a"),
                ("AUTH PLAIN", "334"),
                ("AGEAYg==", "authenticate a"),
                ("AUTH LOGIN", "334"),
                ("YQ==", "334"),
                ("*", "501 5.7.0"),
                ("AUTH LOGIN YQ==", "334"),
                ("Yg==", "authenticate a"),
            ],
        ),
    ] {
        run(&mut Session::new(start), lines);
    }
}

#[test]
fn extensions_are_those_that_work() {
    for (start, tls, auth) in [
        (local(), false, true),
        (remote(true, false), true, false),
        (remote(false, false), false, false),
        (remote(true, true), false, true),
    ] {
        let mut session = Session::new(start);
        let answer = text(&mut session, "EHLO app.test");
        let lines: Vec<&str> = answer.split('\n').collect();
        assert_eq!(lines[0], "gate.test");
        for extension in [
            "PIPELINING",
            "8BITMIME",
            "SMTPUTF8",
            "SIZE 26214400",
            "ENHANCEDSTATUSCODES",
            "CHUNKING",
            "DSN",
        ] {
            assert!(lines.contains(&extension), "{extension}: {answer}");
        }
        assert_eq!(lines.contains(&"STARTTLS"), tls, "{answer}");
        assert_eq!(lines.contains(&"AUTH PLAIN LOGIN"), auth, "{answer}");
        assert_eq!(text(&mut session, "HELO app.test"), "gate.test");
    }
}

#[test]
fn tls_begins_a_session_anew() {
    let mut session = Session::new(remote(true, false));
    run(&mut session, &[EHLO, ("STARTTLS", "begin TLS")]);
    session.secured();
    run(&mut session, &[("AUTH PLAIN", "503 5.5.1"), EHLO]);
    let signed_in = session.authenticated(Ok(Actor::local_sender(None)));
    assert_eq!(shown(signed_in), "235 2.7.0");
    run(&mut session, &[("AUTH PLAIN", "503 5.5.1"), MAIL, RCPT]);
    assert_eq!(session.finish().expect("a mail").protocol, "ESMTPSA");
}

#[test]
fn the_protocol_names_what_was_used() {
    for (line, is_secure, is_signed_in, smtputf8, protocol) in [
        ("HELO app", false, false, "", "SMTP"),
        ("EHLO app", false, false, "", "ESMTP"),
        ("EHLO app", false, true, "", "ESMTPA"),
        ("EHLO app", true, false, "", "ESMTPS"),
        ("EHLO app", true, true, "", "ESMTPSA"),
        ("EHLO app", false, false, " SMTPUTF8", "UTF8SMTP"),
        ("EHLO app", false, true, " SMTPUTF8", "UTF8SMTPA"),
        ("EHLO app", true, false, " SMTPUTF8", "UTF8SMTPS"),
        ("EHLO app", true, true, " SMTPUTF8", "UTF8SMTPSA"),
    ] {
        let mut session = Session::new(SessionStart {
            is_secure,
            ..local()
        });
        if is_signed_in {
            let _ = session.authenticated(Ok(Actor::local_sender(None)));
        }
        let mail = format!("MAIL FROM:<a@example.org>{smtputf8}");
        run(&mut session, &[(line, "250"), (&mail, "250 2.1.0")]);
        assert_eq!(session.finish().expect("a mail").protocol, protocol);
    }
}

#[test]
fn addresses_are_checked_and_completed() {
    for (line, expected) in [
        ("MAIL FROM:<>", "250 2.1.0"),
        ("MAIL FROM:<a b@example.org>", "553 5.1.7"),
        ("MAIL FROM:< a@example.org>", "553 5.1.7"),
        ("MAIL FROM:<a@>", "553 5.1.7"),
        ("MAIL FROM:<\u{e4}@example.org>", "553 5.6.7"),
        ("MAIL FROM:<\u{e4}@example.org> SMTPUTF8", "250 2.1.0"),
        ("MAIL FROM:<a@example.org> SIZE=26214401", "552 5.3.4"),
        ("MAIL FROM:<a@example.org> SIZE=26214400", "250 2.1.0"),
    ] {
        run(&mut Session::new(local()), &[EHLO, (line, expected)]);
    }
    let mut session = Session::new(local());
    run(
        &mut session,
        &[
            EHLO,
            ("MAIL FROM:<root>", "250 2.1.0"),
            ("RCPT TO:<Postmaster>", "250 2.1.5"),
            ("RCPT TO:<a@b@example.org>", "553 5.1.3"),
            ("RCPT TO:<\u{e4}@example.org>", "553 5.6.7"),
        ],
    );
    let envelope = session.finish().expect("a mail").envelope;
    assert_eq!(
        envelope.sender.expect("a sender").as_str(),
        "root@gate.test"
    );
    let first = &envelope.recipients[0];
    assert_eq!(first.address.as_str(), "Postmaster@gate.test");
}

#[test]
fn names_that_no_host_has_are_left_out() {
    for (line, expected) in [
        ("EHLO [IPv6:2001:db8::1]", Some("[IPv6:2001:db8::1]")),
        ("EHLO my_host", Some("my_host")),
        ("EHLO (comment)", None),
        ("EHLO b\u{fc}ro", None),
    ] {
        let mut session = Session::new(local());
        run(&mut session, &[(line, "250"), MAIL]);
        let mail = session.finish().expect("a mail");
        assert_eq!(mail.helo.as_deref(), expected, "{line}");
    }
}

#[test]
fn a_mail_has_a_limited_number_of_recipients() {
    let mut session = Session::new(local());
    run(&mut session, &[EHLO, MAIL]);
    for _ in 0..1000 {
        run(&mut session, &[RCPT]);
    }
    for _ in 0..9000 {
        run(&mut session, &[("RCPT TO:<b@example.net>", "452 4.5.3")]);
    }
    run(&mut session, &[("DATA", "data")]);
    let mail = session.finish().expect("a mail");
    assert_eq!(mail.envelope.recipients.len(), 1000);
}

#[test]
fn the_twentieth_error_ends_the_session() {
    let mut session = Session::new(local());
    for _ in 0..19 {
        run(&mut session, &[("FOO", "500 5.5.1")]);
    }
    assert!(!session.has_too_many_errors());
    run(&mut session, &[("FOO", "close 421 4.7.0")]);

    let mut session = Session::new(local());
    for _ in 0..19 {
        session.count(&replies::TOO_LARGE);
    }
    session.accepted();
    run(&mut session, &[("FOO", "500 5.5.1")]);
    let refused = session.authenticated(Err(replies::NOT_CURRENT));
    assert_eq!(shown(refused), "535 5.7.8");
    (0..18).for_each(|_| session.count(&replies::TOO_LARGE));
    assert!(session.has_too_many_errors());
}

#[test]
fn a_session_has_a_limited_number_of_commands_without_a_mail() {
    let mut session = Session::new(local());
    run(&mut session, &[EHLO]);
    for _ in 0..98 {
        run(&mut session, &[("NOOP", "250 2.0.0")]);
    }
    run(&mut session, &[MAIL, RCPT, RCPT, ("DATA", "data")]);
    assert!(session.finish().is_some());
    for _ in 0..100 {
        run(&mut session, &[("RSET", "250 2.0.0")]);
    }
    run(&mut session, &[("RSET", "close 421 4.7.0")]);
}

#[test]
fn empty_chunks_do_not_keep_a_mail_open() {
    let mut session = Session::new(local());
    run(&mut session, &[EHLO, MAIL, RCPT]);
    assert!(!session.has_chunks());
    for _ in 0..200 {
        run(&mut session, &[("BDAT 1", "chunk 1 false")]);
    }
    assert!(session.has_chunks());
    for _ in 0..98 {
        run(&mut session, &[("BDAT 0", "chunk 0 false")]);
    }
    run(&mut session, &[("BDAT 0", "close 421 4.7.0")]);
}

#[test]
fn an_actor_that_is_forgotten_submits_no_more() {
    let mut session = Session::new(local());
    run(&mut session, &[EHLO, MAIL, RCPT]);
    assert_eq!(session.forget_actor().code, 451);
    run(
        &mut session,
        &[("DATA", "503 5.5.1"), ("MAIL FROM:<>", "451 4.3.5")],
    );
    let _ = session.authenticated(Ok(Actor::local_sender(None)));
    run(&mut session, &[MAIL]);
    assert_eq!(session.forget_actor(), replies::NOT_CURRENT);
    run(&mut session, &[("MAIL FROM:<>", "530 5.7.0")]);
}
