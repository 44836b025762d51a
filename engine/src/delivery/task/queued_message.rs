//! A message in the local queue, with its leases and the bytes to send.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::mail::dsn::MessageDsn;
use domain::outbox::{RecipientState, RelayChoice, ReportCause, WantedReports};
use domain::webhook::WebhookEvent;
use domain::{EmailAddress, Timestamp};

use crate::delivery::leases::{LeaseGuard, LeasedRecipient};
use crate::delivery::limits::message_memory::{MemoryPermit, MessageMemory};
use crate::delivery::relay::quota::CountedMessage;
use crate::smtp::{Envelope, OutgoingMessage};
use crate::store::messages::flows::QueueClass;
use crate::store::messages::{self, StoredMessage};
use crate::store::recipients::{ClaimedRecipient, RecipientKey, SettledRecipient};
use crate::store::{Scope, Store, StoreError};

/// A message for the recipients that were leased together.
pub(in crate::delivery) struct QueuedMessage {
    pub id: String,
    /// Where it waits.
    pub class: QueueClass,
    /// In the envelope's order.
    pub recipients: Vec<ClaimedRecipient>,
    /// The relay that takes it, once it was chosen.
    pub choice: Option<Arc<RelayChoice>>,
    /// Where the messages of that relay are limited, its count of this one.
    pub counted: Option<Box<CountedMessage>>,
    /// `None` is the null sender.
    sender: Option<EmailAddress>,
    to: Vec<EmailAddress>,
    /// In octets.
    size: i64,
    /// The DSN parameters of the envelope that it was submitted with.
    dsn: Option<Arc<MessageDsn>>,
    outgoing: Option<Arc<OutgoingMessage>>,
    /// The leases of the recipients are renewed while these live.
    guards: Vec<LeaseGuard>,
    /// Its room in memory.
    permit: Option<MemoryPermit>,
}

/// Leased recipients, grouped by message.
pub(in crate::delivery) struct GroupedMessages {
    pub messages: Vec<QueuedMessage>,
    /// Recipients that failed without an attempt.
    pub unsendable: Vec<SettledRecipient>,
}

/// Groups leased recipients of a class by message, with the bytes that there is memory for. Those pinned to a
/// relay are in messages of their own. Recipients fail here whose address is suppressed, and those whose row or
/// message was changed in the database.
pub(in crate::delivery) fn group_by_message(
    class: &QueueClass,
    leased: Vec<LeasedRecipient>,
    stored: Vec<StoredMessage>,
    memory: &MessageMemory,
    now: Timestamp,
) -> GroupedMessages {
    let mut stored: HashMap<String, StoredMessage> = stored
        .into_iter()
        .map(|message| (message.id.clone(), message))
        .collect();
    let mut unsendable = Vec::new();
    let mut queued: Vec<QueuedMessage> = Vec::with_capacity(stored.len());
    for LeasedRecipient {
        mut recipient,
        guard,
    } in leased
    {
        let found = stored.get(&recipient.key.message_id);
        recipient.submitter = found.map(|found| found.submitter.clone());
        let position = recipient.key.position;
        let reports = found.map(|found| wanted_reports(found, position));
        recipient.reports = reports.unwrap_or_default();
        recipient.webhook = found.and_then(|found| found.webhook.clone());
        if let Some(reply) = &recipient.suppressed {
            let text = format!(
                "Not attempted: the address is on the suppression list. The reply was: {reply}"
            );
            unsendable.push(failed(&recipient, text, now));
            continue;
        }
        let address: Result<EmailAddress, _> = recipient.address.parse();
        let Ok(address) = address else {
            unsendable.push(failed(&recipient, "The address cannot be parsed.", now));
            continue;
        };
        let id = &recipient.key.message_id;
        let class = match &recipient.pinned_to {
            None => class.clone(),
            Some(relay) => class.pinned_to(relay),
        };
        let is_same = |message: &&mut QueuedMessage| message.id == *id && message.class == class;
        if let Some(message) = queued.last_mut().filter(is_same) {
            message.to.push(address);
            message.recipients.push(recipient);
            message.guards.push(guard);
            continue;
        }
        let Some((message, Ok(sender))) = found.map(|found| (found, parse_sender(&found.sender)))
        else {
            unsendable.push(failed(&recipient, "The message is no longer stored.", now));
            continue;
        };
        queued.push(QueuedMessage {
            id: id.clone(),
            class,
            recipients: vec![recipient],
            choice: None,
            counted: None,
            sender,
            to: vec![address],
            size: message.size,
            dsn: message.dsn.clone(),
            outgoing: None,
            guards: vec![guard],
            permit: None,
        });
    }
    // Now that the recipients of each message are complete.
    for message in &mut queued {
        let bytes = stored.remove(&message.id).and_then(|stored| stored.bytes);
        if let Some(bytes) = bytes
            && let Some(permit) = memory.try_small(bytes.len())
        {
            message.outgoing = Some(message.outgoing(bytes));
            message.permit = Some(permit);
        }
    }
    GroupedMessages {
        messages: queued,
        unsendable,
    }
}

