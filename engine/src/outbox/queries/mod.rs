//! Read queries on the outbox. Administrators see every message, other accounts their own.

mod failures;
pub(super) mod feed;
mod oldest;
pub(super) mod turns;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use domain::health::HealthState;
use domain::outbox::{
    BackoffView, Count, Cursor, DeliveryEvent, EventKind, MessageView, OutboxRows, Overview, Pause,
    RecipientState, RecipientView, RelayChoice, Search, UnavailableRelay, is_id,
};
use domain::{Failure, Fault, Kind, Refusal, Timestamp};

use super::relays::settings::{ConfiguredRelay, explain};
use super::relays::waiting::waits_for;
use super::{HEARTBEAT_TIMEOUT, MeterReading, Outbox};
use crate::Actor;
use crate::actor::{LOCAL_MAIL, OWN_MAIL};
use crate::audit::Action;
use crate::histogram::HistogramReading;
use crate::mail::{self, ParsedMessage};
use crate::store::delivery::events::{self, PositionedEvent};
use crate::store::delivery::{pause, workers};
use crate::store::messages::{self, MessageRow, flows, opens};
use crate::store::recipients::{self, Recipient, counts};
use crate::store::relays::health;
use crate::store::search::ListPage;
use crate::store::{Connection, StoreError, accounts, search};

/// The rows of a page.
const PAGE_ROWS: i64 = 50;

/// How long delivered and cancelled messages are counted in the overview.
pub(crate) const COUNTED: Duration = Duration::from_secs(24 * 3600);

/// The metrics of a process and of its database.
#[derive(Clone, Debug)]
pub struct MetricsSnapshot {
    /// Of this process.
    pub reading: MeterReading,
    /// Of the database.
    pub counts: Vec<Count>,
    /// The state of each relay of the organisation that is checked.
    pub relays: Vec<HealthState>,
    /// How long transactions of this process that write took.
    pub writes: HistogramReading,
    /// When they were read.
    pub now: Timestamp,
}

impl Outbox {
    /// Message counts, the pause, and the workers.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] where the database fails; [`Kind::Forbidden`] for a token that does not
    /// read.
    pub async fn overview(&self, actor: &Actor) -> Result<Overview, Refusal> {
        actor.reads()?;
        let now = self.clock.now();
        let mut connection = self.store.reporting().await?;
        let since = now - COUNTED;
        let counts = counts::by_state(&mut connection, only_of(actor), since).await?;
        let paused = pause::read(&mut connection).await?;
        let mut processes = workers::all(&mut connection, now - HEARTBEAT_TIMEOUT).await?;
        for worker in &mut processes.workers {
            // The relays of accounts are for the accounts.
            worker.backoffs.retain(|backoff| backoff.account.is_none());
        }
        let held_by = processes.holding.into_iter().next();
        let own = self.hold.as_ref().map(|hold| hold.host().to_owned());
        let pause = match (own.or(held_by), paused) {
            (Some(host), _) => Some(Pause {
                since: None,
                by: host,
            }),
            (None, Some(stamp)) => Some(Pause {
                since: Some(stamp.at),
                by: stamp.by,
            }),
            (None, None) => None,
        };
        let relays = self.relay_settings.read(&mut connection).await?;
        drop(connection);
        let suppression_limit = match actor.oversees() {
            true => {
                let addresses = relays.valid.iter().map(ConfiguredRelay::address);
                let addresses: Vec<String> = addresses.collect();
                self.reached_limit(&addresses).await?
            }
            false => None,
        };
        let mut overview = Overview {
            counts,
            pause,
            configured: relays.configured,
            workers: processes.workers,
            act: self.bulk_actions.current(now),
            suppression_limit,
        };
        Ok(match actor.oversees() {
            true => {
                explain(&mut overview.workers, &relays.valid);
                overview
            }
            false => without_names(overview),
        })
    }

    /// Whether any stored message was delivered.
    ///
    /// # Errors
    /// Where the database fails.
    pub(crate) async fn has_delivered(&self) -> Result<bool, StoreError> {
        let mut connection = self.store.reporting().await?;
        recipients::any_in(&mut connection, RecipientState::Delivered).await
    }

