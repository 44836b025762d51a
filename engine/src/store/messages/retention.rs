//! Finding and deleting messages whose retention is over.

use domain::Timestamp;
use sqlx::AssertSqlSafe;

use crate::store::database::rows::{blocks, list};
use crate::store::search::first_id;
use crate::store::{Connection, StoreError};

/// The maximum number of messages of a batch.
const BATCH: i64 = 500;

/// The part of a message that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetainedPart {
    /// The bytes of the message.
    Bodies,
    /// The bytes, the recipients, the events, the opens and the message itself.
    Messages,
}

/// A batch of messages whose parts are deleted.
#[derive(Debug)]
pub struct RetentionBatch {
    pub ids: Vec<String>,
    /// The start of the next batch; `None` after the last.
    pub next: Option<String>,
}

/// A batch of messages behind the id `from` that were accepted before `before`, and all of whose
/// recipients were delivered or cancelled before it.
///
/// # Errors
/// Where the database fails.
pub async fn done_before(
    connection: &mut Connection,
    part: RetainedPart,
    from: &str,
    before: Timestamp,
) -> Result<RetentionBatch, StoreError> {
    let table = match part {
        RetainedPart::Bodies => "message_body",
        RetainedPart::Messages => "message",
    };
    let sql = format!("SELECT id FROM {table} WHERE id > $1 AND id < $2 ORDER BY id LIMIT {BATCH}");
    let old: Vec<(String,)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(from)
        .bind(first_id(before))
        .fetch_all(&mut *connection)
        .await?;
    let ids: Vec<String> = old.into_iter().map(|(id,)| id).collect();
    let next = (ids.len() as i64 == BATCH)
        .then(|| ids.last().cloned())
        .flatten();
    let mut waiting = Vec::new();
    for block in blocks(&ids) {
        let sql = format!(
            "SELECT DISTINCT message_id FROM recipient WHERE message_id IN ({}) \
             AND (state NOT IN ('delivered', 'cancelled') OR settled_at >= $1)",
            list(1, block.places)
        );
        let mut query = sqlx::query_as(AssertSqlSafe(sql)).bind(before.0);
        for id in block.iter() {
            query = query.bind(id);
        }
        let rows: Vec<(String,)> = query.fetch_all(&mut *connection).await?;
        waiting.extend(rows.into_iter().map(|(id,)| id));
    }
    Ok(RetentionBatch {
        ids: ids.into_iter().filter(|id| !waiting.contains(id)).collect(),
        next,
    })
}

/// Deletes a part of messages.
///
/// # Errors
/// Where the database fails.
pub async fn delete(
    connection: &mut Connection,
    part: RetainedPart,
    ids: &[String],
) -> Result<(), StoreError> {
    let tables: &[(&str, &str)] = match part {
        RetainedPart::Bodies => &[("message_body", "id")],
        RetainedPart::Messages => &[
            ("message_body", "id"),
            ("delivery_event", "message_id"),
            ("message_open", "message_id"),
            ("recipient", "message_id"),
            ("message", "id"),
        ],
    };
    for (table, column) in tables {
        for block in blocks(ids) {
            let sql = format!(
                "DELETE FROM {table} WHERE {column} IN ({})",
                list(0, block.places)
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for id in block.iter() {
                query = query.bind(id);
            }
            query.execute(&mut *connection).await?;
        }
    }
    Ok(())
}
