//! Delivering several messages over one session, and comparing their results.

use std::sync::Arc;

use domain::{Failure, Fault, Reply, Stage};
use engine::smtp::{BrokenSession, OutgoingMessage, RecipientResults, Session};

use crate::client::Client;
use testkit::{Record, Relay, RelayScript};

/// A recipient's result without texts: the code of the relay's acceptance, or the refusal.
pub type ShortResult = Result<u16, ShortFailure>;

/// A failure without texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortFailure {
    pub stage: Stage,
    pub fault: Fault,
    /// The code of the relay's reply, where there is one.
    pub code: Option<u16>,
}

pub const QUEUED: ShortResult = Ok(250);

pub fn refused(stage: Stage, code: u16) -> ShortResult {
    Err(ShortFailure {
        stage,
        fault: Fault::Rejected,
        code: Some(code),
    })
}

/// What the relay does not offer and the message needs.
pub fn not_offered(fault: Fault) -> ShortResult {
    Err(ShortFailure {
        stage: Stage::Mail,
        fault,
        code: None,
    })
}

pub fn in_short(results: RecipientResults) -> Vec<ShortResult> {
    let code = |reply: Reply| reply.code;
    let why = |failure: Failure| ShortFailure {
        stage: failure.stage,
        fault: failure.fault,
        code: failure.reply.map(code),
    };
    let short = |result: Result<Reply, Failure>| result.map(code).map_err(why);
    results.into_iter().map(short).collect()
}

/// Messages that differ in their subject.
pub fn messages(client: &Client, count: usize) -> Vec<Arc<OutgoingMessage>> {
    (0..count)
        .map(|n| {
            let mail = format!("Subject: {n}\r\n\r\nhello\r\n");
            client.clone().message(mail).outgoing()
        })
        .collect()
}

/// A mail of more than is written at once.
pub fn large_mail() -> String {
    let lines = format!("{}\r\n", "x".repeat(70)).repeat(4000);
    format!("Subject: Large\r\n\r\n{lines}")
}

/// Delivers one after the other, each with the next one pipelined, until the session breaks.
pub async fn deliver(
    session: &mut Session,
    mails: &[Arc<OutgoingMessage>],
) -> (Vec<Vec<ShortResult>>, Option<BrokenSession>) {
    let mut results = Vec::new();
    for (n, mail) in mails.iter().enumerate() {
        match session.deliver(mail, mails.get(n + 1)).await {
            Ok(result) => results.push(in_short(result)),
            Err(broken) => return (results, Some(broken)),
        }
    }
    (results, None)
}

/// Sends all behind each other in chunks, and waits for the results until the session breaks.
pub async fn send_ahead(
    session: &mut Session,
    mails: &[Arc<OutgoingMessage>],
) -> (Vec<Vec<ShortResult>>, Option<BrokenSession>) {
    let (mut results, mut sent) = (Vec::new(), 0);
    for mail in mails {
        match session.send_ahead(mail).await {
            Ok(None) => sent += 1,
            Ok(Some(result)) => results.push(in_short(result)),
            Err(broken) => return (results, Some(broken)),
        }
    }
    for _ in 0..sent {
        match session.next_result().await {
            Ok(result) => results.push(in_short(result)),
            Err(broken) => return (results, Some(broken)),
        }
    }
    (results, None)
}

/// Delivers all over one connection, which ends with QUIT.
pub async fn delivered(
    relay: &Relay,
    client: &Client,
    mails: &[Arc<OutgoingMessage>],
) -> (Vec<Vec<ShortResult>>, Record) {
    let mut session = client.session().await;
    let (results, broken) = deliver(&mut session, mails).await;
    assert!(broken.is_none(), "{broken:?}");
    assert!(session.is_ready());
    session.quit().await;
    let record = relay.record();
    assert_eq!(record.connections, 1);
    assert!(record.heard("QUIT"), "{:?}", record.lines);
    (results, record)
}

/// Delivers this number of messages, each for one recipient, to a relay with this script.
pub async fn several(count: usize, script: RelayScript) -> (Vec<ShortResult>, Record) {
    let relay = Relay::start(script);
    let client = Client::of(&relay);
    let (results, record) = delivered(&relay, &client, &messages(&client, count)).await;
    (results.concat(), record)
}

/// A session that broke.
pub struct BrokenDelivery {
    /// The results before it broke.
    pub results: Vec<ShortResult>,
    pub broken: BrokenSession,
    pub record: Record,
}

/// Delivers two messages, of which one breaks the session.
pub async fn broken(script: RelayScript) -> BrokenDelivery {
    let relay = Relay::start(script);
    let client = Client::of(&relay);
    let mut session = client.session().await;
    let (results, broken) = deliver(&mut session, &messages(&client, 2)).await;
    assert!(!session.is_ready());
    BrokenDelivery {
        results: results.concat(),
        broken: broken.expect("a broken session"),
        record: relay.record(),
    }
}
