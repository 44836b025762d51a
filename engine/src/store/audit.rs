//! The table `audit`: acts with their actor, time, origin and outcome. Rows are not changed.

use domain::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::{Connection, StoreError};

/// A row. No text in it is a secret, or the address of a person other than the actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: Timestamp,
    pub actor: String,
    pub origin: String,
    pub action: String,
    pub outcome: String,
    pub detail: String,
}

impl FromRow<'_, AnyRow> for Entry {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            at: Timestamp(row.try_get(0)?),
            actor: row.try_get(1)?,
            origin: row.try_get(2)?,
            action: row.try_get(3)?,
            outcome: row.try_get(4)?,
            detail: row.try_get(5)?,
        })
    }
}

/// Inserts rows.
///
/// # Errors
/// Where the database fails.
pub async fn add(connection: &mut Connection, entries: &[Entry]) -> Result<(), StoreError> {
    for entry in entries {
        sqlx::query(
            "INSERT INTO audit (id, at, actor, origin, action, outcome, detail) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(ulid::Ulid::new().to_string())
        .bind(entry.at.0)
        .bind(&entry.actor)
        .bind(&entry.origin)
        .bind(&entry.action)
        .bind(&entry.outcome)
        .bind(&entry.detail)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Deletes up to `limit` rows from before `before`. Returns how many were deleted.
///
/// # Errors
/// Where the database fails.
pub async fn delete_before(
    connection: &mut Connection,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    let deleted = sqlx::query(
        "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2)",
    )
    .bind(before.0)
    .bind(limit)
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected())
}

/// The newest `limit` rows, newest first.
///
/// # Errors
/// Where the database fails.
pub async fn newest(connection: &mut Connection, limit: i64) -> Result<Vec<Entry>, StoreError> {
    let query = sqlx::query_as(
        "SELECT at, actor, origin, action, outcome, detail FROM audit ORDER BY at DESC, id DESC LIMIT $1",
    );
    Ok(query.bind(limit).fetch_all(connection).await?)
}
