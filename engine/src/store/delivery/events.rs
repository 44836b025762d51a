//! The table `delivery_event`: failed attempts and acts of people, append-only.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::Timestamp;
use domain::outbox::{DeliveryEvent, EventKind};
use domain::timestamp::milliseconds;
use rusqlite::params;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use crate::store::database::direct::DirectTransaction;
use crate::store::database::rows::{blocks, duration, in_order, json, of_json, values};
use crate::store::recipients::RecipientKey;
use crate::store::{Connection, StoreError};

/// An event of a recipient.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub key: RecipientKey,
    pub event: DeliveryEvent,
    /// Whether the message may have arrived, and was the first of its session without a reply.
    pub first_unanswered: bool,
}

/// The columns of an event.
const COLUMNS: &str = "message_id, position, at, kind, actor, reply, duration_ms, may_have_arrived, \
                       route, first_unanswered";

/// The time of an event whose message, position and time are in these columns or parameters: after those of
/// its recipient that are there, although the clock was set back since. Their order says what a person
/// released.
fn time_in_order([message, position, at]: [&str; 3]) -> String {
    format!(
        "COALESCE((SELECT MAX(at) + 1 FROM delivery_event \
         WHERE message_id = {message} AND position = {position} AND at > {at}), {at})"
    )
}

/// An INSERT of this number of rows.
fn insert_sql(places: usize) -> String {
    let at = time_in_order(["v.column1", "v.column2", "v.column3"]);
    format!(
        "INSERT INTO delivery_event ({COLUMNS}) \
         SELECT v.column1, v.column2, {at}, v.column4, v.column5, v.column6, v.column7, v.column8, \
         v.column9, v.column10 FROM (VALUES {}) AS v WHERE v.column1 IS NOT NULL",
        values(0, places, COLUMNS.split(',').count())
    )
}

/// Inserts rows. One is never before those of its recipient that are there.
///
/// # Errors
/// Where the database fails.
pub async fn add(connection: &mut Connection, entries: &[NewEvent]) -> Result<(), StoreError> {
    for block in blocks(entries) {
        let mut query = sqlx::query(in_order(connection, insert_sql(block.places)));
        for entry in block.iter() {
            let key = entry.map(|entry| &entry.key);
            let event = entry.map(|entry| &entry.event);
            let choice = event.and_then(|event| event.choice.as_ref());
            query = query
                .bind(key.map(|key| &key.message_id))
                .bind(key.map(|key| key.position))
                .bind(event.map(|event| event.at.0))
                .bind(event.map(|event| event.kind.as_str()))
                .bind(event.map(|event| &event.by))
                .bind(event.map(|event| &event.reply))
                .bind(event.and_then(|event| event.took).map(milliseconds))
                .bind(event.map(|event| i64::from(event.may_have_arrived)))
                .bind(choice.map(json).transpose()?)
                .bind(entry.map(|entry| i64::from(entry.first_unanswered)));
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Like [`add`], for one row in a direct transaction.
///
/// # Errors
/// Where the database fails.
pub fn add_directly(work: &DirectTransaction<'_>, entry: &NewEvent) -> Result<(), StoreError> {
    let event = &entry.event;
    let at = time_in_order(["?1", "?2", "?3"]);
    let sql = format!(
        "INSERT INTO delivery_event ({COLUMNS}) VALUES (?1, ?2, {at}, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
    );
    work.execute(
        &sql,
        params![
            entry.key.message_id,
            entry.key.position,
            event.at.0,
            event.kind.as_str(),
            event.by,
            event.reply,
            event.took.map(milliseconds),
            event.may_have_arrived,
            event.choice.as_ref().map(json).transpose()?,
            entry.first_unanswered,
        ],
    )?;
    Ok(())
}

/// An event, and the position of its recipient.
#[derive(Debug)]
pub struct PositionedEvent {
    pub position: i64,
    pub event: DeliveryEvent,
}

impl FromRow<'_, AnyRow> for PositionedEvent {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let kind: &str = row.try_get(2)?;
        let kind: EventKind = kind
            .parse()
            .map_err(|_| sqlx::Error::Decode(format!("unknown event {kind}").into()))?;
        Ok(Self {
            position: row.try_get(0)?,
            event: DeliveryEvent {
                at: Timestamp(row.try_get(1)?),
                kind,
                by: row.try_get(3)?,
                reply: row.try_get(4)?,
                took: row.try_get::<Option<i64>, _>(5)?.map(duration),
                may_have_arrived: row.try_get::<i64, _>(6)? != 0,
                choice: row
                    .try_get::<Option<&str>, _>(7)?
                    .map(of_json)
                    .transpose()?,
            },
        })
    }
}

/// The events of a message, oldest first for each recipient.
///
/// # Errors
/// Where the database fails, or holds an unknown kind.
pub async fn of_message(
    connection: &mut Connection,
    message_id: &str,
) -> Result<Vec<PositionedEvent>, StoreError> {
    let query = sqlx::query_as(
        "SELECT position, at, kind, actor, reply, duration_ms, may_have_arrived, route \
         FROM delivery_event WHERE message_id = $1 ORDER BY position, at",
    );
    Ok(query.bind(message_id).fetch_all(connection).await?)
}

/// The positions of the recipients of a message that were reported to its sender.
///
/// # Errors
/// Where the database fails.
pub async fn reported(
    connection: &mut Connection,
    message_id: &str,
) -> Result<HashSet<i64>, StoreError> {
    let rows: Vec<i64> = sqlx::query_scalar(
        "SELECT position FROM delivery_event WHERE message_id = $1 AND kind = $2",
    )
    .bind(message_id)
    .bind(EventKind::Reported.as_str())
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}

/// How often a message was the first of its session without a reply, by the position of its recipient.
/// Only events after the last request of a person to send the message count.
///
/// # Errors
/// Where the database fails.
pub async fn times_unanswered(
    connection: &mut Connection,
    message_id: &str,
) -> Result<HashMap<i64, i64>, StoreError> {
    let rows: Vec<UnansweredRow> = sqlx::query_as(
        "SELECT position, kind, first_unanswered FROM delivery_event WHERE message_id = $1 \
         ORDER BY position, at",
    )
    .bind(message_id)
    .fetch_all(connection)
    .await?;
    let mut times = HashMap::new();
    for row in rows {
        if row.restarts {
            times.remove(&row.position);
        }
        if row.first_unanswered {
            *times.entry(row.position).or_default() += 1;
        }
    }
    Ok(times)
}

/// The part of an event that [`times_unanswered`] needs.
struct UnansweredRow {
    position: i64,
    /// A person requested that the message be sent.
    restarts: bool,
    first_unanswered: bool,
}

/// The actions by which a person requested that the message be sent.
const RESTARTS: [EventKind; 3] = [EventKind::Retried, EventKind::Resent, EventKind::Released];

/// Whether the kind of an event is one of [`RESTARTS`].
fn is_restart(kind: &str) -> bool {
    RESTARTS.iter().any(|act| act.as_str() == kind)
}

impl FromRow<'_, AnyRow> for UnansweredRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            position: row.try_get(0)?,
            restarts: is_restart(row.try_get(1)?),
            first_unanswered: row.try_get::<Option<i64>, _>(2)? == Some(1),
        })
    }
}

