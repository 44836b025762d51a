//! The table `pending_login`: sign-ins with a right password that wait for a second factor.

use domain::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::Account;
use crate::store::{Connection, StoreError};

/// A sign-in that waits for a second factor, and its account.
#[derive(Clone, Debug)]
pub struct PendingLogin {
    pub account: Account,
    /// The hash of the account's present password.
    pub password_hash: String,
    /// The digest of the hash of the password that was typed.
    pub password: String,
    pub begun_at: Timestamp,
}

impl FromRow<'_, AnyRow> for PendingLogin {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            account: Account::from_columns(row, 0)?,
            password_hash: row.try_get(3)?,
            password: row.try_get(4)?,
            begun_at: Timestamp(row.try_get(5)?),
        })
    }
}

/// Inserts a sign-in that begins now, and deletes those that began at `expired` or before.
///
/// # Errors
/// Where the database fails.
pub async fn add(
    connection: &mut Connection,
    id: &str,
    account: &str,
    password: &str,
    now: Timestamp,
    expired: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM pending_login WHERE begun_at <= $1")
        .bind(expired.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO pending_login (id, account_id, password, begun_at, tries) \
         VALUES ($1, $2, $3, $4, 0)",
    )
    .bind(id)
    .bind(account)
    .bind(password)
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Counts a try of a sign-in that began after `expired` and had fewer than `most` tries. Returns whether
/// there is one.
///
/// # Errors
/// Where the database fails.
pub async fn take_try(
    connection: &mut Connection,
    id: &str,
    expired: Timestamp,
    most: i64,
) -> Result<bool, StoreError> {
    let taken = sqlx::query(
        "UPDATE pending_login SET tries = tries + 1 WHERE id = $1 AND begun_at > $2 AND tries < $3",
    )
    .bind(id)
    .bind(expired.0)
    .bind(most)
    .execute(connection)
    .await?;
    Ok(taken.rows_affected() > 0)
}

/// The sign-in with an id.
///
/// # Errors
/// Where the database fails.
pub async fn by_id(
    connection: &mut Connection,
    id: &str,
) -> Result<Option<PendingLogin>, StoreError> {
    let query = sqlx::query_as(
        "SELECT a.id, a.email, a.role, a.password_hash, p.password, p.begun_at \
         FROM pending_login p JOIN account a ON a.id = p.account_id WHERE p.id = $1",
    );
    Ok(query.bind(id).fetch_optional(connection).await?)
}

/// Deletes a sign-in.
///
/// # Errors
/// Where the database fails.
pub async fn remove(connection: &mut Connection, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM pending_login WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes all sign-ins.
///
/// # Errors
/// Where the database fails.
pub async fn remove_all(connection: &mut Connection) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM pending_login")
        .execute(connection)
        .await?;
    Ok(())
}
