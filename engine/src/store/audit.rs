//! The table `audit`: acts with their actor, time, origin and outcome. Rows are only added.

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

/// Inserts a row.
///
/// # Errors
/// Where the database fails.
pub async fn add(connection: &mut Connection, entry: &Entry) -> Result<(), StoreError> {
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
    .execute(connection)
    .await?;
    Ok(())
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
