//! The tables `message` and `message_body`: what was handed over, once.

use std::sync::Arc;

use super::rows::{blocks, in_order, insert, list};
use super::{Connection, StoreError};

/// A message without its bytes.
#[derive(Clone, Debug)]
pub struct Message {
    /// A ULID; its time is when the message was accepted.
    pub id: String,
    /// Who handed it over; empty for this machine.
    pub account: String,
    /// Of the envelope.
    pub sender: String,
    pub subject: String,
    /// The header field, with its angle brackets.
    pub message_id: String,
    /// In octets.
    pub size: i64,
}

/// Adds messages and their bytes.
pub async fn add<'a>(
    connection: &mut Connection,
    messages: &[(&'a Message, &'a [u8])],
) -> Result<(), StoreError> {
    for block in blocks(messages) {
        let columns = "id, account_id, sender, subject, message_id, size";
        let sql = insert("message", columns, block.places);
        let mut query = sqlx::query(in_order(connection, sql));
        for row in block.iter() {
            let message = row.map(|(message, _)| message);
            query = query
                .bind(message.map(|message| &message.id))
                .bind(message.map(|message| &message.account))
                .bind(message.map(|message| &message.sender))
                .bind(message.map(|message| &message.subject))
                .bind(message.map(|message| &message.message_id))
                .bind(message.map(|message| message.size));
        }
        query.execute(&mut *connection).await?;
        let sql = insert("message_body", "id, bytes", block.places);
        let mut query = sqlx::query(in_order(connection, sql));
        for row in block.iter() {
            query = query
                .bind(row.map(|(message, _)| &message.id))
                .bind(row.map(|(_, bytes)| *bytes));
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// The message of an id.
pub async fn by_id(connection: &mut Connection, id: &str) -> Result<Option<Message>, StoreError> {
    let row: Option<(String, String, String, String, String, i64)> = sqlx::query_as(
        "SELECT id, account_id, sender, subject, message_id, size FROM message WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(connection)
    .await?;
    Ok(
        row.map(|(id, account, sender, subject, message_id, size)| Message {
            id,
            account,
            sender,
            subject,
            message_id,
            size,
        }),
    )
}

/// The bytes of a message, while they are kept.
pub async fn body(connection: &mut Connection, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let row: Option<(Vec<u8>,)> = sqlx::query_as("SELECT bytes FROM message_body WHERE id = $1")
        .bind(id)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|(bytes,)| bytes))
}

/// Whether the bytes of a message are still kept.
pub async fn has_body(connection: &mut Connection, id: &str) -> Result<bool, StoreError> {
    let row: Option<(i64,)> =
        sqlx::query_as("SELECT CAST(1 AS BIGINT) FROM message_body WHERE id = $1")
            .bind(id)
            .fetch_optional(connection)
            .await?;
    Ok(row.is_some())
}

/// What delivery has to know of a message.
pub struct StoredMessage {
    pub id: String,
    /// Of the envelope.
    pub sender: String,
    /// In octets.
    pub size: i64,
    /// Of those that are not large.
    pub bytes: Option<Arc<[u8]>>,
}

/// The messages of these ids, with the bytes of those that have no more than `most`.
pub async fn load(
    connection: &mut Connection,
    ids: &[String],
    most: i64,
) -> Result<Vec<StoredMessage>, StoreError> {
    let mut found: Vec<(String, String, i64, Option<Vec<u8>>)> = Vec::with_capacity(ids.len());
    for block in blocks(ids) {
        let sql = format!(
            "SELECT m.id, m.sender, m.size, b.bytes FROM message m \
             LEFT JOIN message_body b ON b.id = m.id AND m.size <= $1 WHERE m.id IN ({})",
            list(1, block.places)
        );
        let mut query = sqlx::query_as(in_order(connection, sql)).bind(most);
        for id in block.iter() {
            query = query.bind(id);
        }
        found.extend(query.fetch_all(&mut *connection).await?);
    }
    let found = found.into_iter();
    Ok(found
        .map(|(id, sender, size, bytes)| StoredMessage {
            id,
            sender,
            size,
            bytes: bytes.map(Arc::from),
        })
        .collect())
}
