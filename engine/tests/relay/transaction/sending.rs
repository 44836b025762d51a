//! Sending one message: every byte unchanged, and only where the relay accepts it.

use domain::{Fault, Label, Stage};
use engine::smtp::{Session, SessionObserver};
use tokio::task::yield_now;

use crate::client::Client;
use testkit::{Action, Relay, RelayScript};

const LOCK_STEP: &[&str] = &[];
const PIPELINING: &[&str] = &["PIPELINING"];

/// Sequences that some relays take for the end of data (SMTP smuggling).
pub const SMUGGLING: [&str; 8] = [
    "\n.\n",
    "\n.\r\n",
    "\r.\r",
    "\r.\r\n",
    "\r\n.\n",
    "\r\n.\r",
    "\r\n\r.\r\n",
    "\r\n.\r\r\n",
];

#[tokio::test]
async fn a_message_arrives_unchanged() {
    let lines = "Subject: dots\r\n\r\n.\r\n..\r\n.leading\r\nin.side\r\n\r\n.\r\nQUIT\r\n";
    let stuffed = "Subject: dots\r\n\r\n..\r\n...\r\n..leading\r\nin.side\r\n\r\n..\r\nQUIT\r\n";
    for offers in [LOCK_STEP, PIPELINING] {
        for (message, expected) in [
            (lines.to_owned(), stuffed.to_owned()),
            ("no end".to_owned(), "no end\r\n".to_owned()),
            (lines.repeat(20_000), stuffed.repeat(20_000)),
        ] {
            let relay = Relay::start(RelayScript::offering(offers));
            let outcome = Client::of(&relay).message(message).send().await;
            assert_eq!(outcome.delivery().to_line(), "250 2.0.0 queued");
            let record = relay.record();
            assert!(record.mails == [expected.into_bytes()]);
            assert_eq!(record.pipelined, offers == PIPELINING);
            assert!(record.heard("QUIT"), "{:?}", record.lines);
        }
    }
}

#[tokio::test]
async fn dots_and_line_ends_do_not_end_a_message() {
    let relay = Relay::start(RelayScript::default());
    for end in SMUGGLING {
        let message = format!("Subject: x\r\n\r\nx{end}MAIL FROM:<evil@example.com>\r\n");
        let client = Client::of(&relay).message(message);
        let failure = client.send().await.fails(Stage::Mail, Fault::LineBreak);
        assert_eq!(
            client.cause(&failure),
            Some("The mail contains an invalid line break")
        );
    }
    let record = relay.record();
    assert!(
        !record.heard("MAIL") && record.heard("QUIT"),
        "{:?}",
        record.lines
    );
}

#[tokio::test]
async fn a_message_the_relay_does_not_support_is_not_sent() {
    let eight_bit = "Subject: x\r\n\r\nü\r\n";
    let eight_bit_header = "Subject: ü\r\n\r\nx\r\n";
    let ascii_only = "The relay takes only ASCII addresses";
    for (offers, to, message, fault, title) in [
        (
            &["SIZE 10"][..],
            "desk@example.net",
            "Subject: x\r\n",
            Fault::TooBig(10),
            "The mail is too big for the relay",
        ),
        (
            &[],
            "desk@example.net",
            eight_bit,
            Fault::EightBitNotOffered,
            "The relay takes only 7-bit mail",
        ),
        (
            &["8BITMIME"],
            "desk@example.net",
            eight_bit_header,
            Fault::SmtpUtf8NotOffered,
            ascii_only,
        ),
        (
            &["8BITMIME"],
            "grüße@example.net",
            "x\r\n",
            Fault::SmtpUtf8NotOffered,
            ascii_only,
        ),
    ] {
        let relay = Relay::start(RelayScript::offering(offers));
        let client = Client::of(&relay).to(&[to]).message(message);
        let failure = client.send().await.fails(Stage::Mail, fault);
        assert_eq!(client.cause(&failure), Some(title));
        assert!(!relay.record().heard("MAIL"));
    }
}

#[tokio::test]
async fn mail_from_declares_the_extensions_used() {
    let relay = Relay::start(RelayScript::offering(&[
        "SIZE 1000",
        "8BITMIME",
        "SMTPUTF8",
    ]));
    let client = Client::of(&relay)
        .to(&["grüße@bücher.example"])
        .message("Subject: ü\r\n\r\nü\r\n");
    client.send().await.delivery();
    let lines = relay.record().lines;
    for line in [
        "MAIL FROM:<alerts@example.org> SIZE=19 BODY=8BITMIME SMTPUTF8",
        "RCPT TO:<grüße@bücher.example>",
    ] {
        assert!(lines.iter().any(|found| found == line), "{lines:?}");
    }
}

