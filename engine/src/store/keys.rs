//! The tables `sealing_key` and `browser_key`: the keys in use, none of them in the clear.

use domain::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::{Connection, StoreError};

/// A sealing key in use.
#[derive(Clone, Debug)]
pub struct SealingKey {
    pub kid: String,
    /// `None` where no process has opened the database since keys have fingerprints.
    pub fingerprint: Option<String>,
}

/// The sealing keys in use, newest first.
///
/// # Errors
/// Where the database fails.
pub async fn sealing(connection: &mut Connection) -> Result<Vec<SealingKey>, StoreError> {
    let rows: Vec<(String, Option<String>)> = sqlx::query_as(
        "SELECT kid, fingerprint FROM sealing_key ORDER BY created_at DESC, kid DESC",
    )
    .fetch_all(connection)
    .await?;
    let key = |(kid, fingerprint)| SealingKey { kid, fingerprint };
    Ok(rows.into_iter().map(key).collect())
}

/// Records the fingerprint of a sealing key.
///
/// # Errors
/// Where the database fails.
pub async fn set_fingerprint(
    connection: &mut Connection,
    kid: &str,
    fingerprint: &str,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE sealing_key SET fingerprint = $1 WHERE kid = $2")
        .bind(fingerprint)
        .bind(kid)
        .execute(connection)
        .await?;
    Ok(())
}

/// Inserts a sealing key, unless it is there.
///
/// # Errors
/// Where the database fails.
pub async fn add_sealing(
    connection: &mut Connection,
    kid: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO sealing_key (kid, created_at) VALUES ($1, $2) ON CONFLICT (kid) DO NOTHING",
    )
    .bind(kid)
    .bind(at.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes a sealing key.
///
/// # Errors
/// Where the database fails.
pub async fn remove_sealing(connection: &mut Connection, kid: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sealing_key WHERE kid = $1")
        .bind(kid)
        .execute(connection)
        .await?;
    Ok(())
}

/// A key pair that browsers seal passwords for.
#[derive(Clone, Debug)]
pub struct BrowserKey {
    pub kid: String,
    pub created_at: Timestamp,
    /// Sealed.
    pub private_key: String,
}

impl FromRow<'_, AnyRow> for BrowserKey {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            kid: row.try_get(0)?,
            created_at: Timestamp(row.try_get(1)?),
            private_key: row.try_get(2)?,
        })
    }
}

/// The pairs that were created after `since`, newest first.
///
/// # Errors
/// Where the database fails.
pub async fn browser_since(
    connection: &mut Connection,
    since: Timestamp,
) -> Result<Vec<BrowserKey>, StoreError> {
    let query = sqlx::query_as(
        "SELECT kid, created_at, private_key FROM browser_key \
         WHERE created_at > $1 ORDER BY created_at DESC, kid DESC",
    );
    Ok(query.bind(since.0).fetch_all(connection).await?)
}

/// Inserts a pair, and deletes those that were created at `expired` or before.
///
/// # Errors
/// Where the database fails.
pub async fn add_browser(
    connection: &mut Connection,
    key: &BrowserKey,
    expired: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM browser_key WHERE created_at <= $1")
        .bind(expired.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO browser_key (kid, created_at, private_key) VALUES ($1, $2, $3)")
        .bind(&key.kid)
        .bind(key.created_at.0)
        .bind(&key.private_key)
        .execute(connection)
        .await?;
    Ok(())
}
