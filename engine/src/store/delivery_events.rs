//! The table `delivery_event`: failed attempts and acts of people, append-only.

use domain::Timestamp;
use domain::outbox::{DeliveryEvent, EventKind};

use super::rows::{blocks, in_order, insert};
use super::{Connection, StoreError};

/// Something that happened to a message for one recipient.
#[derive(Clone, Debug)]
pub struct Entry {
    pub message: String,
    pub position: i64,
    pub event: DeliveryEvent,
}

/// Adds rows.
pub async fn add(connection: &mut Connection, entries: &[Entry]) -> Result<(), StoreError> {
    for block in blocks(entries) {
        let columns = "message_id, position, at, kind, actor, reply, duration_ms, may_have_arrived";
        let sql = insert("delivery_event", columns, block.places);
        let mut query = sqlx::query(in_order(connection, sql));
        for entry in block.iter() {
            let event = entry.map(|entry| &entry.event);
            query = query
                .bind(entry.map(|entry| &entry.message))
                .bind(entry.map(|entry| entry.position))
                .bind(event.map(|event| event.at.0))
                .bind(event.map(|event| event.kind.as_str()))
                .bind(event.map(|event| &event.by))
                .bind(event.map(|event| &event.reply))
                .bind(event.and_then(|event| event.took))
                .bind(event.map(|event| i64::from(event.may_have_arrived)));
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

type Row = (i64, i64, String, String, String, Option<i64>, i64);

/// What happened to a message, with the position of the recipient, oldest first.
pub async fn of_message(
    connection: &mut Connection,
    message: &str,
) -> Result<Vec<(i64, DeliveryEvent)>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT position, at, kind, actor, reply, duration_ms, may_have_arrived FROM delivery_event \
         WHERE message_id = $1 ORDER BY position, at",
    )
    .bind(message)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(position, at, kind, by, reply, took, doubtful)| {
            let kind = kind
                .parse::<EventKind>()
                .map_err(|_| sqlx::Error::Decode("an unknown event".into()))?;
            Ok((
                position,
                DeliveryEvent {
                    at: Timestamp(at),
                    kind,
                    by,
                    reply,
                    took,
                    may_have_arrived: doubtful != 0,
                },
            ))
        })
        .collect()
}
