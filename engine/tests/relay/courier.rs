//! Several mails over one session, and what came of each.

use std::sync::Arc;

use domain::{Failure, Fault, Reply, Stage};
use engine::smtp::{BrokenSession, OutgoingMessage, RecipientResults, Session};

use crate::client::Client;
use crate::conduct::Conduct;
use crate::server::{Record, Relay};

/// One recipient's fate: the code of the relay's yes, or where it was refused and how.
pub type Fate = Result<u16, (Stage, Fault, Option<u16>)>;

pub const QUEUED: Fate = Ok(250);

pub fn refused(stage: Stage, code: u16) -> Fate {
    Err((stage, Fault::Rejected, Some(code)))
}

pub fn in_short(fates: RecipientResults) -> Vec<Fate> {
    let code = |reply: Reply| reply.code;
    let why = |failure: Failure| (failure.stage, failure.fault, failure.reply.map(code));
    let fate = |fate: Result<Reply, Failure>| fate.map(code).map_err(why);
    fates.into_iter().map(fate).collect()
}

/// Mails that differ in their subject.
pub fn messages(client: &Client, count: usize) -> Vec<Arc<OutgoingMessage>> {
    (0..count)
        .map(|n| {
            let mail = format!("Subject: {n}\r\n\r\nhello\r\n");
            client.clone().message(mail).outgoing()
        })
        .collect()
}

/// One after the other, each with the next one announced, until one breaks.
pub async fn deliver(
    session: &mut Session,
    mails: &[Arc<OutgoingMessage>],
) -> (Vec<Vec<Fate>>, Option<BrokenSession>) {
    let mut fates = Vec::new();
    for (n, mail) in mails.iter().enumerate() {
        match session.deliver(mail, mails.get(n + 1)).await {
            Ok(fate) => fates.push(in_short(fate)),
            Err(broken) => return (fates, Some(broken)),
        }
    }
    (fates, None)
}

/// All are delivered somehow, over one connection, and the relay is said goodbye to.
pub async fn delivered(
    relay: &Relay,
    client: &Client,
    mails: &[Arc<OutgoingMessage>],
) -> (Vec<Vec<Fate>>, Record) {
    let mut session = client.session().await;
    let (fates, broken) = deliver(&mut session, mails).await;
    assert!(broken.is_none(), "{broken:?}");
    assert!(session.is_ready());
    session.quit().await;
    let record = relay.record();
    assert_eq!(record.connections, 1);
    assert!(record.heard("QUIT"), "{:?}", record.lines);
    (fates, record)
}

/// So many mails to a relay of that conduct, each for one recipient.
pub async fn several(count: usize, conduct: Conduct) -> (Vec<Fate>, Record) {
    let relay = Relay::start(conduct).await;
    let client = Client::of(&relay);
    let (fates, record) = delivered(&relay, &client, &messages(&client, count)).await;
    (fates.concat(), record)
}

/// Two mails, of which one breaks the session: the fates before, and how it broke.
pub async fn broken(conduct: Conduct) -> (Vec<Fate>, BrokenSession, Record) {
    let relay = Relay::start(conduct).await;
    let client = Client::of(&relay);
    let mut session = client.session().await;
    let (fates, broken) = deliver(&mut session, &messages(&client, 2)).await;
    assert!(!session.is_ready());
    let broken = broken.expect("a broken session");
    (fates.concat(), broken, relay.record())
}
