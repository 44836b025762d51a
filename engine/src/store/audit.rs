//! The table `audit`: who did what, when, from where, and how it ended. Rows are only added.

use domain::Timestamp;

use super::{Connection, StoreError};

/// A row. None of its texts holds a secret or a person's whole address but the actor's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: Timestamp,
    pub actor: String,
    pub origin: String,
    pub action: String,
    pub outcome: String,
    pub detail: String,
}

/// Adds a row.
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

/// The newest rows first.
pub async fn newest(connection: &mut Connection, limit: i64) -> Result<Vec<Entry>, StoreError> {
    let rows: Vec<(i64, String, String, String, String, String)> = sqlx::query_as(
        "SELECT at, actor, origin, action, outcome, detail FROM audit ORDER BY at DESC, id DESC LIMIT $1",
    )
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(at, actor, origin, action, outcome, detail)| Entry {
            at: Timestamp(at),
            actor,
            origin,
            action,
            outcome,
            detail,
        })
        .collect())
}
