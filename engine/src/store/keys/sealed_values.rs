//! The table `sealed_value`: the first use of each password that a browser sealed.

use std::collections::HashMap;

use crate::store::{Connection, StoreError};

/// A value that a browser sealed.
#[derive(Clone, Debug)]
pub struct SealedValue {
    /// The SHA-256 of the content key, in base64url. Without the key no other value can be sealed with
    /// it, and a changed text of the value still opens only with the same key.
    pub digest: String,
    /// The key pair that the value was sealed for.
    pub kid: String,
}

/// Records the first use of a value. Returns whether that was for `used_for`.
///
/// # Errors
/// Where the database fails.
pub async fn bind(
    connection: &mut Connection,
    value: &SealedValue,
    used_for: &str,
) -> Result<bool, StoreError> {
    sqlx::query(
        "INSERT INTO sealed_value (digest, kid, used_for) VALUES ($1, $2, $3) \
         ON CONFLICT (digest) DO NOTHING",
    )
    .bind(&value.digest)
    .bind(&value.kid)
    .bind(used_for)
    .execute(&mut *connection)
    .await?;
    let query = sqlx::query_scalar("SELECT used_for FROM sealed_value WHERE digest = $1");
    let first: String = query.bind(&value.digest).fetch_one(connection).await?;
    Ok(first == used_for)
}

/// Deletes the values of pairs that are no longer stored.
///
/// # Errors
/// Where the database fails.
pub async fn forget(connection: &mut Connection) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sealed_value WHERE kid NOT IN (SELECT kid FROM browser_key)")
        .execute(connection)
        .await?;
    Ok(())
}

/// The number of values that were sealed for each pair and used.
///
/// # Errors
/// Where the database fails.
pub async fn count(connection: &mut Connection) -> Result<HashMap<String, i64>, StoreError> {
    let query = sqlx::query_as("SELECT kid, COUNT(*) FROM sealed_value GROUP BY kid");
    let rows: Vec<(String, i64)> = query.fetch_all(connection).await?;
    Ok(rows.into_iter().collect())
}
