//! The table `idempotency`: the answer that each idempotency key was given.

use domain::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::{Connection, StoreError};

/// A key, and the digest of the request that came with it.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    pub account: String,
    pub key: String,
    /// SHA-256 of the body, in hexadecimal.
    pub digest: String,
}

/// An answer as stored.
#[derive(Debug)]
pub struct StoredAnswer {
    /// Of the request that was answered.
    pub digest: String,
    /// The ids of the messages, separated by spaces.
    pub ids: String,
}

impl FromRow<'_, AnyRow> for StoredAnswer {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            digest: row.try_get(0)?,
            ids: row.try_get(1)?,
        })
    }
}

/// Stores the answer to a key. Returns `false` where it has one.
///
/// # Errors
/// Where the database fails.
pub async fn add(
    connection: &mut Connection,
    key: &IdempotencyKey,
    ids: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO idempotency (account_id, key, digest, ids, at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (account_id, key) DO NOTHING",
    )
    .bind(&key.account)
    .bind(&key.key)
    .bind(&key.digest)
    .bind(ids)
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The answer to a key that was stored after `since`.
///
/// # Errors
/// Where the database fails.
pub async fn answer(
    connection: &mut Connection,
    key: &IdempotencyKey,
    since: Timestamp,
) -> Result<Option<StoredAnswer>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT digest, ids FROM idempotency WHERE account_id = $1 AND key = $2 AND at > $3",
    )
    .bind(&key.account)
    .bind(&key.key)
    .bind(since.0)
    .fetch_optional(connection)
    .await?)
}

/// Deletes the answer to a key that was stored at `until` or before.
///
/// # Errors
/// Where the database fails.
pub async fn forget_old(
    connection: &mut Connection,
    key: &IdempotencyKey,
    until: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM idempotency WHERE account_id = $1 AND key = $2 AND at <= $3")
        .bind(&key.account)
        .bind(&key.key)
        .bind(until.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes every answer that was stored at `until` or before.
///
/// # Errors
/// Where the database fails.
pub async fn forget_all_old(
    connection: &mut Connection,
    until: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM idempotency WHERE at <= $1")
        .bind(until.0)
        .execute(connection)
        .await?;
    Ok(())
}
