//! The client of sendmail with listeners that reply as a script says.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::{self, JoinHandle};

use domain::mail::dsn::{NotifyOn, ReturnContent};

use super::client::{ClientEnvelope, SubmissionClient};
use super::failure::{EX_NOUSER, EX_PROTOCOL, EX_TEMPFAIL, EX_UNAVAILABLE, SendmailFailure};
use super::queue;

const GREETING: &str = "220 here ESMTP";
const EXTENSIONS: &str = "250-here\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN";
const OK: &str = "250 2.0.0 OK";
const BEGIN: &str = "354 go on";

/// A listener that sends each reply after a command, or after a mail behind 354, and then closes the
/// connection. Its thread returns the lines that it read. The relay of testkit listens on TCP only.
fn scripted(stream: UnixStream, replies: &[&str]) -> JoinHandle<Vec<String>> {
    let replies: Vec<String> = replies.iter().map(|reply| format!("{reply}\r\n")).collect();
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut heard = Vec::new();
        let mut replies = replies.iter();
        let mut reply = replies.next();
        while let Some(sent) = reply {
            let is_mail = sent.starts_with("354");
            stream.get_mut().write_all(sent.as_bytes()).expect("sent");
            reply = replies.next();
            while reply.is_some() {
                let mut line = String::new();
                if stream.read_line(&mut line).expect("a line") == 0 {
                    return heard;
                }
                let is_end = line == ".\r\n";
                heard.push(line);
                if !is_mail || is_end {
                    break;
                }
            }
        }
        heard
    })
}

fn envelope(recipients: &[&str]) -> ClientEnvelope {
    ClientEnvelope {
        sender: Some("ann@example.org".parse().expect("an address")),
        recipients: recipients
            .iter()
            .map(|address| address.parse().expect("an address"))
            .collect(),
        notify: None,
        ret: None,
        envid: None,
        has_utf8_header: false,
    }
}

const MAIL: &str = "Subject: Fire\r\n\r\n.dot\r\n..\r\nend\r\n";

/// Sends a mail to a listener with these replies.
fn send(
    replies: &[&str],
    envelope: &ClientEnvelope,
    mail: &str,
) -> (Result<(), SendmailFailure>, Vec<String>) {
    let (client, listener) = UnixStream::pair().expect("two streams");
    let listening = scripted(listener, replies);
    let sent = SubmissionClient::begin(client, "host.example").and_then(|mut client| {
        client.send(envelope, mail.as_bytes())?;
        client.quit();
        Ok(())
    });
    (sent, listening.join().expect("ended"))
}

const ACCEPTS: [&str; 8] = [GREETING, EXTENSIONS, OK, OK, OK, BEGIN, OK, "221 bye"];

#[test]
fn a_mail_goes_to_all_recipients_with_dots_stuffed() {
    let two = envelope(&["bob@example.org", "\"b c\"@example.org"]);
    let (sent, heard) = send(&ACCEPTS, &two, MAIL);
    assert_eq!(sent, Ok(()));
    let expected = "EHLO host.example|MAIL FROM:<ann@example.org> SIZE=32|\
                    RCPT TO:<bob@example.org>|RCPT TO:<\"b c\"@example.org>|DATA|\
                    Subject: Fire||..dot|...|end|.|QUIT|";
    assert_eq!(heard.concat().replace("\r\n", "|"), expected);
}

#[test]
fn parameters_are_those_that_are_needed_and_offered() {
    let mut asking = envelope(&["bob@example.org"]);
    asking.sender = None;
    asking.notify = Some(NotifyOn::parse("success,failure").expect("valid"));
    asking.ret = Some(ReturnContent::Headers);
    asking.envid = Some("a+2Bb".to_owned());
    let accepts = [GREETING, EXTENSIONS, OK, OK, BEGIN, OK, "221 bye"];
    let (sent, heard) = send(&accepts, &asking, "Subject: x\r\n\r\nGrüße\r\n");
    assert_eq!(sent, Ok(()));
    assert_eq!(
        heard[1..3],
        [
            "MAIL FROM:<> SIZE=23 BODY=8BITMIME RET=HDRS ENVID=a+2Bb\r\n",
            "RCPT TO:<bob@example.org> NOTIFY=SUCCESS,FAILURE\r\n"
        ]
    );
    let plain = [GREETING, "250 here", OK, OK, BEGIN, OK, "221 bye"];
    let (sent, heard) = send(&plain, &asking, "Subject: x\r\n\r\nGrüße\r\n");
    assert_eq!(sent, Ok(()));
    assert_eq!(
        heard[1..3],
        ["MAIL FROM:<>\r\n", "RCPT TO:<bob@example.org>\r\n"]
    );
    for (recipient, has_utf8_header) in [("bob@example.org", true), ("bøb@example.org", false)] {
        let mut international = envelope(&[recipient]);
        international.has_utf8_header = has_utf8_header;
        let (_, heard) = send(&accepts, &international, MAIL);
        assert!(heard[1].ends_with(" SMTPUTF8\r\n"), "{}", heard[1]);
    }
}

