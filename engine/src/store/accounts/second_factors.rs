//! The tables `totp` and `recovery_code`, and the confirmed second factors of accounts.

use domain::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use crate::store::{Connection, StoreError};

/// A subquery for the number of confirmed second factors of the account `a`.
pub(super) const NUMBER: &str = "((SELECT COUNT(*) FROM totp WHERE totp.account_id = a.id \
                                 AND totp.confirmed_at IS NOT NULL) \
                                 + (SELECT COUNT(*) FROM passkey WHERE passkey.account_id = a.id))";

/// The secret of an authenticator app.
#[derive(Clone, Debug)]
pub struct TotpRow {
    /// The sealed secret.
    pub secret: String,
    /// When a code confirmed the secret; `None` before.
    pub confirmed_at: Option<Timestamp>,
    /// The time step of the last code that was used.
    pub last_step: i64,
}

impl FromRow<'_, AnyRow> for TotpRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let confirmed_at: Option<i64> = row.try_get(1)?;
        Ok(Self {
            secret: row.try_get(0)?,
            confirmed_at: confirmed_at.map(Timestamp),
            last_step: row.try_get(2)?,
        })
    }
}

/// The secret of an account's authenticator app, confirmed or not.
///
/// # Errors
/// Where the database fails.
pub async fn totp(
    connection: &mut Connection,
    account: &str,
) -> Result<Option<TotpRow>, StoreError> {
    let query =
        sqlx::query_as("SELECT secret, confirmed_at, last_step FROM totp WHERE account_id = $1");
    Ok(query.bind(account).fetch_optional(connection).await?)
}

/// Stores a secret that is not confirmed yet, in place of another unconfirmed one. Returns whether it is
/// stored: a confirmed secret is not replaced.
///
/// # Errors
/// Where the database fails.
pub async fn propose(
    connection: &mut Connection,
    account: &str,
    sealed: &str,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let written = sqlx::query(
        "INSERT INTO totp (account_id, secret, created_at, last_step) VALUES ($1, $2, $3, 0) \
         ON CONFLICT (account_id) DO UPDATE \
         SET secret = excluded.secret, created_at = excluded.created_at, last_step = 0 \
         WHERE totp.confirmed_at IS NULL",
    )
    .bind(account)
    .bind(sealed)
    .bind(at.0)
    .execute(connection)
    .await?;
    Ok(written.rows_affected() > 0)
}

/// Confirms the secret of an account. Returns whether there was an unconfirmed one.
///
/// # Errors
/// Where the database fails.
pub async fn confirm(
    connection: &mut Connection,
    account: &str,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let confirmed = sqlx::query(
        "UPDATE totp SET confirmed_at = $2 WHERE account_id = $1 AND confirmed_at IS NULL",
    )
    .bind(account)
    .bind(at.0)
    .execute(connection)
    .await?;
    Ok(confirmed.rows_affected() > 0)
}

/// Uses the code of a time step. Returns false if a code of this step or of a later one was used before.
///
/// # Errors
/// Where the database fails.
pub async fn use_step(
    connection: &mut Connection,
    account: &str,
    step: i64,
) -> Result<bool, StoreError> {
    let used =
        sqlx::query("UPDATE totp SET last_step = $2 WHERE account_id = $1 AND last_step < $2")
            .bind(account)
            .bind(step)
            .execute(connection)
            .await?;
    Ok(used.rows_affected() > 0)
}

/// Whether an account has a confirmed second factor.
///
/// # Errors
/// Where the database fails.
pub async fn exists(connection: &mut Connection, account: &str) -> Result<bool, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {NUMBER} FROM account a WHERE a.id = $1"));
    let query = sqlx::query_scalar(sql).bind(account);
    let number: Option<i64> = query.fetch_optional(connection).await?;
    Ok(number.is_some_and(|number| number > 0))
}

/// Deletes the second factors of an account and its recovery codes. Returns whether one of them was
/// confirmed.
///
/// # Errors
/// Where the database fails.
pub async fn remove(connection: &mut Connection, account: &str) -> Result<bool, StoreError> {
    let counted = exists(connection, account).await?;
    for delete in [
        "DELETE FROM totp WHERE account_id = $1",
        "DELETE FROM passkey WHERE account_id = $1",
    ] {
        sqlx::query(delete)
            .bind(account)
            .execute(&mut *connection)
            .await?;
    }
    remove_recovery_codes(connection, account).await?;
    Ok(counted)
}

/// Deletes the recovery codes of an account.
///
/// # Errors
/// Where the database fails.
pub async fn remove_recovery_codes(
    connection: &mut Connection,
    account: &str,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM recovery_code WHERE account_id = $1")
        .bind(account)
        .execute(connection)
        .await?;
    Ok(())
}

/// Replaces the recovery codes of an account by those with these digests.
///
/// # Errors
/// Where the database fails.
pub async fn set_recovery_codes(
    connection: &mut Connection,
    account: &str,
    digests: &[String],
) -> Result<(), StoreError> {
    remove_recovery_codes(connection, account).await?;
    for digest in digests {
        sqlx::query("INSERT INTO recovery_code (account_id, digest) VALUES ($1, $2)")
            .bind(account)
            .bind(digest)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Uses a recovery code. Returns whether there was one that was not used yet.
///
/// # Errors
/// Where the database fails.
pub async fn use_recovery_code(
    connection: &mut Connection,
    account: &str,
    digest: &str,
) -> Result<bool, StoreError> {
    let used = sqlx::query("DELETE FROM recovery_code WHERE account_id = $1 AND digest = $2")
        .bind(account)
        .bind(digest)
        .execute(connection)
        .await?;
    Ok(used.rows_affected() > 0)
}

/// The number of recovery codes of an account that are not used yet.
///
/// # Errors
/// Where the database fails.
pub async fn recovery_codes(connection: &mut Connection, account: &str) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar("SELECT COUNT(*) FROM recovery_code WHERE account_id = $1");
    Ok(query.bind(account).fetch_one(connection).await?)
}
