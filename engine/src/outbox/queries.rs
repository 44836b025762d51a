//! What people see of the outbox: administrators all of it, everybody else what is theirs.

use domain::outbox::{
    Count, Cursor, DeliveryEvent, EventKind, MessageView, OutboxRows, Overview, Pause,
    RecipientState, RecipientView, Search, Suppression, is_id,
};
use domain::{Failure, Fault, Kind, Refusal, Timestamp};

use super::{HEARTBEAT_TIMEOUT, MeterReading};
use crate::audit::Action;
use crate::mail::{Letter, read_back};
use crate::store::messages::{self, Message};
use crate::store::recipients::{self, Recipient};
use crate::store::{
    Connection, Scope, accounts, delivery_events, information, pause, search, suppressions, workers,
};
use crate::{Actor, Postern};

/// The lines of a page.
const LINES: i64 = 50;

/// The most addresses that are listed at once.
const ADDRESSES: i64 = 200;

/// What was settled counts at a glance for so long, in milliseconds.
const DAY: i64 = 24 * 3600 * 1000;

impl Postern {
    /// The outbox at a glance.
    pub async fn outbox_overview(&self, actor: &Actor) -> Result<Overview, Refusal> {
        let now = self.now();
        let mut connection = self.store().reporting().await?;
        let day = Timestamp(now.0 - DAY);
        let counts = search::counts(&mut connection, only_of(actor), day).await?;
        let switch = pause::read(&mut connection).await?;
        let pause = match switch {
            _ if self.outbox().hold_mail => Some(Pause {
                since: None,
                by: String::new(),
            }),
            Some(stamp) => Some(Pause {
                since: Some(stamp.at),
                by: stamp.by,
            }),
            None => None,
        };
        let saved = information::read(&mut connection, Scope::Global).await?;
        let overview = Overview {
            counts,
            pause,
            configured: saved.is_some(),
            workers: workers::all(&mut connection, now.0 - HEARTBEAT_TIMEOUT).await?,
        };
        Ok(match actor.administers() {
            Ok(()) => overview,
            Err(_) => without_names(overview),
        })
    }

    /// What a monitor scrapes: for administrators, and for whoever asks from this very machine.
    pub async fn metrics(
        &self,
        actor: Option<&Actor>,
        here: bool,
    ) -> Result<MetricsSnapshot, Refusal> {
        if !here {
            let nobody = || {
                let text = "Send an administrator's token as “Authorization: Bearer postern_…”, or ask from this machine.";
                Refusal::new(Kind::Unauthenticated, text)
            };
            actor.ok_or_else(nobody)?.administers()?;
        }
        let mut connection = self.store().reporting().await?;
        let day = Timestamp(self.now().0 - DAY);
        Ok(MetricsSnapshot {
            reading: self.meter().read(),
            counts: search::counts(&mut connection, None, day).await?,
            now: self.now(),
        })
    }

    /// A page of what is found, newest first, behind a place in the list.
    pub async fn outbox_page(
        &self,
        actor: &Actor,
        search: &Search,
        behind: Option<&Cursor>,
    ) -> Result<OutboxRows, Refusal> {
        let mut connection = self.store().reporting().await?;
        let wanted = (LINES + 1, self.now());
        let mut lines =
            search::lines(&mut connection, only_of(actor), search, behind, wanted).await?;
        let more = lines.len() as i64 > LINES;
        lines.truncate(LINES as usize);
        let next = lines.last().filter(|_| more).map(|last| Cursor {
            id: last.id.clone(),
            position: last.position,
        });
        Ok(OutboxRows { lines, next })
    }

    /// A message and all that happened to it.
    pub async fn message(&self, actor: &Actor, id: &str) -> Result<MessageView, Refusal> {
        let mut connection = self.store().reporting().await?;
        let message = visible(&mut connection, actor, id).await?;
        let now = self.now();
        // In this order nobody is in a state whose reason is not told.
        let recipients = recipients::of_message(&mut connection, &message.id).await?;
        let events = delivery_events::of_message(&mut connection, &message.id).await?;
        let recipients = recipients
            .into_iter()
            .map(|row| {
                let position = row.position;
                let own = events.iter().filter(move |(at, _)| *at == position);
                recipient(row, own.map(|(_, event)| event.clone()), now)
            })
            .collect();
        let by = accounts::by_id(&mut connection, &message.account).await?;
        Ok(MessageView {
            accepted: search::accepted(&message.id),
            kept: messages::has_body(&mut connection, &message.id).await?,
            by: by.map(|account| account.email).unwrap_or_default(),
            id: message.id,
            from: message.sender,
            subject: message.subject,
            message_id: message.message_id,
            size: message.size,
            recipients,
        })
    }

