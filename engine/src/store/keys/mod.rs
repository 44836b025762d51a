//! The tables `sealing_key` and `browser_key`: the keys, none of them in plain text.

pub mod dkim;
pub mod folders;
pub mod sealed_columns;
pub mod sealed_values;

use domain::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::{Connection, StoreError};

/// A sealing key.
#[derive(Clone, Debug)]
pub struct SealingKey {
    pub kid: String,
    pub created_at: Timestamp,
    /// The fingerprint of the key; `None` if no process has opened the database since keys have
    /// fingerprints.
    pub fingerprint: Option<String>,
    /// When the key was activated; `None` while a node lacks its file.
    pub activated_at: Option<Timestamp>,
    /// When the key was retired: no value refers to it, and its file is deleted.
    pub retired_at: Option<Timestamp>,
}

impl SealingKey {
    /// Whether the key seals values, or sealed values before another key did.
    pub fn is_active(&self) -> bool {
        self.activated_at.is_some() && self.retired_at.is_none()
    }

    /// Whether the key waits until all nodes have its file.
    pub fn is_waiting(&self) -> bool {
        self.activated_at.is_none() && self.retired_at.is_none()
    }
}

impl FromRow<'_, AnyRow> for SealingKey {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let activated_at: Option<i64> = row.try_get(3)?;
        let retired_at: Option<i64> = row.try_get(4)?;
        Ok(Self {
            kid: row.try_get(0)?,
            created_at: Timestamp(row.try_get(1)?),
            fingerprint: row.try_get(2)?,
            activated_at: activated_at.map(Timestamp),
            retired_at: retired_at.map(Timestamp),
        })
    }
}

/// The sealing keys, newest first, also those that are retired.
///
/// # Errors
/// Where the database fails.
pub async fn sealing(connection: &mut Connection) -> Result<Vec<SealingKey>, StoreError> {
    let query = sqlx::query_as(
        "SELECT kid, created_at, fingerprint, activated_at, retired_at FROM sealing_key \
         ORDER BY created_at DESC, kid DESC",
    );
    Ok(query.fetch_all(connection).await?)
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

/// Inserts a sealing key, which does not seal yet.
///
/// # Errors
/// Where the database fails.
pub async fn add_sealing(
    connection: &mut Connection,
    kid: &str,
    fingerprint: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO sealing_key (kid, created_at, fingerprint) VALUES ($1, $2, $3)")
        .bind(kid)
        .bind(at.0)
        .bind(fingerprint)
        .execute(connection)
        .await?;
    Ok(())
}

/// Activates a key: it seals values from now on.
///
/// # Errors
/// Where the database fails.
pub async fn activate(
    connection: &mut Connection,
    kid: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE sealing_key SET activated_at = $1 WHERE kid = $2")
        .bind(at.0)
        .bind(kid)
        .execute(connection)
        .await?;
    Ok(())
}

/// Sets the activation of keys that is later than `latest` to `now`.
///
/// # Errors
/// Where the database fails.
pub async fn correct_activation(
    connection: &mut Connection,
    now: Timestamp,
    latest: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE sealing_key SET activated_at = $1 WHERE activated_at > $2")
        .bind(now.0)
        .bind(latest.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Marks a key as retired.
///
/// # Errors
/// Where the database fails.
pub async fn retire(
    connection: &mut Connection,
    kid: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE sealing_key SET retired_at = $1 WHERE kid = $2")
        .bind(at.0)
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
    /// The sealed private key.
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
