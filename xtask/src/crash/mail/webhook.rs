//! The webhook that mails of a crash run name: its receiver, and the faults in its events.

use super::ledger::{Outcome, Submission, numbers};
use crate::rig::{
    http::{Client, expect},
    postern::{Plan, Postern},
    until,
};
use anyhow::{Context, Result};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use testkit::{ReceivedRequest, Receiver, pki::PrivateAuthority};

/// Limit for the events after the last crash. A process that is killed during an attempt keeps the lease of
/// the webhook for 60 s, and the events are sent one at a time.
const EVENTS_TIMEOUT: Duration = Duration::from_secs(240);

/// Pause between two reads of what was received.
const PAUSE: Duration = Duration::from_millis(100);

/// Of so many submissions some name the webhook.
const ENOUGH: usize = 1000;

/// The receiver of a webhook, over HTTPS as those of accounts are.
pub struct CrashWebhook {
    receiver: Receiver,
    /// The certificate of the authority that its own one is from, in PEM.
    authority: PathBuf,
    events: Arc<Mutex<Vec<ReceivedEvent>>>,
}

/// An event as it arrived, the same one perhaps more than once.
#[derive(Clone, Debug)]
struct ReceivedEvent {
    /// The value of `webhook-id`.
    id: String,
    kind: String,
    /// The address of the recipient.
    recipient: String,
}

impl ReceivedEvent {
    fn of(request: &ReceivedRequest) -> Self {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            id: request.header("webhook-id").unwrap_or_default().to_owned(),
            kind: text(&body["type"]),
            recipient: text(&body["data"]["recipient"]),
        }
    }
}

impl CrashWebhook {
    /// Starts the receiver, and writes the certificate of its authority to `folder`.
    pub fn start(folder: &Path) -> Result<Self> {
        let made = PrivateAuthority::new();
        let (tls, _) = made.issue(&["127.0.0.1"], 2020, 2999);
        let authority = folder.join("webhook-authority.pem");
        fs::write(&authority, made.pem())?;
        let events: Arc<Mutex<Vec<ReceivedEvent>>> = Arc::default();
        let list = Arc::clone(&events);
        let receiver = Receiver::start(tls, move |request| {
            list.lock().push(ReceivedEvent::of(request));
        })?;
        Ok(Self {
            receiver,
            authority,
            events,
        })
    }

    /// The plan of a node that connects to the receiver, although its address is not public, and trusts it.
    pub fn allowed_by(&self, plan: Plan) -> Plan {
        plan.variable("SSL_CERT_FILE", &self.authority.to_string_lossy())
            .variable("POSTERN_USER_RELAY_ALLOW", "127.0.0.1")
    }

    /// Adds the webhook to the account of a token, and returns its id.
    pub fn add_to(&self, node: &Postern, token: &str) -> Result<String> {
        let url = format!("https://{}/events", self.receiver.address);
        let mut client = Client::with_token(node.address, token)?;
        let added = client.post("/api/message-webhooks", "", &json!({ "url": url }))?;
        let added = expect(added, 200, "adding a webhook")?.json()?;
        let id = added["data"]["id"].as_str();
        Ok(id.context("a webhook without id")?.to_owned())
    }

    /// The number of requests so far.
    pub fn received(&self) -> usize {
        self.events().len()
    }

    /// Waits for the events of the acknowledged mails that name the webhook, and returns the faults.
    pub fn faults(&self, submissions: &[Submission]) -> Vec<String> {
        let is_complete = || without_event(submissions, &ids(&self.events())).is_empty();
        until(EVENTS_TIMEOUT, PAUSE, is_complete);
        faults(submissions, &self.events())
    }

    fn events(&self) -> Vec<ReceivedEvent> {
        self.events.lock().clone()
    }
}

/// The number of a mail, and the index of one of its recipients.
type RecipientNumbers = (u64, u64);

/// The ids of the events that report the delivery to each recipient.
fn ids(events: &[ReceivedEvent]) -> BTreeMap<RecipientNumbers, BTreeSet<&str>> {
    let mut ids: BTreeMap<RecipientNumbers, BTreeSet<&str>> = BTreeMap::new();
    let delivered = events
        .iter()
        .filter(|event| event.kind == "message.delivered");
    for event in delivered {
        if let Some(recipient) = numbers(&event.recipient) {
            ids.entry(recipient).or_default().insert(&event.id);
        }
    }
    ids
}

