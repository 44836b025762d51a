//! The table `idempotency`: the answer that each idempotency key was given.

use domain::Timestamp;
use rusqlite::params;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use crate::store::database::direct::DirectTransaction;
use crate::store::{Connection, StoreError};

/// A key, and the digest of the request that came with it.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    pub account: String,
    pub key: String,
    /// The SHA-256 of the body, in hexadecimal.
    pub digest: String,
}

/// An answer as stored.
#[derive(Debug)]
pub struct StoredAnswer {
    /// The digest of the request that was answered.
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

const ADD: &str = "INSERT INTO idempotency (account_id, key, digest, ids, at) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id, key) DO NOTHING";

const ANSWER: &str = "SELECT digest, ids FROM idempotency \
                      WHERE account_id = $1 AND key = $2 AND at > $3";

const FORGET_OLD: &str = "DELETE FROM idempotency WHERE account_id = $1 AND key = $2 AND at <= $3";

const REMOVE: &str = "DELETE FROM idempotency WHERE account_id = $1 AND key = $2";

/// Stores the answer to a key. Returns `false` if the key has an answer already.
///
/// # Errors
/// Where the database fails.
pub async fn add(
    connection: &mut Connection,
    key: &IdempotencyKey,
    ids: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(ADD)
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
    Ok(sqlx::query_as(ANSWER)
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
    sqlx::query(FORGET_OLD)
        .bind(&key.account)
        .bind(&key.key)
        .bind(until.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// The answer to a key that was stored after `until`, in a direct transaction. Where there is none,
/// `ids` is stored as the answer.
///
/// # Errors
/// Where the database fails.
pub fn answer_or_add_directly(
    work: &DirectTransaction<'_>,
    key: &IdempotencyKey,
    ids: &str,
    until: Timestamp,
    now: Timestamp,
) -> Result<Option<StoredAnswer>, StoreError> {
    work.execute(FORGET_OLD, params![key.account, key.key, until.0])?;
    let values = params![key.account, key.key, key.digest, ids, now.0];
    if work.execute(ADD, values)? > 0 {
        return Ok(None);
    }
    let read = |row: &rusqlite::Row<'_>| {
        Ok(StoredAnswer {
            digest: row.get(0)?,
            ids: row.get(1)?,
        })
    };
    work.query_row(ANSWER, params![key.account, key.key, until.0], read)
}

/// Deletes the answer to a key.
///
/// # Errors
/// Where the database fails.
pub async fn remove(connection: &mut Connection, key: &IdempotencyKey) -> Result<(), StoreError> {
    sqlx::query(REMOVE)
        .bind(&key.account)
        .bind(&key.key)
        .execute(connection)
        .await?;
    Ok(())
}

/// Like [`remove`], in a direct transaction.
///
/// # Errors
/// Where the database fails.
pub fn remove_directly(
    work: &DirectTransaction<'_>,
    key: &IdempotencyKey,
) -> Result<(), StoreError> {
    work.execute(REMOVE, params![key.account, key.key])?;
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
