//! The table `routing`: the version of all relays and their settings, in one row.

use sqlx::AssertSqlSafe;

use crate::store::{Connection, StoreError};

/// Reads the version.
///
/// # Errors
/// Where the database fails.
pub async fn version(connection: &mut Connection) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar("SELECT version FROM routing");
    Ok(query.fetch_one(connection).await?)
}

/// Raises the version, and returns it. Units of work that change relays or their settings begin with
/// this: each waits for the end of the one before.
///
/// # Errors
/// Where the database fails.
pub async fn raise(connection: &mut Connection) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar("UPDATE routing SET version = version + 1 RETURNING version");
    Ok(query.fetch_one(connection).await?)
}

/// Reads and locks the version: no other unit of work raises it until this one ends.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut Connection, for_update: &str) -> Result<i64, StoreError> {
    let sql = format!("SELECT version FROM routing{for_update}");
    let query = sqlx::query_scalar(AssertSqlSafe(sql));
    Ok(query.fetch_one(connection).await?)
}