/// The recipients of acknowledged mails that name the webhook whose delivery no event reports.
fn without_event(
    submissions: &[Submission],
    ids: &BTreeMap<RecipientNumbers, BTreeSet<&str>>,
) -> Vec<RecipientNumbers> {
    let named = submissions
        .iter()
        .filter(|mail| mail.names_webhook && mail.id().is_some());
    let recipients =
        named.flat_map(|mail| (1..=mail.recipients).map(|recipient| (mail.number, recipient)));
    recipients
        .filter(|recipient| !ids.contains_key(recipient))
        .collect()
}

/// The faults in events: each delivery to a recipient of a mail that names the webhook is an event, which may
/// arrive again with its id, and no other mail has one.
fn faults(submissions: &[Submission], events: &[ReceivedEvent]) -> Vec<String> {
    let mut faults = Vec::new();
    let named: BTreeSet<u64> = submissions
        .iter()
        .filter(|mail| mail.names_webhook && mail.outcome != Outcome::Refused)
        .map(|mail| mail.number)
        .collect();
    if named.is_empty() && submissions.len() >= ENOUGH {
        faults.push("no mail named the webhook: lost events would go unnoticed".to_owned());
    }
    for event in events {
        let is_named = numbers(&event.recipient).is_some_and(|(mail, _)| named.contains(&mail));
        let is_known = ["message.delivered", "message.deferred"].contains(&&*event.kind);
        if !is_named || !is_known {
            let ReceivedEvent {
                id,
                kind,
                recipient,
            } = event;
            faults.push(format!(
                "the event {id}, {kind}, of {recipient} is of no mail"
            ));
        }
    }
    let ids = ids(events);
    for (mail, recipient) in without_event(submissions, &ids) {
        faults.push(format!(
            "recipient {recipient} of {mail} was delivered without an event"
        ));
    }
    for ((mail, recipient), events) in &ids {
        let number = events.len();
        if number > 1 {
            faults.push(format!(
                "the delivery to recipient {recipient} of {mail} is {number} events"
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(number: u64, names_webhook: bool, outcome: Outcome) -> Submission {
        Submission {
            number,
            recipients: 2,
            refused: 0,
            batch: number,
            names_webhook,
            outcome,
        }
    }

    fn event(id: &str, kind: &str, recipient: &str) -> ReceivedEvent {
        let body = json!({ "type": kind, "data": { "recipient": recipient } });
        ReceivedEvent::of(&ReceivedRequest {
            headers: vec![format!("Webhook-Id: {id}")],
            body: body.to_string().into_bytes(),
        })
    }

    fn delivered(id: &str, recipient: &str) -> ReceivedEvent {
        event(id, "message.delivered", recipient)
    }

    #[test]
    fn each_delivery_of_a_mail_that_names_the_webhook_is_one_event() {
        let mails = [
            mail(64, true, Outcome::Acknowledged("a".to_owned())),
            mail(65, false, Outcome::Acknowledged("b".to_owned())),
            mail(128, true, Outcome::Unknown),
        ];
        let first = || delivered("msg_1", "n64-1@example.net");
        let second = || delivered("msg_2", "n64-2@example.net");
        let expected: [(Vec<ReceivedEvent>, &[&str]); 6] = [
            // The same event may arrive again.
            (vec![first(), second(), first()], &[]),
            // A mail without a response may have been accepted.
            (
                vec![first(), second(), delivered("msg_3", "n128-1@example.net")],
                &[],
            ),
            (
                vec![first()],
                &["recipient 2 of 64 was delivered without an event"],
            ),
            (
                vec![
                    first(),
                    event("msg_2", "message.deferred", "n64-2@example.net"),
                ],
                &["recipient 2 of 64 was delivered without an event"],
            ),
            (
                vec![first(), second(), delivered("msg_9", "n64-1@example.net")],
                &["the delivery to recipient 1 of 64 is 2 events"],
            ),
            (
                vec![first(), second(), delivered("msg_3", "n65-1@example.net")],
                &["the event msg_3, message.delivered, of n65-1@example.net is of no mail"],
            ),
        ];
        for (events, faults_of) in expected {
            assert_eq!(faults(&mails, &events), faults_of, "{events:?}");
        }
        let unnamed = vec![mail(1, false, Outcome::Unknown); ENOUGH];
        assert_eq!(faults(&unnamed, &[]).len(), 1);
    }
}
