//! Relays that reply once too often, or out of place, to messages in chunks.

use domain::Fault;

use crate::client::Client;
use crate::transaction::chunking::{at_the_second, chunking, reply, sent};
use crate::transaction::courier::{QUEUED, messages, send_ahead};
use testkit::{Action, Relay};

#[tokio::test]
async fn one_reply_too_many_is_the_end() {
    let twice = at_the_second("END", reply("250 queued\r\n550 no"));
    let relay = Relay::start(twice);
    let client = Client::of(&relay);
    let mut session = client.session().await;
    let (results, broken) = send_ahead(&mut session, &messages(&client, 2)).await;
    assert_eq!(results.concat(), [QUEUED]);
    let broken = broken.expect("a broken session");
    assert_eq!(broken.failure.fault, Fault::Malformed);
    assert!(broken.may_have_arrived && !session.is_ready());
    let next = session.send_ahead(&client.outgoing()).await;
    assert!(next.is_err());
}

/// The replies of relays to MAIL, RCPT, RSET and BDAT.
const REPLIES: [[&str; 4]; 5] = [
    // Postfix.
    [
        "250 2.1.0 Ok",
        "250 2.1.5 Ok",
        "250 2.0.0 Ok",
        "250 2.0.0 Ok: queued as 1",
    ],
    // Exchange.
    [
        "250 2.1.0 Sender OK",
        "250 2.1.5 Recipient OK",
        "250 2.0.0 Resetting",
        "250 2.6.0 <1@relay.test> Queued mail for delivery",
    ],
    // Gmail.
    [
        "250 2.1.0 OK 1 - gsmtp",
        "250 2.1.5 OK 1 - gsmtp",
        "250 2.1.5 Flushed 1 - gsmtp",
        "250 2.0.0 OK 1 - gsmtp",
    ],
    // Exim.
    ["250 OK", "250 Accepted", "250 Reset OK", "250 OK id=1"],
    ["250 ok"; 4],
];

#[tokio::test]
async fn behind_a_reply_too_many_no_refused_message_is_accepted() {
    for [mail, rcpt, reset, queued] in REPLIES {
        let script = || {
            let script = chunking().reply("MAIL", mail).reply("RCPT", rcpt);
            script.reply("RSET", reset).reply("END", queued)
        };
        let relay = Relay::start(script());
        let client = Client::of(&relay);
        let (results, _) = sent(&relay, &client, &messages(&client, 4)).await;
        assert_eq!(results, vec![vec![QUEUED]; 4], "{queued}");

        let twice = format!("{queued}\r\n{queued}");
        let script = script()
            .reply("END", &twice)
            .reply("END", "554 5.7.1 spam")
            .reply("END", queued);
        let relay = Relay::start(script);
        let client = Client::of(&relay);
        let mut session = client.session().await;
        let (results, broken) = send_ahead(&mut session, &messages(&client, 5)).await;
        assert_eq!(results.concat(), [QUEUED, QUEUED], "{queued}");
        let failure = broken.expect("a broken session").failure;
        assert_eq!(failure.fault, Fault::Malformed, "{queued}");
        assert!(failure.detail.contains("out of place"), "{failure:?}");
        assert_eq!(session.unanswered(), [true; 3], "{queued}");
    }
}

#[tokio::test]
async fn a_message_stays_accepted_where_the_session_ends_at_the_next_command() {
    let closing = Action::ReplyAndClose(b"421 4.3.2 closing\r\n".to_vec());
    for (action, accepted, unanswered) in [
        (Action::Close, 1, &[true, true][..]),
        (closing, 1, &[false, false]),
        // What this reply belongs to is unknown.
        (reply("554 5.7.1 spam"), 0, &[true, true, true]),
    ] {
        let relay = Relay::start(chunking().at("RSET", action));
        let client = Client::of(&relay);
        let mut session = client.session().await;
        let (results, broken) = send_ahead(&mut session, &messages(&client, 3)).await;
        assert_eq!(results.concat(), vec![QUEUED; accepted]);
        assert_eq!(session.unanswered(), unanswered, "{broken:?}");
        assert!(broken.is_some() && !session.is_ready());
    }
}
