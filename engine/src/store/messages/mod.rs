//! The tables `message` and `message_body`: each submitted message, once.

pub mod flows;
pub mod idempotency;
pub mod opens;
pub mod retention;

use std::collections::HashMap;
use std::sync::Arc;

use domain::mail::dsn::MessageDsn;
use rusqlite::params;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::database::direct::DirectTransaction;
use super::database::fold::folded;
use super::database::rows::{blocks, in_order, insert, list};
use super::{Connection, StoreError};

/// A message without its bytes.
#[derive(Clone, Debug)]
pub struct MessageRow {
    /// The id, a ULID whose time is that of the acceptance.
    pub id: String,
    /// The account that submitted the message; empty for this machine.
    pub account: String,
    /// The id of the API token that the message was submitted with.
    pub token: Option<String>,
    /// The sender of the envelope; empty for the null sender.
    pub sender: String,
    pub subject: String,
    /// The header field Message-ID, with its angle brackets.
    pub message_id: String,
    /// The size in octets.
    pub size: i64,
    /// The DSN parameters of its envelope, as [`MessageDsn::to_json`]; `None` where no report is
    /// sent.
    pub dsn: Option<String>,
    /// The id of the webhook that gets the events of the message.
    pub webhook: Option<String>,
}

/// A stored sender as pages and interfaces show it: the null sender as `<>`.
pub fn shown_sender(stored: String) -> String {
    match stored.is_empty() {
        true => "<>".to_owned(),
        false => stored,
    }
}

impl FromRow<'_, AnyRow> for MessageRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            account: row.try_get(1)?,
            token: row.try_get(2)?,
            sender: row.try_get(3)?,
            subject: row.try_get(4)?,
            message_id: row.try_get(5)?,
            size: row.try_get(6)?,
            dsn: row.try_get(7)?,
            webhook: row.try_get(8)?,
        })
    }
}

/// Inserts messages and their bytes.
///
/// # Errors
/// Where the database fails.
pub async fn add<'a>(
    connection: &mut Connection,
    messages: &[(&'a MessageRow, &'a [u8])],
) -> Result<(), StoreError> {
    for block in blocks(messages) {
        let columns = "id, account_id, token_id, sender, subject, subject_folded, message_id, \
                       size, dsn, webhook_id";
        let sql = insert("message", columns, block.places);
        let mut query = sqlx::query(in_order(connection, sql));
        for row in block.iter() {
            let message = row.map(|(message, _)| message);
            query = query
                .bind(message.map(|message| &message.id))
                .bind(message.map(|message| &message.account))
                .bind(message.and_then(|message| message.token.as_ref()))
                .bind(message.map(|message| &message.sender))
                .bind(message.map(|message| &message.subject))
                .bind(message.and_then(|message| folded(&message.subject)))
                .bind(message.map(|message| &message.message_id))
                .bind(message.map(|message| message.size))
                .bind(message.and_then(|message| message.dsn.as_ref()))
                .bind(message.and_then(|message| message.webhook.as_ref()));
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

/// Like [`add`], for one message in a direct transaction.
///
/// # Errors
/// Where the database fails.
pub fn add_directly(
    work: &DirectTransaction<'_>,
    message: &MessageRow,
    bytes: &[u8],
) -> Result<(), StoreError> {
    work.execute(
        "INSERT INTO message \
         (id, account_id, token_id, sender, subject, subject_folded, message_id, size, dsn, \
         webhook_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            message.id,
            message.account,
            message.token,
            message.sender,
            message.subject,
            folded(&message.subject),
            message.message_id,
            message.size,
            message.dsn,
            message.webhook,
        ],
    )?;
    work.execute(
        "INSERT INTO message_body (id, bytes) VALUES (?, ?)",
        params![message.id, bytes],
    )?;
    Ok(())
}

/// The message with an id.
///
/// # Errors
/// Where the database fails.
pub async fn by_id(
    connection: &mut Connection,
    id: &str,
) -> Result<Option<MessageRow>, StoreError> {
    let query = sqlx::query_as(
        "SELECT id, account_id, token_id, sender, subject, message_id, size, dsn, webhook_id \
         FROM message WHERE id = $1",
    );
    Ok(query.bind(id).fetch_optional(connection).await?)
}

/// Whether an account submitted any message that is stored.
///
/// # Errors
/// Where the database fails.
pub async fn has_account(connection: &mut Connection, account: &str) -> Result<bool, StoreError> {
    let query = sqlx::query("SELECT id FROM message WHERE account_id = $1 LIMIT 1").bind(account);
    Ok(query.fetch_optional(connection).await?.is_some())
}

/// The bytes of a message, while they are kept.
///
/// # Errors
/// Where the database fails.
pub async fn body(connection: &mut Connection, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let row: Option<(Vec<u8>,)> = sqlx::query_as("SELECT bytes FROM message_body WHERE id = $1")
        .bind(id)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|(bytes,)| bytes))
}

