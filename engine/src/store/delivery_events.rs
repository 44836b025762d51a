//! The table `delivery_event`: failed attempts and acts of people, append-only.

use domain::Timestamp;
use domain::outbox::{DeliveryEvent, EventKind};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::recipients::RecipientKey;
use super::rows::{blocks, duration, in_order, insert, json, milliseconds, of_json};
use super::{Connection, StoreError};

/// An event of a recipient.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub key: RecipientKey,
    pub event: DeliveryEvent,
}

/// Inserts rows.
///
/// # Errors
/// Where the database fails.
pub async fn add(connection: &mut Connection, entries: &[NewEvent]) -> Result<(), StoreError> {
    for block in blocks(entries) {
        let columns = "message_id, position, at, kind, actor, reply, duration_ms, may_have_arrived, \
                       route";
        let sql = insert("delivery_event", columns, block.places);
        let mut query = sqlx::query(in_order(connection, sql));
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
                .bind(choice.map(json).transpose()?);
        }
        query.execute(&mut *connection).await?;
    }
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