#[tokio::test]
async fn without_an_accepted_recipient_no_message_is_sent() {
    for (offers, data) in [
        (LOCK_STEP, "354 go on"),
        (PIPELINING, "354 go on"),
        (PIPELINING, "554 5.5.1 no valid recipients"),
    ] {
        let script = RelayScript::offering(offers)
            .reply("RCPT", "550 5.1.1 nobody")
            .reply("RCPT", "551 5.7.1 not here")
            .reply("DATA", data)
            .reply("END", "554 5.5.1 no valid recipients");
        let relay = Relay::start(script);
        let client = Client::of(&relay).to(&["a@example.net", "b@example.net"]);
        let failure = client.send().await.rejected(Stage::Rcpt, 550);
        assert_eq!(failure.to_string(), "The relay replied: 550 5.1.1 nobody");
        let record = relay.record();
        // A 354 is answered by an end of data; without pipelining DATA is not sent.
        let lone_dots = usize::from(offers == PIPELINING && data.starts_with("354"));
        assert_eq!(record.mails, vec![Vec::<u8>::new(); lone_dots]);
        assert!(record.heard("QUIT"), "{:?}", record.lines);
    }
}

#[tokio::test]
async fn a_refused_sender_takes_precedence_over_later_replies() {
    for offers in [LOCK_STEP, PIPELINING] {
        let script = RelayScript::offering(offers)
            .reply("MAIL", "553 5.7.1 not yours")
            .reply("RCPT", "503 5.5.1 need MAIL")
            .reply("DATA", "503 5.5.1 need RCPT");
        let relay = Relay::start(script);
        Client::of(&relay).send().await.rejected(Stage::Mail, 553);
        assert!(relay.record().heard("QUIT"));
    }
}

#[tokio::test]
async fn helo_is_used_when_ehlo_is_unknown() {
    for code in [500, 502, 504] {
        let script = RelayScript::offering(&["STARTTLS", "AUTH PLAIN"])
            .reply("EHLO", &format!("{code} what?"));
        let relay = Relay::start(script);
        let client = Client::of(&relay);
        client.clone().send().await.delivery();
        assert!(relay.record().heard("HELO example.org"));
        client
            .clone()
            .with(Label::ConnectionType, "TLS")
            .send()
            .await
            .fails(Stage::StartTls, Fault::StartTlsNotOffered);
        client
            .with(Label::PlaintextAuth, "1")
            .signing_in("Plain")
            .send()
            .await
            .fails(Stage::Auth, Fault::MechanismNotOffered(Vec::new()));
    }
    let script = RelayScript::default().reply("EHLO", "554 5.7.1 not you");
    let relay = Relay::start(script);
    Client::of(&relay).send().await.rejected(Stage::Ehlo, 554);
    assert!(!relay.record().heard("HELO"));

    let hangs_up = RelayScript::default()
        .reply("EHLO", "502 what?")
        .at("HELO", Action::Close);
    let relay = Relay::start(hangs_up);
    Client::of(&relay).send().await.rejected(Stage::Ehlo, 502);
}

#[tokio::test]
async fn the_ehlo_name_is_never_localhost() {
    let relay = Relay::start(RelayScript::default());
    let client = Client::of(&relay).with(Label::FromAddress, "root@localhost");
    client.clone().send().await.delivery();
    assert!(relay.record().heard("EHLO [127.0.0.1]"));
    client
        .with(Label::EhloName, "gate.example.org")
        .send()
        .await
        .delivery();
    assert!(relay.record().heard("EHLO gate.example.org"));
}

#[tokio::test]
async fn a_session_runs_on_any_thread() {
    let relay = Relay::start(RelayScript::default());
    let client = Client::of(&relay);
    let outcome = tokio::spawn(async move { client.send().await }).await;
    outcome.expect("no panic").delivery();
}

#[tokio::test]
async fn a_failed_or_cancelled_session_is_not_reused() {
    let refusing = RelayScript::default().reply("RCPT", "550 5.1.1 nobody");
    let silent = RelayScript::default().at("RCPT", Action::Silence);
    for (script, given_up) in [(refusing, false), (silent, true)] {
        let relay = Relay::start(script);
        let client = Client::of(&relay).with(Label::CommandTimeout, "60");
        let mut session = Session::open(&client.dialer, &client.relay(), &SessionObserver::none())
            .await
            .expect("a session");
        let envelope = client.envelope();
        let sending = session.send(&envelope, &client.message);
        let asked = async {
            while !(given_up && relay.record().heard("RCPT")) {
                yield_now().await;
            }
        };
        tokio::select! {
            ended = sending => assert!(ended.is_err() && !given_up),
            () = asked => {}
        }
        let again = session
            .send(&envelope, &client.message)
            .await
            .expect_err("no second mail");
        assert_eq!(again.fault, Fault::Closed);
        let mails = |line: &&String| line.starts_with("MAIL");
        assert_eq!(relay.record().lines.iter().filter(mails).count(), 1);
    }
}
