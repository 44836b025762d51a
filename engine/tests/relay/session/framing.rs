//! Malformed replies: too slow, too long, too many, two in one.

use std::time::Duration;

use domain::{Fault, Stage};

use crate::client::Client;
use testkit::{Action, Relay, RelayScript};

/// More than the buffers of two sockets hold, and far less than a flood sends in 1 s.
const BUFFERED: usize = 16 << 20;

const PAUSE: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_slow_reply_has_the_deadline_of_a_missing_one() {
    let trickles = [
        (Action::Silence, false),
        (Action::Repeat(b"2".to_vec(), PAUSE), true),
        (Action::Repeat(b"220-wait\r\n".to_vec(), PAUSE), true),
    ];
    let sent = trickles.map(|(action, begun)| async move {
        let relay = Relay::start(RelayScript::default().at("GREETING", action));
        (Client::of(&relay).send().await, begun)
    });
    for (outcome, begun) in futures::future::join_all(sent).await {
        let failure = outcome.fails(Stage::Greeting, Fault::TimedOut);
        assert_eq!(failure.unfinished, begun, "{}", failure.detail);
        assert!(failure.detail.contains("127.0.0.1:"), "{}", failure.detail);
        assert!(failure.detail.contains("within 1 s"), "{}", failure.detail);
    }
}

#[tokio::test]
async fn an_endless_reply_ends_the_session_and_is_not_kept() {
    for (point, stage, flood) in [
        ("GREETING", Stage::Greeting, vec![b'2'; 4096]),
        ("EHLO", Stage::Ehlo, b"250-x\r\n".repeat(500)),
        ("RCPT", Stage::Rcpt, [b"250 ", &[b'x'; 4096][..]].concat()),
    ] {
        let script = RelayScript::default().at(point, Action::Repeat(flood, Duration::ZERO));
        let relay = Relay::start(script);
        let outcome = Client::of(&relay).send().await;
        outcome.fails(stage, Fault::Malformed);
        let repeated = relay.record().repeated;
        assert!(repeated < BUFFERED, "{point}: {repeated} bytes were taken");
    }
}

#[tokio::test]
async fn malformed_replies_are_reported() {
    for (point, words, stage) in [
        ("GREETING", "HTTP/1.1 400 Bad Request", Stage::Greeting),
        ("GREETING", "+OK POP3 ready", Stage::Greeting),
        ("GREETING", "200 NNTP ready", Stage::Greeting),
        ("GREETING", "\u{15}\u{3}\u{1}", Stage::Greeting),
        ("EHLO", "250-ok\r\n550 no", Stage::Ehlo),
        ("MAIL", "250-ok\r\n550 no", Stage::Mail),
        ("MAIL", "250_ok", Stage::Mail),
        ("MAIL", "354 go on", Stage::Mail),
        ("RCPT", "354 go on", Stage::Rcpt),
        ("RCPT", "999 what", Stage::Rcpt),
        ("DATA", "250 ok", Stage::Data),
        ("DATA", "334 ok", Stage::Data),
        ("END", "250-ok\r\n550 no", Stage::Data),
        ("END", "354 go on", Stage::Data),
    ] {
        let relay = Relay::start(RelayScript::default().reply(point, words));
        let outcome = Client::of(&relay).send().await;
        outcome.fails(stage, Fault::Malformed);
    }
}

#[tokio::test]
async fn a_surplus_reply_ends_the_session() {
    for (offers, point, words, stage) in [
        (&[][..], "GREETING", "220 hello\r\n250 ok", Stage::Ehlo),
        (&[], "EHLO", "250 relay.test\r\n250 ok", Stage::Mail),
        (&[], "MAIL", "250 ok\r\n250 ok", Stage::Rcpt),
        (&[], "RCPT", "250 ok\r\n354 go on", Stage::Data),
        (&[], "DATA", "354 go on\r\n250 queued", Stage::Data),
        (&[], "END", "250 queued\r\n550 no", Stage::Data),
        (&["PIPELINING"], "MAIL", "250 ok\r\n250 ok", Stage::Data),
        (&["PIPELINING"], "RCPT", "250 ok\r\n250 ok", Stage::Data),
        (
            &["PIPELINING"],
            "DATA",
            "354 go on\r\n250 queued",
            Stage::Data,
        ),
    ] {
        let script = RelayScript::offering(offers)
            .reply(point, words)
            .reply("END", "550 5.7.1 refused");
        let relay = Relay::start(script);
        let outcome = Client::of(&relay).send().await;
        outcome.fails(stage, Fault::Malformed);
    }
}

#[tokio::test]
async fn a_421_counts_at_any_time() {
    for (point, words, stage) in [
        ("GREETING", "220 hello\r\n421 4.3.2 closing", Stage::Ehlo),
        ("EHLO", "250 relay.test\r\n421 4.3.2 closing", Stage::Mail),
        ("DATA", "354 go on\r\n421 4.3.2 closing", Stage::Data),
    ] {
        let relay = Relay::start(RelayScript::default().reply(point, words));
        Client::of(&relay).send().await.rejected(stage, 421);
    }
    let script = RelayScript::default().reply("END", "250 queued\r\n421 4.3.2 closing");
    let relay = Relay::start(script);
    let delivery = Client::of(&relay).send().await.delivery();
    assert_eq!(delivery.text, "queued");
}

#[tokio::test]
async fn unusual_valid_replies_are_parsed() {
    for (point, bytes) in [
        ("GREETING", &b"220 caf\xe9 \x1b[31m\r\n"[..]),
        ("GREETING", b"220-welcome\r\n220-\r\n220\r\n"),
        ("GREETING", b"220 line feed only\n"),
        (
            "EHLO",
            b"250-relay\r\n250-size 1000\r\n250-pipelining\r\n250 8bitmime\r\n",
        ),
        ("EHLO", b"250-relay\r\n250-X-CAF\xc9\r\n250\r\n"),
        ("EHLO", b"250\r\n"),
        ("RCPT", b"251 will forward\r\n"),
        ("END", b"250\r\n"),
    ] {
        let script = RelayScript::default().at(point, Action::Reply(bytes.to_vec()));
        let relay = Relay::start(script);
        Client::of(&relay).send().await.delivery();
        assert_eq!(relay.record().mails.len(), 1, "{}", bytes.escape_ascii());
    }
}

#[tokio::test]
async fn keywords_are_case_insensitive() {
    let ehlo = b"250-relay\r\n250-size 1000\r\n250 pipelining\r\n".to_vec();
    let relay = Relay::start(RelayScript::default().at("EHLO", Action::Reply(ehlo)));
    Client::of(&relay).send().await.delivery();
    let record = relay.record();
    assert!(record.pipelined);
    assert!(
        record.heard("MAIL FROM:<alerts@example.org> SIZE=25"),
        "{:?}",
        record.lines
    );
}

#[tokio::test]
async fn replies_have_no_control_characters() {
    let words = b"550-5.1.1 no caf\xe9 \x1b[31mhere\r\n550 5.1.1 sorry\x07\r\n".to_vec();
    let relay = Relay::start(RelayScript::default().at("RCPT", Action::Reply(words)));
    let failure = Client::of(&relay).send().await.rejected(Stage::Rcpt, 550);
    let reply = failure.reply.expect("the relay's words");
    assert_eq!(reply.text, "5.1.1 no caf\u{fffd} [31mhere\n5.1.1 sorry");
    assert_eq!(reply.enhanced, Some([5, 1, 1]));
}
