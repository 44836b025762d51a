//! The table `session`: signed-in browsers, by the hash of the cookie's value.

use domain::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use super::{Account, second_factors};
use crate::store::database::rows::contains;
use crate::store::{Connection, StoreError};

/// A session and its account.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// SHA-256 of the cookie's value, in hexadecimal.
    pub id: String,
    pub account: Account,
    pub begun_at: Timestamp,
    pub last_used_at: Timestamp,
    pub origin: String,
    pub browser: String,
    /// When the person last confirmed the session.
    pub confirmed_at: Timestamp,
    /// Whether the account has a second factor.
    pub has_second_factor: bool,
}

impl FromRow<'_, AnyRow> for SessionRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            account: Account::from_columns(row, 1)?,
            begun_at: Timestamp(row.try_get(4)?),
            last_used_at: Timestamp(row.try_get(5)?),
            origin: row.try_get(6)?,
            browser: row.try_get(7)?,
            confirmed_at: Timestamp(row.try_get(8)?),
            has_second_factor: row.try_get::<i64, _>(9)? > 0,
        })
    }
}

fn select() -> String {
    format!(
        "SELECT s.id, a.id, a.email, a.role, s.begun_at, s.last_used_at, s.origin, s.browser, \
         s.confirmed_at, {} FROM session s JOIN account a ON a.id = s.account_id",
        second_factors::NUMBER
    )
}

/// The session with an id, regardless of its age.
///
/// # Errors
/// Where the database fails.
pub async fn by_id(
    connection: &mut Connection,
    id: &str,
) -> Result<Option<SessionRow>, StoreError> {
    let sql = format!("{} WHERE s.id = $1 AND a.disabled_at IS NULL", select());
    let query = sqlx::query_as(AssertSqlSafe(sql));
    Ok(query.bind(id).fetch_optional(connection).await?)
}

/// The sessions of an account, last used first.
///
/// # Errors
/// Where the database fails.
pub async fn of_account(
    connection: &mut Connection,
    account: &str,
) -> Result<Vec<SessionRow>, StoreError> {
    let sql = format!("{} WHERE a.id = $1 ORDER BY s.last_used_at DESC", select());
    let query = sqlx::query_as(AssertSqlSafe(sql));
    Ok(query.bind(account).fetch_all(connection).await?)
}

/// The sessions that began and were last used after these times, of accounts whose address contains
/// `text`, last used first, at most `limit`.
///
/// # Errors
/// Where the database fails.
pub async fn matching(
    connection: &mut Connection,
    text: &str,
    begun_after: Timestamp,
    used_after: Timestamp,
    limit: i64,
) -> Result<Vec<SessionRow>, StoreError> {
    let query = sqlx::query_as(AssertSqlSafe(matching_sql()));
    let rows = query
        .bind(used_after.0)
        .bind(begun_after.0)
        .bind(contains(&text.to_lowercase()))
        .bind(limit)
        .fetch_all(connection)
        .await?;
    Ok(rows)
}

fn matching_sql() -> String {
    format!(
        "{} WHERE s.last_used_at > $1 AND s.begun_at > $2 AND a.email LIKE $3 ESCAPE '\\' \
         ORDER BY s.last_used_at DESC, s.id DESC LIMIT $4",
        select()
    )
}

/// Inserts a session that begins now. The sign-in counts as its confirmation.
///
/// # Errors
/// Where the database fails.
pub async fn add(
    connection: &mut Connection,
    id: &str,
    account: &str,
    now: Timestamp,
    origin: &str,
    browser: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO session (id, account_id, begun_at, last_used_at, confirmed_at, origin, browser) \
         VALUES ($1, $2, $3, $3, $3, $4, $5)",
    )
    .bind(id)
    .bind(account)
    .bind(now.0)
    .bind(origin)
    .bind(browser)
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets the last use of a session.
///
/// # Errors
/// Where the database fails.
pub async fn touch(
    connection: &mut Connection,
    id: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE session SET last_used_at = $2 WHERE id = $1")
        .bind(id)
        .bind(now.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Records that the person of a session confirmed it.
///
/// # Errors
/// Where the database fails.
pub async fn confirm(
    connection: &mut Connection,
    id: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE session SET confirmed_at = $2 WHERE id = $1")
        .bind(id)
        .bind(now.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends a session of an account. Returns whether there was one.
///
/// # Errors
/// Where the database fails.
pub async fn end(connection: &mut Connection, id: &str, account: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM session WHERE id = $1 AND account_id = $2")
        .bind(id)
        .bind(account)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends a session of any account.
///
/// # Errors
/// Where the database fails.
pub async fn forget(connection: &mut Connection, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM session WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends the sessions of an account, except `spare`. Returns how many there were.
///
/// # Errors
/// Where the database fails.
pub async fn end_all(
    connection: &mut Connection,
    account: &str,
    spare: Option<&str>,
) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM session WHERE account_id = $1 AND id <> $2")
        .bind(account)
        .bind(spare.unwrap_or(""))
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

/// Ends the sessions of all accounts, and returns their number.
///
/// # Errors
/// Where the database fails.
pub async fn end_every(connection: &mut Connection) -> Result<u64, StoreError> {
    let ended = sqlx::query("DELETE FROM session")
        .execute(connection)
        .await?;
    Ok(ended.rows_affected())
}

/// Ends the sessions of an account except `newest`, which has just begun, and the `others` that began
/// last. A clock that was set back does not end the newest.
///
/// # Errors
/// Where the database fails.
pub async fn end_oldest(
    connection: &mut Connection,
    account: &str,
    newest: &str,
    others: u32,
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM session WHERE account_id = $1 AND id <> $2 AND id NOT IN (\
           SELECT id FROM session WHERE account_id = $1 AND id <> $2 \
           ORDER BY begun_at DESC, id LIMIT $3)",
    )
    .bind(account)
    .bind(newest)
    .bind(i64::from(others))
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the sessions that began before `begun_before` or were last used before `used_before`.
///
/// # Errors
/// Where the database fails.
pub async fn remove_expired(
    connection: &mut Connection,
    begun_before: Timestamp,
    used_before: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM session WHERE begun_at < $1 OR last_used_at < $2")
        .bind(begun_before.0)
        .bind(used_before.0)
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::query_plan::query_plan;

    #[tokio::test]
    async fn the_last_used_sessions_are_read_by_their_index() {
        let plan = query_plan(&matching_sql()).await.join("; ");
        assert!(plan.contains("session_by_use (last_used_at>?)"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
