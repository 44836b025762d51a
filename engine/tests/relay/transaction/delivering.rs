//! Delivering many messages over one session: each has its own result, pipelined or not.

use std::cell::Cell;
use std::future::ready;

use domain::{Fault, Label, Stage};

use crate::client::Client;
use crate::transaction::courier::{
    QUEUED, ShortResult, delivered, large_mail, messages, not_offered, refused, several,
};
use crate::transaction::sending::SMUGGLING;
use testkit::{Relay, RelayScript, pki};

const LOCK_STEP: &[&str] = &[];
const PIPELINING: &[&str] = &["PIPELINING"];

#[tokio::test]
async fn messages_share_one_connection() {
    for (offers, grouped) in [(LOCK_STEP, 0), (PIPELINING, 2)] {
        let relay = Relay::start(RelayScript::offering(offers));
        let client = Client::of(&relay);
        let mails = messages(&client, 3);
        let (results, record) = delivered(&relay, &client, &mails).await;
        assert_eq!(results, vec![vec![QUEUED]; 3]);
        let sent: Vec<_> = mails.iter().map(|mail| mail.message.to_vec()).collect();
        assert_eq!(record.mails, sent);
        assert_eq!(record.grouped, grouped);
        assert_eq!(record.commands(), ["MAIL", "RCPT", "DATA"].repeat(3));
    }
}

#[tokio::test]
async fn messages_share_one_authenticated_tls_connection() {
    for offers in [&["AUTH PLAIN"][..], &["AUTH PLAIN", "PIPELINING"]] {
        let script = RelayScript::offering(offers).with_starttls(pki::trusted(&["127.0.0.1"]));
        let relay = Relay::start(script);
        let client = Client::of(&relay)
            .with(Label::ConnectionType, "TLS")
            .signing_in("Plain");
        let (results, record) = delivered(&relay, &client, &messages(&client, 3)).await;
        assert_eq!(results, vec![vec![QUEUED]; 3]);
        assert_eq!(record.mails.len(), 3);
        let sign_ins = |line: &&String| line.starts_with("AUTH");
        assert_eq!(record.lines.iter().filter(sign_ins).count(), 1);
    }
}

#[tokio::test]
async fn nothing_follows_a_body_without_a_next_message() {
    let relay = Relay::start(RelayScript::offering(PIPELINING));
    let client = Client::of(&relay);
    let mails = messages(&client, 2);
    let mut session = client.session().await;
    for mail in &mails {
        session.deliver(mail, None).await.expect("results");
    }
    let record = relay.record();
    assert_eq!((record.mails.len(), record.grouped), (2, 0));
    assert!(record.pipelined);
}

#[tokio::test]
async fn a_message_that_is_given_up_has_no_end_of_data() {
    for offers in [LOCK_STEP, PIPELINING] {
        let relay = Relay::start(RelayScript::offering(offers));
        let client = Client::of(&relay);
        let mails = messages(&client, 2);
        let mut session = client.session().await;
        let delivered = session.deliver_if(&mails[0], Some(&mails[1]), ready(false), || true);
        let broken = delivered.await.expect_err("given up");
        assert_eq!(broken.failure.stage, Stage::Data);
        assert!(!broken.may_have_arrived && !session.may_have_arrived());
        assert!(!session.is_ready());
        session.quit().await;
        relay.wait_for_disconnect().await;
        let record = relay.record();
        assert_eq!(record.commands(), ["MAIL", "RCPT", "DATA"]);
        assert!(record.mails.is_empty(), "{record:?}");
    }
}

#[tokio::test]
async fn no_more_is_written_of_a_message_that_may_not_be() {
    for offers in [LOCK_STEP, PIPELINING] {
        let relay = Relay::start(RelayScript::offering(offers));
        let client = Client::of(&relay);
        let large = client.clone().message(large_mail()).outgoing();
        let mut session = client.session().await;
        let asked = Cell::new(0);
        let once = || asked.replace(asked.get() + 1) == 0;
        let delivered = session.deliver_if(&large, None, ready(true), once);
        let broken = delivered.await.expect_err("given up");
        assert_eq!(broken.failure.stage, Stage::Data);
        assert!(!broken.may_have_arrived && !session.may_have_arrived());
        assert!(!session.is_ready() && asked.get() == 2);
        session.quit().await;
        relay.wait_for_disconnect().await;
        let record = relay.record();
        assert_eq!(record.commands(), ["MAIL", "RCPT", "DATA"]);
        assert!(record.mails.is_empty());
    }
}