/// The first 64 KiB of a message, while its bytes are kept: enough for its header.
///
/// # Errors
/// Where the database fails.
pub async fn beginning(
    connection: &mut Connection,
    id: &str,
) -> Result<Option<Vec<u8>>, StoreError> {
    let row: Option<(Vec<u8>,)> =
        sqlx::query_as("SELECT substr(bytes, 1, 65536) FROM message_body WHERE id = $1")
            .bind(id)
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(bytes,)| bytes))
}

/// Finds messages between two ids with recipients that wait, and whose envelope asks for reports of delays.
const WAITING_WITH_DELAYS: &str = "SELECT id FROM message WHERE id > $1 AND id < $2 AND dsn LIKE '%DELAY%' AND EXISTS \
     (SELECT 1 FROM recipient WHERE message_id = message.id AND due_at IS NOT NULL) \
     ORDER BY id LIMIT $3";

/// The first `limit` ids behind `from` and before `to` of messages with recipients that wait, and whose
/// envelope asks for reports of delays.
///
/// # Errors
/// Where the database fails.
pub async fn waiting_with_delays(
    connection: &mut Connection,
    from: &str,
    to: &str,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let query = sqlx::query_scalar(WAITING_WITH_DELAYS);
    let query = query.bind(from).bind(to).bind(limit);
    Ok(query.fetch_all(connection).await?)
}

/// Whether the bytes of a message are kept.
///
/// # Errors
/// Where the database fails.
pub async fn has_body(connection: &mut Connection, id: &str) -> Result<bool, StoreError> {
    let row: Option<(i64,)> =
        sqlx::query_as("SELECT CAST(1 AS BIGINT) FROM message_body WHERE id = $1")
            .bind(id)
            .fetch_optional(connection)
            .await?;
    Ok(row.is_some())
}

/// The account and token that submitted a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitter {
    /// The id of the account; empty for this machine.
    pub account: String,
    /// The id of the API token; `None` without one.
    pub token: Option<String>,
}

/// The part of a message that delivery needs.
pub struct StoredMessage {
    pub id: String,
    pub submitter: Arc<Submitter>,
    /// The sender of the envelope; empty for the null sender.
    pub sender: String,
    /// The size in octets.
    pub size: i64,
    /// The bytes of the message; `None` for large messages.
    pub bytes: Option<Arc<[u8]>>,
    /// The DSN parameters of its envelope; `None` where it has none.
    pub dsn: Option<Arc<MessageDsn>>,
    /// The id of the webhook that gets the events of the message.
    pub webhook: Option<Arc<str>>,
}

/// The DSN parameters of an envelope, from their stored form.
pub fn parse_dsn(stored: Option<&str>) -> Option<Arc<MessageDsn>> {
    stored.and_then(MessageDsn::from_json).map(Arc::new)
}

impl FromRow<'_, AnyRow> for StoredMessage {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let bytes: Option<Vec<u8>> = row.try_get(3)?;
        let webhook: Option<String> = row.try_get(7)?;
        Ok(Self {
            id: row.try_get(0)?,
            submitter: Arc::new(Submitter {
                account: row.try_get(4)?,
                token: row.try_get(5)?,
            }),
            sender: row.try_get(1)?,
            size: row.try_get(2)?,
            bytes: bytes.map(Arc::from),
            dsn: parse_dsn(row.try_get::<Option<String>, _>(6)?.as_deref()),
            webhook: webhook.map(Arc::from),
        })
    }
}

/// The messages with these ids, with their bytes where they have at most `max_size` octets.
///
/// # Errors
/// Where the database fails.
pub async fn load(
    connection: &mut Connection,
    ids: &[String],
    max_size: i64,
) -> Result<Vec<StoredMessage>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for block in blocks(ids) {
        let sql = format!(
            "SELECT m.id, m.sender, m.size, b.bytes, m.account_id, m.token_id, m.dsn, \
             m.webhook_id FROM message m \
             LEFT JOIN message_body b ON b.id = m.id AND m.size <= $1 WHERE m.id IN ({})",
            list(1, block.places)
        );
        let mut query = sqlx::query_as(in_order(connection, sql)).bind(max_size);
        for id in block.iter() {
            query = query.bind(id);
        }
        found.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(found)
}

/// The header fields Message-ID of the messages with these ids, by id.
///
/// # Errors
/// Where the database fails.
pub async fn message_ids(
    connection: &mut Connection,
    ids: &[&str],
) -> Result<HashMap<String, String>, StoreError> {
    let mut found = HashMap::with_capacity(ids.len());
    for block in blocks(ids) {
        let places = list(0, block.places);
        let sql = format!("SELECT id, message_id FROM message WHERE id IN ({places})");
        let mut query = sqlx::query_as(in_order(connection, sql));
        for id in block.iter() {
            query = query.bind(id.copied());
        }
        let rows: Vec<(String, String)> = query.fetch_all(&mut *connection).await?;
        found.extend(rows);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::query_plan::query_plan;

    #[tokio::test]
    async fn delays_are_looked_for_in_a_range_of_ids() {
        let plan = query_plan(WAITING_WITH_DELAYS).await.join("; ");
        assert!(plan.contains("(id>? AND id<?)"), "{plan}");
        assert!(plan.contains("(message_id=?"), "{plan}");
        assert!(!plan.contains("SCAN"), "{plan}");
    }
}