#[test]
fn each_refusal_has_its_exit_code() {
    let cases: &[(&[&str], u8)] = &[
        (&["421 busy"], EX_TEMPFAIL),
        (&["554 no"], EX_UNAVAILABLE),
        (&["hello"], EX_PROTOCOL),
        (&["250hello world"], EX_TEMPFAIL),
        (&[], EX_TEMPFAIL),
        (&[GREETING, "502 no"], EX_UNAVAILABLE),
        (&[GREETING, EXTENSIONS, "451 later"], EX_TEMPFAIL),
        (
            &[GREETING, EXTENSIONS, "552 5.3.4 too large"],
            EX_UNAVAILABLE,
        ),
        (&[GREETING, EXTENSIONS, OK, "550 5.1.1 nobody"], EX_NOUSER),
        (
            &[GREETING, EXTENSIONS, OK, "550 5.7.1 not for you"],
            EX_UNAVAILABLE,
        ),
        (
            &[GREETING, EXTENSIONS, OK, "452 4.5.3 too many"],
            EX_TEMPFAIL,
        ),
        (&[GREETING, EXTENSIONS, OK, OK, "554 no"], EX_UNAVAILABLE),
        (
            &[GREETING, EXTENSIONS, OK, OK, BEGIN, "550 5.1.3 no"],
            EX_UNAVAILABLE,
        ),
        (
            &[GREETING, EXTENSIONS, OK, OK, BEGIN, "451 4.3.0 later"],
            EX_TEMPFAIL,
        ),
        (&[GREETING, EXTENSIONS, OK, OK, BEGIN], EX_TEMPFAIL),
    ];
    for (replies, code) in cases {
        let (sent, _) = send(replies, &envelope(&["bob@example.org"]), MAIL);
        let failure = sent.expect_err("refused");
        assert_eq!(failure.code, *code, "{replies:?}: {}", failure.text);
        assert!(!failure.text.contains('\n'), "{}", failure.text);
    }
}

#[test]
fn a_mail_is_sent_to_all_recipients_or_to_none() {
    let replies = [GREETING, EXTENSIONS, OK, OK, "550 5.1.1 nobody"];
    let two = envelope(&["bob@example.org", "cat@example.org"]);
    let (sent, heard) = send(&replies, &two, MAIL);
    let failure = sent.expect_err("refused");
    assert!(
        failure
            .text
            .contains("RCPT TO:<cat@example.org>: 550 5.1.1 nobody")
    );
    assert!(!heard.concat().contains("DATA"));
}

#[test]
fn recipients_that_are_too_many_come_in_the_next_transaction() {
    let three = envelope(&["a@example.org", "b@example.org", "c@example.org"]);
    let full = "452 4.5.3 too many";
    let first = [GREETING, EXTENSIONS, OK, OK, OK, full, BEGIN, OK];
    let accepts = [&first[..], &[OK, OK, BEGIN, OK, "221 bye"]].concat();
    let (sent, heard) = send(&accepts, &three, "\r\n");
    assert_eq!(sent, Ok(()));
    let sender = "MAIL FROM:<ann@example.org> SIZE=2\r\n";
    let commands = heard
        .iter()
        .filter(|line| line.contains(':') || *line == "DATA\r\n");
    assert_eq!(
        commands.collect::<Vec<_>>(),
        [
            sender,
            "RCPT TO:<a@example.org>\r\n",
            "RCPT TO:<b@example.org>\r\n",
            "RCPT TO:<c@example.org>\r\n",
            "DATA\r\n",
            sender,
            "RCPT TO:<c@example.org>\r\n",
            "DATA\r\n",
        ]
    );
    let refuses = [&first[..], &[OK, "550 5.1.1 nobody"]].concat();
    let (sent, _) = send(&refuses, &three, "\r\n");
    let failure = sent.expect_err("refused");
    assert_eq!(failure.code, EX_NOUSER);
    assert!(
        failure.text.contains("first 2 recipients"),
        "{}",
        failure.text
    );
}

#[test]
fn where_nothing_listens_the_mail_can_be_sent_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("submit.sock");
    let failure = SubmissionClient::connect(&path, "host.example").err();
    let failure = failure.expect("nothing there");
    assert_eq!(failure.code, EX_TEMPFAIL);
    assert!(failure.text.contains(&path.display().to_string()));
    drop(UnixListener::bind(&path).expect("bound"));
    let failure = SubmissionClient::connect(&path, "host.example").err();
    assert_eq!(failure.expect("nobody listens").code, EX_TEMPFAIL);
}

#[test]
fn the_queue_is_printed_as_the_listener_lists_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("submit.sock");
    let listener = UnixListener::bind(&path).expect("bound");
    for (reply, expected) in [
        (
            "250-one\r\n250-\r\n250 -- 1 Kbytes",
            Ok("one\n\n-- 1 Kbytes\n"),
        ),
        ("550 5.7.1 not for you", Err(EX_UNAVAILABLE)),
    ] {
        let mut out = Vec::new();
        let listing = {
            let listener = listener.try_clone().expect("cloned");
            let reply = reply.to_owned();
            thread::spawn(move || {
                let (stream, _) = listener.accept().expect("a client");
                let replies = [GREETING, EXTENSIONS, reply.as_str(), "221 bye"];
                scripted(stream, &replies).join().expect("ended")
            })
        };
        let printed = queue::print(&path, &mut out).map_err(|failure| failure.code);
        let text = String::from_utf8(out).expect("text");
        assert_eq!(printed.map(|()| text.as_str()), expected);
        assert_eq!(listing.join().expect("ended")[1], "XQUEUE\r\n");
    }
}
