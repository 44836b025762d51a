//! What has been kept long enough: bytes first, rows later. Mail that waits for somebody is never
//! old enough.

use domain::Timestamp;
use sqlx::AssertSqlSafe;

use super::rows::{blocks, list};
use super::search::first_id;
use super::{Connection, StoreError};

/// How many messages are looked at in one unit of work.
const AT_ONCE: i64 = 500;

/// Messages older than `before`, from `from` on, all of whose recipients were delivered to or
/// cancelled before it; and where the next look begins.
pub async fn done_before(
    connection: &mut Connection,
    with_body: bool,
    from: &str,
    before: Timestamp,
) -> Result<(Vec<String>, Option<String>), StoreError> {
    let table = if with_body { "message_body" } else { "message" };
    let sql =
        format!("SELECT id FROM {table} WHERE id > $1 AND id < $2 ORDER BY id LIMIT {AT_ONCE}");
    let old: Vec<(String,)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(from)
        .bind(first_id(before))
        .fetch_all(&mut *connection)
        .await?;
    let ids: Vec<String> = old.into_iter().map(|(id,)| id).collect();
    let next = (ids.len() as i64 == AT_ONCE)
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
    let done = ids.into_iter().filter(|id| !waiting.contains(id)).collect();
    Ok((done, next))
}

/// Forgets the bytes of messages, or all of them.
pub async fn forget(
    connection: &mut Connection,
    ids: &[String],
    rows_too: bool,
) -> Result<(), StoreError> {
    let tables: &[(&str, &str)] = if rows_too {
        &[
            ("message_body", "id"),
            ("delivery_event", "message_id"),
            ("recipient", "message_id"),
            ("message", "id"),
        ]
    } else {
        &[("message_body", "id")]
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