    /// The metrics, for administrators and for requests from this machine.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] without an actor, and [`Kind::Forbidden`] for other actors than
    /// administrators, where the request is not `local`.
    pub async fn metrics(
        &self,
        actor: Option<&Actor>,
        local: bool,
    ) -> Result<MetricsSnapshot, Refusal> {
        Actor::must_read_metrics(actor, local)?;
        let mut connection = self.store.metrics().await?;
        let day = self.clock.now() - COUNTED;
        let counts = counts::by_state(&mut connection, None, day).await?;
        let relays = health::of_organisation(&mut connection).await?;
        Ok(MetricsSnapshot {
            reading: self.meter.read(),
            counts,
            relays: relays.into_iter().map(|row| row.record.state).collect(),
            writes: self.store.write_times(),
            now: self.clock.now(),
        })
    }

    /// A page of the rows that match a search, newest first, behind a row.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] where the search takes longer than 2 s, or the database fails;
    /// [`Kind::TooMany`] while other searches of the account are running; [`Kind::Forbidden`] for a
    /// token that does not read.
    pub async fn page(
        &self,
        actor: &Actor,
        search: &Search,
        behind: Option<&Cursor>,
    ) -> Result<OutboxRows, Refusal> {
        actor.reads()?;
        let page = ListPage {
            account: only_of(actor).map(str::to_owned),
            search: search.clone(),
            behind: behind.cloned(),
            // One more shows whether there is another page.
            limit: PAGE_ROWS + 1,
        };
        let (store, now) = (self.store.clone(), self.clock.now());
        let mut lines = if page.is_scan() {
            let found = async move { search::rows(&mut store.search().await?, &page, now).await };
            self.searches.run(actor, found).await?
        } else {
            search::rows(&mut store.reporting().await?.into(), &page, now).await?
        };
        let more = lines.len() as i64 > PAGE_ROWS;
        lines.truncate(PAGE_ROWS as usize);
        let next = lines.last().filter(|_| more).map(|last| Cursor {
            id: last.id.clone(),
            position: last.position,
        });
        Ok(OutboxRows { lines, next })
    }

    /// A message, its recipients and their events.
    ///
    /// # Errors
    /// [`Kind::NotFound`] where there is none with this id that the actor may see;
    /// [`Kind::Forbidden`] for a token that does not read.
    pub async fn message(&self, actor: &Actor, id: &str) -> Result<MessageView, Refusal> {
        actor.reads()?;
        let mut connection = self.store.reporting().await?;
        let message = visible(&mut connection, actor, id).await?;
        let now = self.clock.now();
        // In this order no recipient is in a state whose event is missing.
        let recipients = recipients::of_message(&mut connection, &message.id).await?;
        let events = events::of_message(&mut connection, &message.id).await?;
        // They are ordered by position.
        let by_position: HashMap<i64, &[PositionedEvent]> = events
            .chunk_by(|one, next| one.position == next.position)
            .map(|own| (own[0].position, own))
            .collect();
        let of_recipient = |position: i64| {
            let own = by_position.get(&position).copied().unwrap_or_default();
            own.iter().map(|own| &own.event)
        };
        let recipients: Vec<RecipientView> = recipients
            .into_iter()
            .map(|row| {
                let own = of_recipient(row.position).map(|event| match actor.oversees() {
                    true => event.clone(),
                    false => without_person(event.clone()),
                });
                recipient_view(row, own, actor.oversees(), now)
            })
            .collect();
        let waiting = recipients
            .iter()
            .filter(|row| !row.leased && row.due.is_some());
        let is_due = |row: &RecipientView| row.due.is_some_and(|due| due <= now);
        let due = waiting.clone().any(is_due);
        // These are due a little later, again and again, while their relay takes none.
        let pinned_to = waiting.filter_map(|row| events::last_arrival(of_recipient(row.position)));
        let pinned_to: BTreeSet<&str> = pinned_to.collect();
        let mut waits_for = match due || !pinned_to.is_empty() {
            true => waits_for(&mut connection, &message.id, due, &pinned_to, now).await?,
            false => Vec::new(),
        };
        let submitted = actor.account().is_some_and(|own| own.id == message.account);
        let is_hidden = |relay: &&mut UnavailableRelay| !(relay.own && submitted);
        let hidden = waits_for.iter_mut().filter(is_hidden);
        for relay in hidden.filter(|_| !actor.oversees()) {
            relay.name.clear();
            remove_names(&mut relay.backoff);
        }
        let confidential = message.account == OWN_MAIL;
        let by = match message.account.as_str() {
            OWN_MAIL => Some(Actor::postern().name().to_owned()),
            LOCAL_MAIL => Some(LOCAL_MAIL.to_owned()),
            account => accounts::by_id(&mut connection, account)
                .await?
                .map(|account| account.email),
        };
        let priority = flows::priority_of_message(&mut connection, &message.id).await?;
        let opens = opens::of_message(&mut connection, &message.id).await?;
        Ok(MessageView {
            accepted: search::accepted(&message.id),
            kept: messages::has_body(&mut connection, &message.id).await?,
            confidential,
            by: by.unwrap_or_default(),
            id: message.id,
            from: messages::shown_sender(message.sender),
            subject: message.subject,
            priority: priority.unwrap_or_default(),
            message_id: message.message_id,
            size: message.size,
            recipients,
            waits_for,
            opens,
        })
    }