/// The relay, by host and port, at which each of these recipients may have got its message: the last one
/// since a person had it sent. Recipients without one are left out.
///
/// # Errors
/// Where the database fails.
pub async fn may_have_arrived_at(
    connection: &mut Connection,
    recipients: &[&RecipientKey],
) -> Result<HashMap<RecipientKey, Arc<str>>, StoreError> {
    let mut relays = HashMap::new();
    for block in blocks(recipients) {
        let sql = arrivals_sql(block.places);
        let mut query = sqlx::query_as(in_order(connection, sql));
        for key in block.iter() {
            query = query
                .bind(key.map(|key| &key.message_id))
                .bind(key.map(|key| key.position));
        }
        let rows: Vec<ArrivalRow> = query.fetch_all(&mut *connection).await?;
        for row in rows {
            let relay = pinned_to(relays.remove(&row.key), row.restarts, row.relay);
            if let Some(relay) = relay {
                relays.insert(row.key, relay);
            }
        }
    }
    Ok(relays)
}

/// Like [`may_have_arrived_at`], for one recipient with these events, oldest first.
pub fn last_arrival<'a>(events: impl Iterator<Item = &'a DeliveryEvent>) -> Option<&'a str> {
    events.fold(None, |relay, event| {
        let arrived_at = event.may_have_arrived.then_some(&*event.by);
        pinned_to(relay, RESTARTS.contains(&event.kind), arrived_at)
    })
}

/// The relay that a recipient is pinned to after an event, where it was pinned to `relay` before.
fn pinned_to<R>(relay: Option<R>, restarts: bool, arrived_at: Option<R>) -> Option<R> {
    arrived_at.or(relay.filter(|_| !restarts))
}

/// The acts of [`RESTARTS`] and the events after which a message may have arrived, of so many recipients.
/// Each can have a hundred others. For an IN, SQLite would read the whole table.
fn arrivals_sql(recipients: usize) -> String {
    format!(
        "SELECT message_id, position, kind, actor, may_have_arrived \
         FROM (VALUES {}) AS v CROSS JOIN delivery_event \
         WHERE message_id = v.column1 AND position = v.column2 \
         AND (may_have_arrived = 1 OR kind IN ('{}')) ORDER BY at",
        values(0, recipients, 2),
        RESTARTS.map(EventKind::as_str).join("', '"),
    )
}

/// The part of an event that [`may_have_arrived_at`] needs.
struct ArrivalRow {
    key: RecipientKey,
    /// A person requested that the message be sent.
    restarts: bool,
    /// The relay at which the message may have arrived.
    relay: Option<Arc<str>>,
}

impl FromRow<'_, AnyRow> for ArrivalRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let relay: Arc<str> = row.try_get::<&str, _>(3)?.into();
        let may_have_arrived = row.try_get::<i64, _>(4)? != 0;
        Ok(Self {
            key: RecipientKey::from_row(row)?,
            restarts: is_restart(row.try_get(2)?),
            relay: may_have_arrived.then_some(relay),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::query_plan::query_plan;

    #[tokio::test]
    async fn the_events_before_one_are_found_by_their_index() {
        let plan = query_plan(&insert_sql(2)).await.join("; ");
        let index = "delivery_event_of_recipient (message_id=? AND position=? AND at>?)";
        assert!(plan.contains(index), "{plan}");
        assert!(!plan.contains("SCAN delivery_event"), "{plan}");
    }

    #[tokio::test]
    async fn events_of_recipients_are_read_by_their_index() {
        let plan = query_plan(&arrivals_sql(2)).await.join("; ");
        let index = "delivery_event_of_recipient (message_id=? AND position=?)";
        assert!(plan.contains(index), "{plan}");
        assert!(!plan.contains("SCAN delivery_event"), "{plan}");
    }
}