    /// The mail itself, for administrators: its bytes as they are sent.
    pub async fn message_bytes(&self, actor: &Actor, id: &str) -> Result<Vec<u8>, Refusal> {
        self.audit()
            .administer(actor, Action::ReadMail, async {
                let mut connection = self.store().reporting().await?;
                let message = visible(&mut connection, actor, id).await?;
                let bytes = messages::body(&mut connection, &message.id).await?;
                bytes.ok_or_else(|| {
                    let text =
                        "The mail itself is not kept any more; what happened to it still is.";
                    Refusal::new(Kind::NotFound, text)
                })
            })
            .await
    }

    /// The mail itself in words, for administrators.
    pub async fn letter(&self, actor: &Actor, id: &str) -> Result<Letter, Refusal> {
        let bytes = self.message_bytes(actor, id).await?;
        Ok(read_back(&bytes))
    }

    /// The addresses a relay said there are none that begin so, 200 at most, for administrators.
    pub async fn suppressions(
        &self,
        actor: &Actor,
        prefix: &str,
    ) -> Result<Vec<Suppression>, Refusal> {
        actor.administers()?;
        if prefix.chars().any(char::is_control) {
            return Ok(Vec::new());
        }
        let mut connection = self.store().reporting().await?;
        Ok(suppressions::beginning(&mut connection, prefix.trim(), ADDRESSES).await?)
    }
}

/// What those see who are no administrators: that mail waits, not on whom.
fn without_names(mut overview: Overview) -> Overview {
    if let Some(pause) = &mut overview.pause {
        pause.by.clear();
    }
    for worker in &mut overview.workers {
        worker.host.clear();
        if let Some(trouble) = &mut worker.trouble {
            trouble.relay.clear();
            trouble.failure = Failure::new(trouble.failure.stage, Fault::Rejected, "");
        }
    }
    overview
}

/// What a monitor is told.
#[derive(Clone, Debug)]
pub struct MetricsSnapshot {
    /// Of this process.
    pub reading: MeterReading,
    /// Of the database.
    pub counts: Vec<Count>,
    /// When that was so.
    pub now: Timestamp,
}

/// Whose mail somebody sees; everybody's for administrators.
fn only_of(actor: &Actor) -> Option<&str> {
    match actor.administers() {
        Ok(()) => None,
        Err(_) => Some(actor.account().map_or("", |account| &account.id)),
    }
}

/// A message, if it is one that the actor may see.
pub(super) async fn visible(
    connection: &mut Connection,
    actor: &Actor,
    id: &str,
) -> Result<Message, Refusal> {
    let found = match is_id(id) {
        true => messages::by_id(connection, &id.to_ascii_uppercase()).await?,
        false => None,
    };
    found
        .filter(|message| only_of(actor).is_none_or(|account| account == message.account))
        .ok_or_else(|| {
            let text = "No message has this id, or it is not kept any more.";
            Refusal::of(Kind::NotFound, "id", text)
        })
}

fn recipient(
    row: Recipient,
    events: impl Iterator<Item = DeliveryEvent>,
    now: Timestamp,
) -> RecipientView {
    let leased = row.owner.is_some() && row.due.is_some_and(|lease| lease > now.0);
    let mut timeline: Vec<DeliveryEvent> = events.collect();
    let last = timeline.last().map(|last| last.kind);
    let kind = match row.state {
        RecipientState::Delivered => Some(EventKind::Delivered),
        // Failed without an attempt: only the row holds the reply.
        RecipientState::Failed if last != Some(EventKind::Failed) => Some(EventKind::Failed),
        _ => None,
    };
    if let (Some(kind), Some(at)) = (kind, row.settled) {
        timeline.push(DeliveryEvent {
            at: Timestamp(at),
            kind,
            by: row.relay.unwrap_or_default(),
            reply: row.reply.unwrap_or_default(),
            took: row.took.filter(|_| kind == EventKind::Delivered),
            may_have_arrived: false,
        });
    }
    RecipientView {
        position: row.position,
        address: row.address,
        state: row.state,
        leased,
        attempts: row.attempts,
        due: row.due.filter(|_| !leased).map(Timestamp),
        timeline,
    }
}
