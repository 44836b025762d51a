//! Several messages in flight at once by CHUNKING: order, refusals, cuts and slow relays.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use domain::{Fault, Label, Stage};
use engine::smtp::{OutgoingMessage, Session};
use futures::FutureExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::client::Client;
use crate::transaction::breaking::{narrow, part_of_a_mail};
use crate::transaction::courier::{
    QUEUED, ShortResult, in_short, large_mail, messages, not_offered, refused, send_ahead,
};
use crate::transaction::sending::SMUGGLING;
use testkit::{Action, Record, Relay, RelayScript, pki};

const CHUNKING: &[&str] = &["PIPELINING", "CHUNKING"];

/// The time for what must not wait for ever, on a busy machine.
const WAIT_LIMIT: Duration = Duration::from_secs(60);

pub fn chunking() -> RelayScript {
    RelayScript::offering(CHUNKING)
}

/// Sends these over one connection, which ends with QUIT.
pub async fn sent(
    relay: &Relay,
    client: &Client,
    mails: &[Arc<OutgoingMessage>],
) -> (Vec<Vec<ShortResult>>, Record) {
    let mut session = client.session().await;
    let (results, broken) = send_ahead(&mut session, mails).await;
    assert!(broken.is_none() && session.is_ready(), "{broken:?}");
    assert!(session.unanswered().is_empty());
    session.quit().await;
    let record = relay.record();
    assert!(record.heard("QUIT"), "{:?}", record.lines);
    (results, record)
}

#[tokio::test]
async fn messages_go_out_without_waiting_for_replies() {
    let relay = Relay::start(chunking());
    let client = Client::of(&relay);
    let mails = messages(&client, 5);
    let (results, record) = sent(&relay, &client, &mails).await;
    assert_eq!(results, vec![vec![QUEUED]; 5]);
    let contents: Vec<_> = mails.iter().map(|mail| mail.message.to_vec()).collect();
    assert_eq!(record.mails, contents);
    assert_eq!(record.ahead, 4, "all were there before the first reply");
    let first = ["MAIL", "RCPT", "BDAT"];
    let next = ["RSET", "MAIL", "RCPT", "BDAT"].repeat(4);
    assert_eq!(record.commands(), [&first[..], &next].concat());
}

#[tokio::test]
async fn messages_go_in_chunks_within_tls() {
    let script = chunking().with_starttls(pki::trusted(&["127.0.0.1"]));
    let relay = Relay::start(script);
    let client = Client::of(&relay).with(Label::ConnectionType, "TLS");
    let (results, record) = sent(&relay, &client, &messages(&client, 50)).await;
    assert_eq!(results, vec![vec![QUEUED]; 50]);
    assert_eq!(record.mails.len(), 50);
}

#[tokio::test]
async fn a_chunk_has_every_octet_of_the_message() {
    let lines = "Subject: dots\r\n\r\n.\r\n..\r\n.leading\r\n\r\n.\r\nQUIT\r\nBDAT 0 LAST\r\n";
    let relay = Relay::start(chunking());
    let client = Client::of(&relay);
    let mail = |message: &str| client.clone().message(message).outgoing();
    let texts = [lines, "no end", &lines.repeat(20_000), "", lines];
    let mails = texts.map(mail);
    let (results, record) = sent(&relay, &client, &mails).await;
    assert_eq!(results, vec![vec![QUEUED]; 5]);
    let expected = texts.map(|text| match text {
        "no end" => b"no end\r\n".to_vec(),
        text => text.as_bytes().to_vec(),
    });
    assert!(record.mails == expected);
}

#[tokio::test]
async fn a_message_with_stray_line_breaks_is_not_sent() {
    let relay = Relay::start(chunking());
    let client = Client::of(&relay);
    let smuggling = SMUGGLING.map(|inside| {
        let message = format!("Subject: x\r\n\r\nx{inside}MAIL FROM:<evil@example.com>\r\n");
        client.clone().message(message).outgoing()
    });
    let (results, record) = sent(&relay, &client, &smuggling).await;
    assert_eq!(
        results.concat(),
        vec![not_offered(Fault::LineBreak); SMUGGLING.len()]
    );
    assert!(!record.heard("MAIL"));
}

/// Sends these ahead; none has a result yet.
async fn begin(session: &mut Session, mails: &[Arc<OutgoingMessage>]) {
    for mail in mails {
        let queued = session.send_ahead(mail).await.expect("a session");
        assert!(queued.is_none());
    }
}