    /// The bytes of a message as they are sent, for administrators. Reading the mail of another account
    /// is recorded in the audit log.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for other actors, and for mail of Postern itself, whose links would let
    /// administrators set the passwords of others; [`Kind::NotFound`] where they are not kept.
    pub async fn message_bytes(&self, actor: &Actor, id: &str) -> Result<Vec<u8>, Refusal> {
        let read = async {
            let mut connection = self.store.reporting().await?;
            let message = visible(&mut connection, actor, id).await?;
            if message.account == OWN_MAIL {
                let text = "The content of mail about accounts is shown to nobody: it may have a \
                            link that sets a password.";
                return Err(Refusal::new(Kind::Forbidden, text));
            }
            let bytes = messages::body(&mut connection, &message.id).await?;
            let bytes = bytes.ok_or_else(|| {
                let text = "The message itself is no longer stored; its delivery events still are.";
                Refusal::new(Kind::NotFound, text)
            })?;
            if actor.account().is_none_or(|own| own.id != message.account) {
                self.audit
                    .record_alone(actor, Action::ReadMail, message.id)
                    .await?;
            }
            Ok(bytes)
        };
        self.audit.administer(actor, Action::ReadMail, read).await
    }

    /// A message, parsed for reading, for administrators.
    ///
    /// # Errors
    /// As [`Outbox::message_bytes`].
    pub async fn parsed_message(&self, actor: &Actor, id: &str) -> Result<ParsedMessage, Refusal> {
        let bytes = self.message_bytes(actor, id).await?;
        Ok(mail::parse(&bytes))
    }
}

/// The overview for other accounts than administrators: without hosts, relays, people and replies.
fn without_names(mut overview: Overview) -> Overview {
    overview.act = None;
    overview.suppression_limit = None;
    if let Some(pause) = &mut overview.pause {
        pause.by.clear();
    }
    for worker in &mut overview.workers {
        worker.host.clear();
        worker.backoffs.iter_mut().for_each(remove_names);
    }
    overview
}

/// A backoff for other accounts than administrators: without the relay and its reply.
fn remove_names(backoff: &mut BackoffView) {
    backoff.relay.clear();
    backoff.id = None;
    backoff.name = None;
    backoff.cause = None;
    backoff.failure = Failure::new(backoff.failure.stage, Fault::Rejected, "");
}

/// An event for other accounts than administrators: acts name no person, and attempts no relay but the
/// own one.
fn without_person(mut event: DeliveryEvent) -> DeliveryEvent {
    event.choice = event.choice.map(RelayChoice::for_account);
    if event.kind.is_act() {
        "an administrator".clone_into(&mut event.by);
    }
    event
}

