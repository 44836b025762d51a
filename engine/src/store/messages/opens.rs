//! The table `message_open`: messages whose opens are tracked, with times and number of loads.

use domain::Timestamp;
use domain::outbox::MessageOpens;
use rusqlite::params;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use crate::store::database::direct::DirectTransaction;
use crate::store::database::rows::{blocks, in_order, insert, list};
use crate::store::{Connection, StoreError};

/// A message to track.
#[derive(Clone, Copy, Debug)]
pub struct TrackedMessage<'a> {
    /// The id in the URL of the image.
    pub open_id: &'a str,
    pub message_id: &'a str,
}

/// Loads of an image that are not written yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewLoads {
    pub first: Timestamp,
    pub last: Timestamp,
    pub number: i64,
}

/// A row of opens, as read.
struct OpensRow(MessageOpens);

impl FromRow<'_, AnyRow> for OpensRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let first: Option<i64> = row.try_get(0)?;
        let last: Option<i64> = row.try_get(1)?;
        Ok(Self(MessageOpens {
            opens: row.try_get(2)?,
            first: first.map(Timestamp),
            last: last.map(Timestamp),
        }))
    }
}

/// Inserts messages, none of which was opened.
///
/// # Errors
/// Where the database fails.
pub async fn add(
    connection: &mut Connection,
    tracked: &[TrackedMessage<'_>],
) -> Result<(), StoreError> {
    for block in blocks(tracked) {
        let sql = insert("message_open", "id, message_id", block.places);
        let mut query = sqlx::query(in_order(connection, sql));
        for row in block.iter() {
            query = query
                .bind(row.map(|row| row.open_id))
                .bind(row.map(|row| row.message_id));
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
    tracked: TrackedMessage<'_>,
) -> Result<(), StoreError> {
    work.execute(
        "INSERT INTO message_open (id, message_id) VALUES (?, ?)",
        params![tracked.open_id, tracked.message_id],
    )?;
    Ok(())
}

/// The opens of a message; `None` where they are not tracked.
///
/// # Errors
/// Where the database fails.
pub async fn of_message(
    connection: &mut Connection,
    message_id: &str,
) -> Result<Option<MessageOpens>, StoreError> {
    let query = sqlx::query_as(
        "SELECT first_opened_at, last_opened_at, opens FROM message_open WHERE message_id = $1",
    );
    let row: Option<OpensRow> = query.bind(message_id).fetch_optional(connection).await?;
    Ok(row.map(|OpensRow(opens)| opens))
}

/// Whether the opens of any of these messages are tracked.
///
/// # Errors
/// Where the database fails.
pub async fn is_any_tracked(
    connection: &mut Connection,
    message_ids: &[String],
) -> Result<bool, StoreError> {
    for block in blocks(message_ids) {
        let sql = format!(
            "SELECT message_id FROM message_open WHERE message_id IN ({}) LIMIT 1",
            list(0, block.places)
        );
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for id in block.iter() {
            query = query.bind(id);
        }
        let found: Option<(String,)> = query.fetch_optional(&mut *connection).await?;
        if found.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The ids among these that belong to a message.
///
/// # Errors
/// Where the database fails.
pub async fn known(
    connection: &mut Connection,
    open_ids: &[String],
) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for block in blocks(open_ids) {
        let sql = format!(
            "SELECT id FROM message_open WHERE id IN ({})",
            list(0, block.places)
        );
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for id in block.iter() {
            query = query.bind(id);
        }
        let rows: Vec<(String,)> = query.fetch_all(&mut *connection).await?;
        found.extend(rows.into_iter().map(|(id,)| id));
    }
    Ok(found)
}

/// Adds loads of an image. Other nodes add theirs, in any order.
///
/// # Errors
/// Where the database fails.
pub async fn count(
    connection: &mut Connection,
    open_id: &str,
    loads: NewLoads,
) -> Result<(), StoreError> {
    let query = sqlx::query(
        "UPDATE message_open SET \
         first_opened_at = CASE WHEN first_opened_at < $1 THEN first_opened_at ELSE $1 END, \
         last_opened_at = CASE WHEN last_opened_at > $2 THEN last_opened_at ELSE $2 END, \
         opens = opens + $3 \
         WHERE id = $4",
    );
    query
        .bind(loads.first.0)
        .bind(loads.last.0)
        .bind(loads.number)
        .bind(open_id)
        .execute(connection)
        .await?;
    Ok(())
}