#[tokio::test]
async fn a_refused_recipient_does_not_affect_others() {
    for offers in [LOCK_STEP, PIPELINING] {
        let script = RelayScript::offering(offers)
            .reply("RCPT", "550 5.1.1 nobody")
            .reply("RCPT", "250 2.1.5 Ok")
            .reply("RCPT", "452 4.2.2 full")
            .reply("RCPT", "250 2.1.5 Ok");
        let relay = Relay::start(script);
        let client = Client::of(&relay).to(&["a@example.net", "b@example.net", "c@example.net"]);
        let (results, record) = delivered(&relay, &client, &messages(&client, 2)).await;
        let first = [refused(Stage::Rcpt, 550), QUEUED, refused(Stage::Rcpt, 452)];
        assert_eq!(results, [first.to_vec(), vec![QUEUED; 3]]);
        assert_eq!(record.mails.len(), 2);
    }
}

#[tokio::test]
async fn many_recipients_do_not_deadlock_a_relay() {
    let relay = Relay::start(RelayScript::offering(PIPELINING));
    let names: Vec<String> = (0..2000).map(|n| format!("r{n}@example.net")).collect();
    let to: Vec<&str> = names.iter().map(String::as_str).collect();
    let client = Client::of(&relay).to(&to);
    let (results, record) = delivered(&relay, &client, &messages(&client, 2)).await;
    assert_eq!(results, vec![vec![QUEUED; 2000]; 2]);
    assert_eq!(record.grouped, 1);
}

