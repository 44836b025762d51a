//! Sessions that end within a transaction: whether the message may have arrived, and the cause.

use std::time::Duration;

use domain::{Fault, Stage};
use futures::future::join_all;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::client::Client;
use crate::transaction::courier::{BrokenDelivery, QUEUED, broken, in_short, messages, refused};
use testkit::{Action, Relay, RelayScript};

const LOCK_STEP: &[&str] = &[];
const PIPELINING: &[&str] = &["PIPELINING"];

/// The time for a closed connection to be noticed, on a busy machine.
const NOTICE_TIMEOUT: Duration = Duration::from_secs(5);

const COMMANDS: [(&str, Stage); 3] = [
    ("MAIL", Stage::Mail),
    ("RCPT", Stage::Rcpt),
    ("DATA", Stage::Data),
];

/// A relay that does this at its second message.
fn at_the_second(offers: &[&str], point: &'static str, action: Action) -> RelayScript {
    let usual = match point {
        "DATA" => "354 go on",
        _ => "250 Ok",
    };
    RelayScript::offering(offers)
        .reply(point, usual)
        .at(point, action)
}

#[tokio::test]
async fn a_421_is_not_a_result_of_the_message() {
    let action = Action::ReplyAndClose(b"421 4.3.2 closing\r\n".to_vec());
    for offers in [LOCK_STEP, PIPELINING] {
        for (point, stage) in COMMANDS.into_iter().chain([("END", Stage::Data)]) {
            let script = at_the_second(offers, point, action.clone());
            let BrokenDelivery {
                results, broken, ..
            } = broken(script).await;
            assert_eq!(results, [QUEUED], "{point}");
            let code = broken.failure.reply.as_ref().map(|reply| reply.code);
            assert_eq!((broken.failure.stage, code), (stage, Some(421)));
            assert!(!broken.may_have_arrived, "{point}");
            assert_eq!(broken.pipelined, offers == PIPELINING, "{point}");
        }
    }
}

#[tokio::test]
async fn a_session_cut_before_the_mail_has_delivered_nothing() {
    let mut cases = Vec::new();
    for offers in [LOCK_STEP, PIPELINING] {
        for (point, stage) in COMMANDS {
            for (action, fault) in [
                (Action::Close, Fault::Closed),
                (Action::Reset, Fault::Reset),
                (Action::Silence, Fault::TimedOut),
                (Action::Reply(b"gibberish\r\n".to_vec()), Fault::Malformed),
            ] {
                cases.push(async move {
                    let BrokenDelivery {
                        results,
                        broken,
                        record,
                    } = broken(at_the_second(offers, point, action)).await;
                    assert_eq!(results, [QUEUED]);
                    let failure = (broken.failure.stage, &broken.failure.fault);
                    assert_eq!(failure, (stage, &fault), "{point}");
                    assert!(!broken.may_have_arrived);
                    assert_eq!(broken.pipelined, offers == PIPELINING);
                    assert_eq!(record.mails.len(), 1);
                });
            }
        }
    }
    join_all(cases).await;
}

#[tokio::test]
async fn a_session_cut_after_the_final_dot_may_have_delivered() {
    let half = Action::ReplyAndClose(b"250-half\r\n".to_vec());
    let doubtful = Action::Reply(b"250 queued\r\n550 no\r\n".to_vec());
    let misplaced = Action::Reply(b"354 go on\r\n".to_vec());
    for (offers, action, fault) in [
        (LOCK_STEP, Action::Close, Fault::Closed),
        (LOCK_STEP, Action::Reset, Fault::Reset),
        (LOCK_STEP, half, Fault::Closed),
        (LOCK_STEP, doubtful, Fault::Malformed),
        (PIPELINING, Action::Close, Fault::Closed),
        (PIPELINING, Action::Reset, Fault::Reset),
        (PIPELINING, misplaced, Fault::Malformed),
    ] {
        let BrokenDelivery {
            results, broken, ..
        } = broken(at_the_second(offers, "END", action)).await;
        assert_eq!(results, [QUEUED]);
        let failure = (broken.failure.stage, &broken.failure.fault);
        assert_eq!(failure, (Stage::Data, &fault));
        assert!(broken.may_have_arrived);
    }
}