/// The account whose messages an actor sees; `None` for administrators, who see all.
pub(super) fn only_of(actor: &Actor) -> Option<&str> {
    match actor.oversees() {
        true => None,
        false => Some(actor.account().map_or("", |account| &account.id)),
    }
}

/// A message that the actor may see.
pub(super) async fn visible(
    connection: &mut Connection,
    actor: &Actor,
    id: &str,
) -> Result<MessageRow, Refusal> {
    let found = match is_id(id) {
        true => messages::by_id(connection, &id.to_ascii_uppercase()).await?,
        false => None,
    };
    found
        .filter(|message| only_of(actor).is_none_or(|account| account == message.account))
        .ok_or_else(|| {
            let text = "No message has this id, or it is no longer stored.";
            Refusal::of(Kind::NotFound, "id", text)
        })
}

fn recipient_view(
    row: Recipient,
    events: impl Iterator<Item = DeliveryEvent>,
    oversees: bool,
    now: Timestamp,
) -> RecipientView {
    let leased = recipients::is_leased(row.owner.as_deref(), row.due, now);
    let mut timeline: Vec<DeliveryEvent> = events.collect();
    timeline.sort_by_key(|event| (event.at, event.kind == EventKind::Reported));
    let mut results = timeline.iter().rev();
    let last = results.find(|event| event.kind != EventKind::Reported);
    let last = last.map(|last| last.kind);
    let kind = match row.state {
        RecipientState::Delivered => Some(EventKind::Delivered),
        // Failed without an attempt: only the row holds the reply.
        RecipientState::Failed if last != Some(EventKind::Failed) => Some(EventKind::Failed),
        _ => None,
    };
    if let (Some(kind), Some(at)) = (kind, row.settled) {
        let result = DeliveryEvent {
            at,
            kind,
            by: row.relay.unwrap_or_default(),
            choice: match oversees {
                true => row.choice,
                false => row.choice.map(RelayChoice::for_account),
            },
            reply: row.reply.unwrap_or_default(),
            took: row.took.filter(|_| kind == EventKind::Delivered),
            may_have_arrived: false,
        };
        // In front of the report of it, which the same commit wrote.
        let is_before = |event: &DeliveryEvent| event.kind != EventKind::Reported || event.at < at;
        let before = timeline.iter().rposition(is_before);
        timeline.insert(before.map_or(0, |last| last + 1), result);
    }
    RecipientView {
        position: row.position,
        address: row.address,
        state: row.state,
        leased,
        attempts: row.attempts,
        due: row.due.filter(|_| !leased),
        timeline,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_follows_the_result_that_it_is_about() {
        use EventKind::{Deferred, Delivered, Failed, Reported};
        let event = |at: i64, kind| DeliveryEvent {
            at: Timestamp(at),
            kind,
            by: String::new(),
            choice: None,
            reply: String::new(),
            took: None,
            may_have_arrived: false,
        };
        let row = |state| Recipient {
            position: 0,
            address: "desk@example.net".to_owned(),
            state,
            due: None,
            owner: None,
            attempts: 1,
            settled: Some(Timestamp(5)),
            relay: None,
            reply: None,
            took: None,
            choice: None,
        };
        for (state, events, shown) in [
            (
                RecipientState::Failed,
                &[(5, Reported), (5, Failed)][..],
                &[Failed, Reported][..],
            ),
            (
                RecipientState::Failed,
                &[(6, Reported)],
                &[Failed, Reported],
            ),
            (
                RecipientState::Delivered,
                &[(1, Deferred), (2, Reported), (5, Reported)],
                &[Deferred, Reported, Delivered, Reported],
            ),
            (RecipientState::Delivered, &[], &[Delivered]),
        ] {
            let events = events.iter().map(|(at, kind)| event(*at, *kind));
            let view = recipient_view(row(state), events, true, Timestamp(9));
            let kinds: Vec<EventKind> = view.timeline.iter().map(|event| event.kind).collect();
            assert_eq!(kinds, shown, "{state:?}");
        }
    }
}