/// Parses a stored sender, which is empty for the null sender.
fn parse_sender(stored: &str) -> Result<Option<EmailAddress>, &'static str> {
    match stored.is_empty() {
        true => Ok(None),
        false => stored.parse().map(Some),
    }
}

impl QueuedMessage {
    /// A message for these recipients, without bytes or leases.
    #[cfg(test)]
    pub fn of(recipients: Vec<ClaimedRecipient>) -> Self {
        Self {
            id: "message".to_owned(),
            class: QueueClass {
                queue: "global".into(),
                priority: domain::outbox::Priority::Normal,
            },
            recipients,
            choice: None,
            counted: None,
            sender: Some("alerts@example.org".parse().expect("an address")),
            to: Vec::new(),
            size: 0,
            dsn: None,
            outgoing: None,
            guards: Vec::new(),
            permit: None,
        }
    }

    /// The sender of the envelope; empty for the null sender.
    pub fn sender(&self) -> &str {
        self.sender.as_ref().map_or("", EmailAddress::as_str)
    }

    /// The keys of its recipients.
    pub fn keys(&self) -> impl Iterator<Item = RecipientKey> + '_ {
        self.recipients
            .iter()
            .map(|recipient| recipient.key.clone())
    }

    /// Splits off the recipients at these ascending positions, with their leases.
    pub fn take_recipients(&mut self, positions: &[usize]) -> Option<Self> {
        if positions.is_empty() {
            return None;
        }
        let mut rest = Self {
            class: self.class.clone(),
            id: self.id.clone(),
            recipients: take(&mut self.recipients, positions),
            choice: None,
            counted: None,
            sender: self.sender.clone(),
            to: take(&mut self.to, positions),
            size: self.size,
            dsn: self.dsn.clone(),
            outgoing: None,
            guards: take(&mut self.guards, positions),
            permit: self.permit.take(),
        };
        let outgoing = self.outgoing.take();
        rest.outgoing = outgoing.map(|outgoing| rest.outgoing(outgoing.message.clone()));
        Some(rest)
    }

    /// Whether all its leases began less than `lease` ago.
    pub fn is_leased(&self, lease: Duration) -> bool {
        self.guards.iter().all(|guard| guard.is_current(lease))
    }

    /// The message to send, where it is in memory.
    pub fn loaded(&self) -> Option<&Arc<OutgoingMessage>> {
        self.outgoing.as_ref()
    }

    /// The message to send, read from the database where it has to be; `None` where it is no longer
    /// there.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn load(
        &mut self,
        store: &Store,
        memory: &MessageMemory,
        relay: Scope,
    ) -> Result<Option<Arc<OutgoingMessage>>, StoreError> {
        if self.outgoing.is_none() {
            // Kept where the read fails: the holder of permits must never wait for more.
            if self.permit.is_none() {
                self.permit = memory.enter(relay, self.size).await;
            }
            let bytes = messages::body(&mut *store.read().await?, &self.id).await?;
            self.outgoing = bytes.map(|bytes| self.outgoing(bytes.into()));
        }
        Ok(self.outgoing.clone())
    }

    /// Gives up the room of a large message until its next turn: it is charged to the relay that it was for.
    pub fn unload(&mut self) {
        if matches!(self.permit, Some(MemoryPermit::Large(_))) {
            (self.outgoing, self.permit) = (None, None);
        }
    }

    fn outgoing(&self, message: Arc<[u8]>) -> Arc<OutgoingMessage> {
        let recipients = self.recipients.iter();
        let positions =
            recipients.map(|one| usize::try_from(one.key.position).unwrap_or(usize::MAX));
        let dsn = self.dsn.as_ref().map(|dsn| dsn.at_positions(positions));
        Arc::new(OutgoingMessage {
            envelope: Envelope {
                from: self.sender.clone(),
                to: self.to.clone(),
                dsn,
            },
            message,
        })
    }
}

