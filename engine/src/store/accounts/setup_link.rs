//! The table `setup_link`: the newest link that creates the first administrator.

use domain::Timestamp;

use crate::store::{Connection, StoreError};

/// Stores the digest of a token, which replaces the one before.
///
/// # Errors
/// Where the database fails.
pub async fn write(
    connection: &mut Connection,
    digest: &str,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    let write = sqlx::query(
        "INSERT INTO setup_link (id, digest, expires_at) VALUES (1, $1, $2) \
         ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, expires_at = excluded.expires_at",
    );
    write
        .bind(digest)
        .bind(expires_at.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// The digest of the newest token, unless it has expired.
///
/// # Errors
/// Where the database fails.
pub async fn digest(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let query = sqlx::query_scalar("SELECT digest FROM setup_link WHERE expires_at > $1");
    Ok(query.bind(now.0).fetch_optional(connection).await?)
}

/// Deletes the token with this digest. Returns whether it was the newest.
///
/// # Errors
/// Where the database fails.
pub async fn take(connection: &mut Connection, digest: &str) -> Result<bool, StoreError> {
    let delete = sqlx::query("DELETE FROM setup_link WHERE digest = $1");
    let taken = delete.bind(digest).execute(connection).await?;
    Ok(taken.rows_affected() > 0)
}