/// A relay that replies so to the second of several messages.
pub fn at_the_second(point: &'static str, action: Action) -> RelayScript {
    let script = chunking().reply(point, "250 Ok").at(point, action);
    script.reply(point, "250 Ok")
}

pub fn reply(text: &str) -> Action {
    Action::Reply(format!("{text}\r\n").into_bytes())
}

#[tokio::test]
async fn a_refusal_in_the_middle_concerns_one_message() {
    for (point, text, result) in [
        ("MAIL", "451 4.3.0 not now", refused(Stage::Mail, 451)),
        ("RCPT", "550 5.1.1 nobody", refused(Stage::Rcpt, 550)),
        ("END", "554 5.7.1 spam", refused(Stage::Data, 554)),
    ] {
        let relay = Relay::start(at_the_second(point, reply(text)));
        let client = Client::of(&relay);
        let (results, record) = sent(&relay, &client, &messages(&client, 4)).await;
        let expected = [QUEUED, result, QUEUED, QUEUED];
        assert_eq!(results.concat(), expected, "{point}");
        let last = record.mails.last().expect("a mail");
        assert!(last.starts_with(b"Subject: 3"), "{point}");
    }
}

#[tokio::test]
async fn each_recipient_has_its_own_result() {
    let script = chunking()
        .reply("RCPT", "550 5.1.1 nobody")
        .reply("RCPT", "250 2.1.5 Ok")
        .reply("RCPT", "452 4.2.2 full")
        .reply("RCPT", "250 2.1.5 Ok");
    let relay = Relay::start(script);
    let client = Client::of(&relay).to(&["a@example.net", "b@example.net", "c@example.net"]);
    let (results, _) = sent(&relay, &client, &messages(&client, 2)).await;
    let first = [refused(Stage::Rcpt, 550), QUEUED, refused(Stage::Rcpt, 452)];
    assert_eq!(results, [first.to_vec(), vec![QUEUED; 3]]);
}

#[tokio::test]
async fn data_follows_chunks() {
    let nobody = at_the_second("RCPT", reply("550 5.1.1 nobody"));
    let relay = Relay::start(nobody);
    let client = Client::of(&relay);
    let mails = messages(&client, 3);
    let mut session = client.session().await;
    let (results, broken) = send_ahead(&mut session, &mails[..2]).await;
    assert!(broken.is_none(), "{broken:?}");
    assert_eq!(results.concat(), [QUEUED, refused(Stage::Rcpt, 550)]);
    let last = session.deliver(&mails[2], None).await.expect("results");
    assert_eq!(in_short(last), [QUEUED]);
    let commands = ["RSET", "MAIL", "RCPT", "DATA"];
    assert!(relay.record().commands().ends_with(&commands));
}

#[tokio::test]
async fn after_a_cut_all_that_was_written_may_have_arrived() {
    let second = |point, action| async move {
        let relay = Relay::start(at_the_second(point, action));
        let client = Client::of(&relay);
        let mut session = client.session().await;
        let (results, broken) = send_ahead(&mut session, &messages(&client, 4)).await;
        assert_eq!(results.concat(), [QUEUED], "{point}");
        assert!(!session.is_ready());
        let broken = broken.expect("a broken session");
        let unanswered = session.unanswered();
        assert_eq!(broken.may_have_arrived, unanswered[0]);
        assert!(broken.pipelined);
        (broken.failure, unanswered)
    };
    for (point, stage) in [
        ("MAIL", Stage::Mail),
        ("RCPT", Stage::Rcpt),
        ("END", Stage::Data),
    ] {
        for (action, fault) in [
            (Action::Close, Fault::Closed),
            (Action::Reset, Fault::Reset),
            (reply("gibberish"), Fault::Malformed),
            (reply("354 go on"), Fault::Malformed),
        ] {
            let (failure, unanswered) = second(point, action).await;
            assert_eq!((failure.stage, &failure.fault), (stage, &fault), "{point}");
            assert_eq!(unanswered, [true; 3], "{point} {fault:?}");
        }
        let closing = Action::ReplyAndClose(b"421 4.3.2 closing\r\n".to_vec());
        let (failure, unanswered) = second(point, closing).await;
        let code = failure.reply.map(|reply| reply.code);
        assert_eq!((failure.stage, code), (stage, Some(421)));
        assert_eq!(unanswered, [false; 3], "nothing has arrived behind a 421");
    }
}