#[tokio::test]
async fn an_accepted_message_stays_accepted() {
    let spam = refused(Stage::Data, 554);
    for (words, expected) in [
        ("250 queued\r\n", QUEUED),
        ("250 queued\r\n421 4.3.2 closing\r\n", QUEUED),
        ("554 5.7.1 spam\r\n421 4.3.2 closing\r\n", spam),
    ] {
        let action = Action::ReplyAndClose(words.as_bytes().to_vec());
        let relay = Relay::start(RelayScript::default().at("END", action));
        let client = Client::of(&relay);
        let mails = messages(&client, 2);
        let mut session = client.session().await;
        let results = session.deliver(&mails[0], None).await.expect("results");
        assert_eq!(in_short(results), [expected]);
        // A 421 came with the result; a close without one may come a moment later.
        assert!(!(session.is_ready() && words.contains("421")));
        let second = session.deliver(&mails[1], None).await.expect_err("closed");
        assert_eq!(second.failure.stage, Stage::Mail);
        assert!(!second.may_have_arrived && !session.is_ready());
    }
}

#[tokio::test]
async fn a_relay_that_loses_pipelined_commands_is_recognised() {
    // Some relays drop what they have read before each reply.
    let flushing = RelayScript::offering(PIPELINING)
        .at("END", Action::DiscardAndReply(b"250 Ok\r\n".to_vec()));
    // Others drop a part of it, and the rest is an invalid command.
    let confused = |words| at_the_second(PIPELINING, "MAIL", Action::ReplyAndClose(words));
    for (script, fault) in [
        (flushing.clone(), Fault::TimedOut),
        (confused(b"500 5.5.2 what?\r\n".to_vec()), Fault::Malformed),
        (
            confused(b"503 5.5.1 out of order\r\n".to_vec()),
            Fault::Malformed,
        ),
        (
            confused(b"554 5.5.0 not in step\r\n".to_vec()),
            Fault::Closed,
        ),
    ] {
        let BrokenDelivery {
            results, broken, ..
        } = broken(script).await;
        assert_eq!(results, [QUEUED]);
        assert_eq!(broken.failure.fault, fault);
        assert!(broken.pipelined && !broken.may_have_arrived);
    }
    // Without pipelined commands behind a body nothing is lost.
    let relay = Relay::start(flushing);
    let client = Client::of(&relay);
    let mut session = client.session().await;
    for message in messages(&client, 3) {
        let results = session.deliver(&message, None).await.expect("results");
        assert_eq!(in_short(results), [QUEUED]);
    }
}

#[tokio::test]
async fn a_connection_lost_while_idle_is_recognised() {
    for words in ["250 queued\r\n", "250 queued\r\n421 4.4.2 too long\r\n"] {
        let closing = Action::ReplyAndClose(words.as_bytes().to_vec());
        let script = at_the_second(LOCK_STEP, "END", closing);
        let relay = Relay::start(script);
        let client = Client::of(&relay);
        let mail = client.outgoing();
        let mut session = client.session().await;
        session.deliver(&mail, None).await.expect("results");
        assert!(session.is_alive().await);
        session.deliver(&mail, None).await.expect("results");
        let noticed = async {
            while session.is_alive().await {
                yield_now().await;
            }
        };
        timeout(NOTICE_TIMEOUT, noticed)
            .await
            .expect("a closed connection");
    }
}