/// Delivers three messages of which only the second is refused.
async fn second_of_three(
    offers: &[&str],
    replies: &[(&'static str, &str)],
    result: ShortResult,
) -> testkit::Record {
    let mut script = RelayScript::offering(offers);
    for (point, reply) in replies {
        let usual = match *point {
            "DATA" => "354 go on",
            _ => "250 Ok",
        };
        for words in [usual, reply, usual] {
            script = script.reply(point, words);
        }
    }
    let (results, record) = several(3, script).await;
    assert_eq!(results, [QUEUED, result, QUEUED], "{offers:?} {replies:?}");
    assert!(
        record
            .mails
            .last()
            .is_some_and(|mail| mail.starts_with(b"Subject: 2"))
    );
    record
}

#[tokio::test]
async fn a_refusal_does_not_end_the_session() {
    let nobody = ("RCPT", "550 5.1.1 nobody");
    let not_now = ("MAIL", "451 4.3.0 not now");
    let no_transaction = ("RCPT", "503 5.5.1 need MAIL");
    let no_data = ("DATA", "503 5.5.1 need RCPT");
    let go_on = ("DATA", "354 go on");
    for (offers, replies, result, resets, bodies) in [
        // Nothing is to be reset where MAIL was refused or the end of data was answered.
        (LOCK_STEP, &[not_now][..], refused(Stage::Mail, 451), 0, 2),
        (
            PIPELINING,
            &[not_now, no_transaction, no_data],
            refused(Stage::Mail, 451),
            0,
            2,
        ),
        (LOCK_STEP, &[nobody], refused(Stage::Rcpt, 550), 1, 2),
        (
            PIPELINING,
            &[nobody, no_data],
            refused(Stage::Rcpt, 550),
            1,
            2,
        ),
        (
            LOCK_STEP,
            &[("DATA", "451 4.3.0 later")],
            refused(Stage::Data, 451),
            1,
            2,
        ),
        (
            PIPELINING,
            &[("DATA", "451 4.3.0 later")],
            refused(Stage::Data, 451),
            1,
            2,
        ),
        (
            LOCK_STEP,
            &[("END", "554 5.7.1 spam")],
            refused(Stage::Data, 554),
            0,
            3,
        ),
        (
            PIPELINING,
            &[("END", "554 5.7.1 spam")],
            refused(Stage::Data, 554),
            0,
            3,
        ),
        // The relay waits for a message though all recipients are refused: it gets an end of data.
        (
            PIPELINING,
            &[nobody, go_on, ("END", "554 5.5.1 no")],
            refused(Stage::Rcpt, 550),
            0,
            3,
        ),
        (
            PIPELINING,
            &[nobody, go_on],
            refused(Stage::Rcpt, 550),
            0,
            3,
        ),
        (PIPELINING, &[not_now], refused(Stage::Mail, 451), 0, 3),
    ] {
        let record = second_of_three(offers, replies, result).await;
        let found = record
            .commands()
            .iter()
            .filter(|verb| **verb == "RSET")
            .count();
        assert_eq!(found, resets, "{offers:?} {replies:?}");
        assert_eq!(record.mails.len(), bodies, "{offers:?} {replies:?}");
        if bodies == 3 && replies[0].0 != "END" {
            assert_eq!(record.mails[1], b"", "{replies:?}");
        }
    }
}

#[tokio::test]
async fn rset_goes_out_with_the_next_mail() {
    for (offers, together) in [(LOCK_STEP, false), (PIPELINING, true)] {
        let replies = [("DATA", "451 4.3.0 later")];
        let record = second_of_three(offers, &replies, refused(Stage::Data, 451)).await;
        assert_eq!(record.reset_with_more, together);
    }
}

#[tokio::test]
async fn an_unsupported_message_costs_no_command() {
    for offers in [&["SIZE 30"][..], &["SIZE 30", "PIPELINING"]] {
        let relay = Relay::start(RelayScript::offering(offers));
        let client = Client::of(&relay);
        let small = messages(&client, 2);
        let mails = [
            small[0].clone(),
            client.clone().message("x".repeat(31)).outgoing(),
            client.clone().message("Subject: ü\r\n\r\n").outgoing(),
            client.clone().message("Subject: x\r\n\r\nü\r\n").outgoing(),
            client.clone().message("Subject: x\r\n\r\n\n").outgoing(),
            small[1].clone(),
        ];
        let (results, record) = delivered(&relay, &client, &mails).await;
        assert_eq!(
            results.concat(),
            [
                QUEUED,
                not_offered(Fault::TooBig(30)),
                not_offered(Fault::SmtpUtf8NotOffered),
                not_offered(Fault::EightBitNotOffered),
                not_offered(Fault::LineBreak),
                QUEUED
            ]
        );
        assert_eq!(record.commands(), ["MAIL", "RCPT", "DATA"].repeat(2));
    }
}

#[tokio::test]
async fn an_unsupported_address_does_not_affect_others() {
    let to = [
        "ü@example.net",
        "a@example.net",
        "ü@example.org",
        "b@bücher.example",
    ];
    let left_out = not_offered(Fault::SmtpUtf8NotOffered);
    let refusing = refused(Stage::Mail, 451);
    for (script, result) in [
        (RelayScript::offering(PIPELINING), QUEUED),
        (
            RelayScript::offering(PIPELINING).reply("MAIL", "451 4.3.0 not now"),
            refusing,
        ),
    ] {
        let relay = Relay::start(script);
        let client = Client::of(&relay).to(&to);
        let (results, record) = delivered(&relay, &client, &messages(&client, 1)).await;
        assert_eq!(
            results,
            [[left_out.clone(), result.clone(), left_out.clone(), result]]
        );
        assert!(record.heard("RCPT TO:<b@xn--bcher-kva.example>"));
    }
    // A relay that offers SMTPUTF8 gets all recipients.
    let relay = Relay::start(RelayScript::offering(&["SMTPUTF8"]));
    let client = Client::of(&relay).to(&to);
    let (results, record) = delivered(&relay, &client, &messages(&client, 1)).await;
    assert_eq!(results, [vec![QUEUED; 4]]);
    assert!(record.heard("RCPT TO:<b@bücher.example>"));
}

#[tokio::test]
async fn each_message_has_one_end_of_data() {
    let relay = Relay::start(RelayScript::offering(PIPELINING));
    let client = Client::of(&relay);
    let mail = |inside: &str| {
        let message = format!("Subject: x\r\n\r\nx{inside}MAIL FROM:<evil@example.com>\r\n");
        client.clone().message(message).outgoing()
    };
    let legal = ["\r\n.\r\n", "\r\n..\r\n", "\r\n.\r\n.\r\n", "\r\n\r\n.\r\n"].map(mail);
    let smuggling = SMUGGLING.map(mail);
    // Alternating, so that unsupported messages would be pipelined behind supported ones.
    let mails = legal
        .iter()
        .cycle()
        .zip(&smuggling)
        .flat_map(|(a, b)| [a.clone(), b.clone()]);
    let (results, record) = delivered(&relay, &client, &mails.collect::<Vec<_>>()).await;
    let refused = not_offered(Fault::LineBreak);
    assert_eq!(
        results.concat(),
        SMUGGLING.map(|_| [QUEUED, refused.clone()]).concat()
    );
    let ends = memchr::memmem::find_iter(&record.clear, b"\r\n.\r\n").count();
    assert_eq!(
        (ends, record.mails.len()),
        (SMUGGLING.len(), SMUGGLING.len())
    );
    assert!(!record.heard("MAIL FROM:<evil@example.com>"));
}