#[tokio::test]
async fn a_relay_that_loses_commands_is_recognised() {
    let confused = at_the_second("MAIL", reply("503 5.5.1 out of order"));
    let relay = Relay::start(confused);
    let client = Client::of(&relay);
    let mut session = client.session().await;
    let (results, broken) = send_ahead(&mut session, &messages(&client, 3)).await;
    assert_eq!(results.concat(), [QUEUED]);
    let broken = broken.expect("a broken session");
    assert_eq!(broken.failure.fault, Fault::Malformed);
    assert!(broken.pipelined);
}

#[tokio::test]
async fn a_relay_that_does_not_know_bdat_is_recognised() {
    for (replies, known) in [
        (&["502 5.5.1 not implemented"][..], false),
        (&["500 5.5.2 what?"], false),
        (&["503 5.5.1 need RCPT", "502 5.5.1 not implemented"], true),
    ] {
        let script = replies
            .iter()
            .fold(chunking(), |script, reply| script.reply("BDAT", reply));
        let relay = Relay::start(script);
        let client = Client::of(&relay);
        let mut session = client.session().await;
        assert_eq!(session.try_chunking().await, Ok(known));
        assert_eq!(session.offers_chunking(), known);
        if known {
            let mails = messages(&client, 3);
            let (results, broken) = send_ahead(&mut session, &mails).await;
            assert!(results.is_empty() && broken.is_some());
            assert!(!session.offers_chunking() && !session.is_ready());
            assert_eq!(session.unanswered(), [false; 3]);
        } else {
            let results = session.deliver(&client.outgoing(), None).await;
            assert_eq!(in_short(results.expect("results")), [QUEUED]);
        }
    }
    // The relay of the other tests knows it.
    let relay = Relay::start(chunking());
    let mut session = Client::of(&relay).session().await;
    assert_eq!(session.try_chunking().await, Ok(true));
    assert!(session.is_ready());
}

#[tokio::test]
async fn replies_are_read_while_messages_are_written() {
    // More replies and more mail than the buffers of both sides hold.
    let long = format!("250-{}\r\n", "x".repeat(1900)).repeat(90);
    let script = chunking().at("RCPT", Action::Reply(format!("{long}250 Ok\r\n").into()));
    let relay = Relay::start(script);
    let client = Client::of(&relay).message("0123456\r\n".repeat(60_000));
    let to = [
        "a@example.net",
        "b@example.net",
        "c@example.net",
        "d@example.net",
    ];
    let client = client.to(&to);
    let mails = vec![client.outgoing(); 20];
    let (results, record) = timeout(WAIT_LIMIT, sent(&relay, &client, &mails))
        .await
        .expect("neither side waits for the other");
    assert_eq!(results, vec![vec![QUEUED; 4]; 20]);
    assert_eq!(record.mails.len(), 20);
}

#[tokio::test]
async fn a_message_that_is_not_wholly_written_has_not_arrived() {
    let (listener, client) = narrow();
    tokio::spawn(async move { drop(part_of_a_mail(&listener, true).await) });
    let mut session = client.session().await;
    let (results, broken) = send_ahead(&mut session, &[client.outgoing(), client.outgoing()]).await;
    assert!(results.is_empty());
    assert!(!broken.expect("a broken session").may_have_arrived);
    assert_eq!(session.unanswered(), [false; 2]);
}

#[tokio::test]
async fn behind_a_plain_end_only_what_is_wholly_written_may_have_arrived() {
    let (listener, client) = narrow();
    tokio::spawn(async move {
        // All of the first message, and the beginning of the second.
        let mut tcp = part_of_a_mail(&listener, true).await;
        tcp.shutdown().await.expect("closes its side");
        // Reads no more, and keeps the connection.
        std::future::pending::<()>().await;
    });
    let small = client.clone().message("Subject: Fire\r\n\r\nFire.\r\n");
    let mails = [small.outgoing(), client.outgoing(), small.outgoing()];
    let mut session = client.session().await;
    let (results, broken) = send_ahead(&mut session, &mails).await;
    assert!(results.is_empty());
    let broken = broken.expect("a broken session");
    assert_eq!(broken.failure.fault, Fault::Closed);
    assert!(broken.may_have_arrived);
    assert_eq!(session.unanswered(), [true, false, false]);
}