/// Removes the items at these ascending positions.
fn take<T>(items: &mut Vec<T>, positions: &[usize]) -> Vec<T> {
    let mut at = 0..;
    let is_taken = |_: &mut T| {
        at.next()
            .is_some_and(|at| positions.binary_search(&at).is_ok())
    };
    items.extract_if(.., is_taken).collect()
}

/// The reports that the envelope of a message asks for about the recipient at a position.
fn wanted_reports(message: &StoredMessage, position: i64) -> WantedReports {
    match (&message.dsn, usize::try_from(position)) {
        (Some(dsn), Ok(position)) => WantedReports::of(dsn, position),
        _ => WantedReports::default(),
    }
}

/// A recipient that failed without an attempt.
pub(in crate::delivery) fn failed(
    recipient: &ClaimedRecipient,
    reply: impl Into<String>,
    now: Timestamp,
) -> SettledRecipient {
    let reply = reply.into();
    let report = match &recipient.suppressed {
        Some(listed) => recipient.report(ReportCause::Suppressed, listed, now),
        None => recipient.report(ReportCause::Unsendable, &reply, now),
    };
    SettledRecipient {
        key: recipient.key.clone(),
        state: RecipientState::Failed,
        due: None,
        attempts: recipient.attempts,
        settled: Some(now),
        relay: String::new(),
        choice: None,
        reply,
        took: Duration::ZERO,
        submitter: recipient.submitter.clone(),
        scope: None,
        report,
        event: recipient.event(WebhookEvent::MessageFailed),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const RELAY: Scope = Scope::Global;

    #[tokio::test]
    async fn large_messages_that_cannot_be_read_do_not_wait_for_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        let memory = MessageMemory::default();
        let size = 32 * 1024 * 1024;
        let mut messages = [large(size), large(size)];
        store.close().await;
        for _ in 0..2 {
            for message in &mut messages {
                let loaded = message.load(&store, &memory, RELAY).now_or_never();
                assert!(loaded.is_some_and(|loaded| loaded.is_err()), "it waits");
            }
        }
        let has_room = || memory.enter(RELAY, size).now_or_never().is_some();
        assert!(!has_room(), "they are the relay's share");
        drop(messages);
        assert!(has_room());
    }

    #[test]
    fn a_large_message_that_was_not_tried_is_read_again() {
        let memory = MessageMemory::default();
        let bytes = || Arc::from(&b"Subject: Fire\r\n\r\n"[..]);
        let mut small = large(20);
        small.outgoing = Some(small.outgoing(bytes()));
        small.permit = memory.try_small(20);
        small.unload();
        assert!(small.loaded().is_some() && small.permit.is_some());
        let mut message = large(1024 * 1024);
        message.outgoing = Some(message.outgoing(bytes()));
        let permit = memory.enter(RELAY, message.size).now_or_never();
        message.permit = permit.expect("room");
        message.unload();
        assert!(message.loaded().is_none() && message.permit.is_none());
    }

    fn large(size: i64) -> QueuedMessage {
        QueuedMessage {
            size,
            ..QueuedMessage::of(Vec::new())
        }
    }
}
