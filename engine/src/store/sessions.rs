//! The table `session`: who is signed in, by the hash of what the cookie holds.

use domain::Timestamp;

use super::accounts::{Account, role};
use super::{Connection, StoreError};

/// A session and its account.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: String,
    pub account: Account,
    pub begun_at: Timestamp,
    pub last_used_at: Timestamp,
    pub origin: String,
    pub browser: String,
}

type Row = (String, String, String, String, i64, i64, String, String);

fn session((id, account, email, text, begun, used, origin, browser): Row) -> Session {
    Session {
        id,
        account: Account {
            id: account,
            email,
            role: role(&text),
        },
        begun_at: Timestamp(begun),
        last_used_at: Timestamp(used),
        origin,
        browser,
    }
}

/// The session with this hash, whatever its age.
pub async fn by_id(connection: &mut Connection, id: &str) -> Result<Option<Session>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT s.id, a.id, a.email, a.role, s.begun_at, s.last_used_at, s.origin, s.browser \
         FROM session s JOIN account a ON a.id = s.account_id WHERE s.id = $1",
    )
    .bind(id)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(session))
}

/// The sessions of an account, last used first.
pub async fn of_account(
    connection: &mut Connection,
    account: &str,
) -> Result<Vec<Session>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT s.id, a.id, a.email, a.role, s.begun_at, s.last_used_at, s.origin, s.browser \
         FROM session s JOIN account a ON a.id = s.account_id WHERE a.id = $1 \
         ORDER BY s.last_used_at DESC",
    )
    .bind(account)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(session).collect())
}

/// Adds a session.
pub async fn add(
    connection: &mut Connection,
    id: &str,
    account: &str,
    now: Timestamp,
    origin: &str,
    browser: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO session (id, account_id, begun_at, last_used_at, origin, browser) \
         VALUES ($1, $2, $3, $3, $4, $5)",
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

/// Records a use.
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

/// Ends a session of an account; says whether there was one.
pub async fn end(connection: &mut Connection, id: &str, account: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM session WHERE id = $1 AND account_id = $2")
        .bind(id)
        .bind(account)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends a session, whosever it is.
pub async fn forget(connection: &mut Connection, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM session WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends the sessions of an account, but for `spare` if given.
pub async fn end_all(
    connection: &mut Connection,
    account: &str,
    spare: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM session WHERE account_id = $1 AND id <> $2")
        .bind(account)
        .bind(spare.unwrap_or(""))
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes the sessions that began or were last used too long ago.
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