#[tokio::test]
async fn messages_that_are_not_begun_are_taken_back() {
    let relay = Relay::start(chunking());
    let client = Client::of(&relay);
    let mut session = client.session().await;
    let mails = messages(&client, 4);
    begin(&mut session, &mails[..3]).await;
    assert_eq!(session.not_begun(), 3);
    session.take_back(2);
    let queued = session.send_ahead(&mails[3]).await.expect("a session");
    assert!(queued.is_none());
    assert_eq!(session.unanswered(), [false; 2]);
    let mut results = Vec::new();
    if let Some(result) = session.next_result().now_or_never() {
        results.push(in_short(result.expect("results")));
    }
    // Both are written now.
    assert_eq!(session.not_begun(), 0);
    session.take_back(2);
    while results.len() < 2 {
        let result = timeout(WAIT_LIMIT, session.next_result()).await;
        let result = result.expect("in time").expect("results");
        results.push(in_short(result));
    }
    assert_eq!(results, vec![vec![QUEUED]; 2]);
    assert!(session.is_ready());
    let expected = [&mails[0], &mails[3]].map(|mail| mail.message.to_vec());
    assert_eq!(relay.record().mails, expected);
}

#[tokio::test]
async fn messages_that_may_not_be_written_are_taken_back() {
    let relay = Relay::start(chunking());
    let client = Client::of(&relay);
    let mut session = client.session().await;
    let mails = messages(&client, 3);
    begin(&mut session, &mails).await;
    let progress = session.next_progress(|position| position != 1).await;
    assert!(progress.expect("a session").is_none());
    assert_eq!((session.not_begun(), session.partly_written()), (2, None));
    session.take_back(2);
    let result = timeout(WAIT_LIMIT, session.next_result()).await;
    let result = result.expect("in time").expect("results");
    assert_eq!(in_short(result), [QUEUED]);
    assert!(session.is_ready());
    assert_eq!(relay.record().mails, [mails[0].message.to_vec()]);
}

#[tokio::test]
async fn no_more_is_written_of_a_message_that_is_begun_and_may_not_be() {
    let relay = Relay::start(chunking());
    let client = Client::of(&relay);
    let mut session = client.session().await;
    let small = client.outgoing();
    let large = client.clone().message(large_mail()).outgoing();
    let mails = [small.clone(), large, small.clone()];
    begin(&mut session, &mails).await;
    // A part of the second message, behind the first.
    let asked = Cell::new(0);
    let once = |position: usize| position == 0 || asked.replace(asked.get() + 1) == 0;
    let mut result = None;
    while result.is_none() {
        let progress = timeout(WAIT_LIMIT, session.next_progress(once)).await;
        result = progress.expect("in time").expect("a session");
    }
    assert_eq!(result.map(in_short), Some(vec![QUEUED]), "the first");
    assert_eq!(session.partly_written(), Some(0));
    let progress = timeout(WAIT_LIMIT, session.next_progress(|_| false)).await;
    assert!(progress.expect("in time").expect("a session").is_none());
    assert_eq!(
        (session.not_begun(), session.partly_written()),
        (1, Some(0))
    );
    assert_eq!(session.unanswered(), [false, false]);
    session.quit().await;
    relay.wait_for_disconnect().await;
    assert_eq!(relay.record().mails, [small.message.to_vec()]);
}

#[tokio::test]
async fn a_wait_that_is_given_up_loses_nothing() {
    let relay = Relay::start(chunking());
    let client = Client::of(&relay);
    let mut session = client.session().await;
    let mails = messages(&client, 3);
    let mut results = Vec::new();
    let mut waits = 0;
    let waiting = async {
        begin(&mut session, &mails).await;
        while results.len() < 3 {
            match session.next_result().now_or_never() {
                Some(result) => results.push(in_short(result.expect("results"))),
                None => waits += 1,
            }
            yield_now().await;
        }
    };
    timeout(WAIT_LIMIT, waiting).await.expect("three results");
    assert_eq!(results, vec![vec![QUEUED]; 3]);
    assert!(waits > 0);
    assert_eq!(relay.record().mails.len(), 3);
}

#[tokio::test]
async fn a_session_with_messages_on_their_way_does_nothing_else() {
    let relay = Relay::start(chunking().at("END", Action::Silence));
    let client = Client::of(&relay).with(Label::CommandTimeout, "60");
    let mut session = client.session().await;
    let mail = client.outgoing();
    assert!(
        session
            .send_ahead(&mail)
            .await
            .expect("a session")
            .is_none()
    );
    assert!(session.next_result().now_or_never().is_none());
    let broken = session.deliver(&mail, None).await.expect_err("no mail");
    assert_eq!(broken.failure.fault, Fault::Closed);
    session.quit().await;
    relay.wait_for_disconnect().await;
    assert!(!relay.record().heard("QUIT"), "the relay would not read it");
}