#[tokio::test]
async fn a_failed_rset_ends_the_session() {
    for offers in [LOCK_STEP, PIPELINING] {
        let script = RelayScript::offering(offers)
            .reply("RCPT", "550 5.1.1 nobody")
            .reply("DATA", "503 5.5.1 need RCPT")
            .reply("RSET", "502 5.5.1 what?");
        let BrokenDelivery {
            results, broken, ..
        } = broken(script).await;
        assert_eq!(results, [refused(Stage::Rcpt, 550)]);
        let failure = (broken.failure.stage, broken.failure.fault);
        assert_eq!(failure, (Stage::Mail, Fault::Malformed));
        assert!(!broken.may_have_arrived && !broken.pipelined);
    }
}

#[tokio::test]
async fn a_pipelined_message_is_sent_next_or_never() {
    for stray in [true, false] {
        let silent = at_the_second(PIPELINING, "MAIL", Action::Silence);
        let relay = Relay::start(silent);
        let client = Client::of(&relay);
        let mails = messages(&client, 3);
        let mut session = client.session().await;
        let pipelining = session.deliver(&mails[0], Some(&mails[1])).await;
        assert_eq!(in_short(pipelining.expect("results")), [QUEUED]);
        if stray {
            let broken = session.deliver(&mails[2], None).await.expect_err("order");
            assert_eq!(broken.failure.fault, Fault::Closed);
            assert!(!session.is_ready());
        }
        session.quit().await;
        relay.wait_for_disconnect().await;
        let record = relay.record();
        assert_eq!(record.mails, [mails[0].message.to_vec()]);
        assert!(record.clear.ends_with(b"DATA\r\n"));
    }
}

/// The relay's side of a connection, up to 100,000 octets of a mail, by DATA or by BDAT.
pub async fn part_of_a_mail(listener: &TcpListener, by_chunks: bool) -> BufReader<TcpStream> {
    let (tcp, _) = listener.accept().await.expect("a client");
    let mut tcp = BufReader::new(tcp);
    let (ehlo, last) = match by_chunks {
        true => ("250-hello\r\n250-CHUNKING\r\n250 PIPELINING\r\n", ""),
        false => ("250 hello\r\n", "354 go on\r\n"),
    };
    for reply in ["220 hello\r\n", ehlo, "250 ok\r\n", "250 ok\r\n", last] {
        tcp.write_all(reply.as_bytes()).await.expect("written");
        if reply != last {
            tcp.read_line(&mut String::new()).await.expect("heard");
        }
    }
    let mut some = vec![0; 100_000];
    tcp.read_exact(&mut some).await.expect("some mail");
    tcp
}

/// A relay with a small buffer, and a client with a message that exceeds all buffers.
pub fn narrow() -> (TcpListener, Client) {
    let socket = TcpSocket::new_v4().expect("a socket");
    let small = socket.set_recv_buffer_size(1 << 16);
    small.expect("a small buffer");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let listener = socket.listen(1).expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let message = format!("{}\r\n", "x".repeat(998)).repeat(8_000);
    (listener, Client::at("127.0.0.1", port).message(message))
}

#[tokio::test]
async fn a_refusal_during_the_body_is_read() {
    let (listener, client) = narrow();
    tokio::spawn(async move {
        let mut tcp = part_of_a_mail(&listener, false).await;
        let words = b"552 5.3.4 too big\r\n";
        tcp.write_all(words).await.expect("written");
        // Reads no more, and keeps the connection.
        std::future::pending::<()>().await;
    });
    let mut session = client.session().await;
    let mail = client.outgoing();
    let results = session.deliver(&mail, Some(&mail)).await.expect("results");
    assert_eq!(in_short(results), [refused(Stage::Data, 552)]);
    assert!(!session.is_ready());
}

#[tokio::test]
async fn a_partly_sent_message_has_not_arrived() {
    let (listener, client) = narrow();
    tokio::spawn(async move { drop(part_of_a_mail(&listener, false).await) });
    let mut session = client.session().await;
    let broken = session
        .deliver(&client.outgoing(), None)
        .await
        .expect_err("cut");
    assert_eq!(broken.failure.stage, Stage::Data);
    assert!(!broken.may_have_arrived && !session.is_ready());
}
