//! The table `idempotency`: what a key was answered with.

use super::{Connection, StoreError};

/// A key and what came with it.
#[derive(Clone, Debug)]
pub struct Key {
    pub account: String,
    pub key: String,
    /// SHA-256 of the body, in hexadecimal.
    pub digest: String,
}

/// Notes what a key is answered with; `false` where it was answered before.
pub async fn add(
    connection: &mut Connection,
    key: &Key,
    ids: &str,
    now: i64,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO idempotency (account_id, key, digest, ids, at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (account_id, key) DO NOTHING",
    )
    .bind(&key.account)
    .bind(&key.key)
    .bind(&key.digest)
    .bind(ids)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The digest and the ids of an earlier answer, unless it is from before `since`.
pub async fn answer(
    connection: &mut Connection,
    key: &Key,
    since: i64,
) -> Result<Option<(String, String)>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT digest, ids FROM idempotency WHERE account_id = $1 AND key = $2 AND at > $3",
    )
    .bind(&key.account)
    .bind(&key.key)
    .bind(since)
    .fetch_optional(connection)
    .await?)
}

/// Forgets this key if it is from before `since`.
pub async fn forget_old(
    connection: &mut Connection,
    key: &Key,
    since: i64,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM idempotency WHERE account_id = $1 AND key = $2 AND at <= $3")
        .bind(&key.account)
        .bind(&key.key)
        .bind(since)
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets every key from before `since`.
pub async fn forget_all_old(connection: &mut Connection, since: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM idempotency WHERE at <= $1")
        .bind(since)
        .execute(connection)
        .await?;
    Ok(())
}
