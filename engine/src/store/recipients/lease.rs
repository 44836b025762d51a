//! Renewing and releasing leases on recipients.

use domain::Timestamp;
use rusqlite::params;
use sqlx::AssertSqlSafe;

use super::RecipientKey;
use crate::store::database::direct::DirectTransaction;
use crate::store::database::rows::{blocks, values};
use crate::store::{Connection, StoreError};

/// A change of the leases that an owner holds.
#[derive(Clone, Copy, Debug)]
pub struct LeaseChange<'a> {
    pub owner: &'a str,
    pub keys: &'a [RecipientKey],
    /// The new end of the leases; of released rows, when they are due.
    pub due: Timestamp,
    /// Whether to renew the leases rather than to release them.
    pub renew: bool,
}

/// Renews or releases the leases that the owner still holds. Returns their keys. Skips locked rows:
/// they are being settled, and waiting for one with others locked already can deadlock.
///
/// # Errors
/// Where the database fails.
pub async fn change_leases(
    connection: &mut Connection,
    skip_locked: &str,
    change: LeaseChange<'_>,
) -> Result<Vec<RecipientKey>, StoreError> {
    let mut changed = Vec::with_capacity(change.keys.len());
    for block in blocks(change.keys) {
        let sql = format!(
            "WITH held AS MATERIALIZED (SELECT message_id AS id, position AS place FROM recipient \
             WHERE owner = $3 AND (message_id, position) IN (VALUES {}){skip_locked}) \
             UPDATE recipient SET due_at = $1, owner = $2 FROM held \
             WHERE message_id = held.id AND position = held.place \
             RETURNING message_id, position",
            values(3, block.places, 2)
        );
        let mut query = sqlx::query_as(AssertSqlSafe(sql))
            .bind(change.due.0)
            .bind(change.renew.then_some(change.owner))
            .bind(change.owner);
        for key in block.iter() {
            query = query
                .bind(key.map(|key| &key.message_id))
                .bind(key.map(|key| key.position));
        }
        changed.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(changed)
}

/// Like [`change_leases`], in a direct transaction.
///
/// # Errors
/// Where the database fails.
pub fn change_leases_directly(
    work: &DirectTransaction<'_>,
    change: LeaseChange<'_>,
) -> Result<Vec<RecipientKey>, StoreError> {
    let owner = change.renew.then_some(change.owner);
    let mut changed = Vec::with_capacity(change.keys.len());
    for key in change.keys {
        let rows = work.execute(
            "UPDATE recipient SET due_at = ?, owner = ? \
             WHERE message_id = ? AND position = ? AND owner = ?",
            params![
                change.due.0,
                owner,
                key.message_id,
                key.position,
                change.owner
            ],
        )?;
        if rows > 0 {
            changed.push(key.clone());
        }
    }
    Ok(changed)
}

/// Releases every lease of `owner`.
///
/// # Errors
/// Where the database fails.
pub async fn release_all(
    connection: &mut Connection,
    owner: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE recipient SET due_at = $1, owner = NULL WHERE due_at IS NOT NULL AND owner = $2",
    )
    .bind(now.0)
    .bind(owner)
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends the leases of all owners, for a worker that is the only one on this database.
///
/// # Errors
/// Where the database fails.
pub async fn expire_all_leases(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE recipient SET due_at = $1, owner = NULL WHERE due_at IS NOT NULL AND owner IS NOT NULL",
    )
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(())
}
