//! Many mails over one session: each gets its own verdict, however they are grouped.

use std::sync::Arc;

use domain::Stage;
use engine::smtp::{Broken, Fates, Parcel, Session};

use crate::client::Client;
use crate::conduct::Conduct;
use crate::server::{Record, Relay};

const LOCK_STEP: &[&str] = &[];
const PIPELINING: &[&str] = &["PIPELINING"];

/// One recipient's fate: the code of the reply, and where it was refused.
type Fate = Result<u16, (Stage, u16)>;

const QUEUED: Fate = Ok(250);

fn codes(fates: Fates) -> Vec<Fate> {
    let code = |reply: domain::Reply| reply.code;
    fates
        .into_iter()
        .map(|fate| {
            fate.map(code).map_err(|failure| {
                let reply = failure.reply.expect("the relay's words");
                (failure.stage, reply.code)
            })
        })
        .collect()
}

/// Mails that differ in their subject.
fn parcels(client: &Client, count: usize) -> Vec<Arc<Parcel>> {
    (0..count)
        .map(|n| {
            let mail = format!("Subject: {n}\r\n\r\nhello\r\n");
            client.clone().message(mail).parcel()
        })
        .collect()
}

/// One after the other, each with the next one announced, until one breaks.
async fn deliver(session: &mut Session, mails: &[Arc<Parcel>]) -> (Vec<Vec<Fate>>, Option<Broken>) {
    let mut fates = Vec::new();
    for (n, mail) in mails.iter().enumerate() {
        match session.deliver(mail, mails.get(n + 1)).await {
            Ok(fate) => fates.push(codes(fate)),
            Err(broken) => return (fates, Some(broken)),
        }
    }
    (fates, None)
}

/// All are delivered somehow, and the relay is said goodbye to.
async fn delivered(relay: &Relay, mails: &[Arc<Parcel>]) -> (Vec<Vec<Fate>>, Record) {
    let mut session = Client::of(relay).session().await;
    let (fates, broken) = deliver(&mut session, mails).await;
    assert!(broken.is_none(), "{broken:?}");
    assert!(session.is_ready());
    session.quit().await;
    let record = relay.record();
    assert_eq!(record.connections, 1);
    assert!(record.heard("QUIT"), "{:?}", record.lines);
    (fates, record)
}

/// The commands of mails, without what they name.
fn verbs(record: &Record) -> Vec<&str> {
    let verbs = record
        .lines
        .iter()
        .filter_map(|line| line.split(' ').next());
    verbs
        .filter(|verb| !matches!(*verb, "EHLO" | "QUIT"))
        .collect()
}

#[tokio::test]
async fn mails_follow_each_other_on_one_connection() {
    for (offers, grouped) in [(LOCK_STEP, 0), (PIPELINING, 2)] {
        let relay = Relay::start(Conduct::offering(offers)).await;
        let mails = parcels(&Client::of(&relay), 3);
        let (fates, record) = delivered(&relay, &mails).await;
        assert_eq!(fates, vec![vec![QUEUED]; 3]);
        let sent: Vec<_> = mails.iter().map(|mail| mail.message.to_vec()).collect();
        assert_eq!(record.mails, sent);
        assert_eq!(record.grouped, grouped);
        assert_eq!(verbs(&record), ["MAIL", "RCPT", "DATA"].repeat(3));
    }
}

#[tokio::test]
async fn a_refused_recipient_harms_no_other() {
    for offers in [LOCK_STEP, PIPELINING] {
        let conduct = Conduct::offering(offers)
            .saying("RCPT", "550 5.1.1 nobody")
            .saying("RCPT", "250 2.1.5 Ok")
            .saying("RCPT", "452 4.2.2 full")
            .saying("RCPT", "250 2.1.5 Ok");
        let relay = Relay::start(conduct).await;
        let client = Client::of(&relay).to(&["a@example.net", "b@example.net", "c@example.net"]);
        let (fates, record) = delivered(&relay, &parcels(&client, 2)).await;
        let first = [Err((Stage::Rcpt, 550)), QUEUED, Err((Stage::Rcpt, 452))];
        assert_eq!(fates, [first, [QUEUED; 3]]);
        assert_eq!(record.mails.len(), 2);
    }
}

#[tokio::test]
async fn many_recipients_do_not_choke_a_relay() {
    let relay = Relay::start(Conduct::offering(PIPELINING)).await;
    let names: Vec<String> = (0..2000).map(|n| format!("r{n}@example.net")).collect();
    let to: Vec<&str> = names.iter().map(String::as_str).collect();
    let client = Client::of(&relay).to(&to);
    let (fates, record) = delivered(&relay, &parcels(&client, 2)).await;
    assert_eq!(fates, vec![vec![QUEUED; 2000]; 2]);
    assert_eq!(record.grouped, 1);
}
