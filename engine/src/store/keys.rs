//! The tables `sealing_key` and `browser_key`: which keys are in use. No key stands here in the
//! clear.

use domain::Timestamp;

use super::{Connection, StoreError};

/// The sealing keys in use, newest first.
pub async fn sealing(connection: &mut Connection) -> Result<Vec<String>, StoreError> {
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT kid FROM sealing_key ORDER BY created_at DESC, kid DESC")
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().map(|(kid,)| kid).collect())
}

/// Records a sealing key.
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

/// Gives a sealing key up.
pub async fn remove_sealing(connection: &mut Connection, kid: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sealing_key WHERE kid = $1")
        .bind(kid)
        .execute(connection)
        .await?;
    Ok(())
}

/// A pair that browsers seal for; the private half is sealed.
#[derive(Clone, Debug)]
pub struct BrowserKey {
    pub kid: String,
    pub created_at: Timestamp,
    pub private_key: String,
}

/// The pairs made since, newest first.
pub async fn browser_since(
    connection: &mut Connection,
    since: Timestamp,
) -> Result<Vec<BrowserKey>, StoreError> {
    let rows: Vec<(String, i64, String)> = sqlx::query_as(
        "SELECT kid, created_at, private_key FROM browser_key \
         WHERE created_at > $1 ORDER BY created_at DESC, kid DESC",
    )
    .bind(since.0)
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(kid, at, private_key)| BrowserKey {
            kid,
            created_at: Timestamp(at),
            private_key,
        })
        .collect())
}

/// Adds a pair, and removes those made before `expired`.
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
