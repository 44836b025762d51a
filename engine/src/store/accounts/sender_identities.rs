//! The table `sender_identity`: the addresses and domains that accounts may send from.

use domain::Timestamp;
use domain::settings::Stamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use crate::store::{Connection, StoreError};

/// The columns of a [`SenderRow`].
const COLUMNS: &str = "id, account_id, address, match_key, added_at, added_by, by_administrator, confirmed_at, expires_at";

/// An address or a domain of an account.
#[derive(Clone, Debug)]
pub struct SenderRow {
    /// The id, a ULID.
    pub id: String,
    pub account: String,
    /// The address or domain as entered.
    pub address: String,
    /// The normalised form, used in comparisons.
    pub key: String,
    pub added: Stamp,
    /// Whether an administrator added the identity, so that no link is mailed.
    pub by_administrator: bool,
    /// When the identity was confirmed; `None` while a mailed link is pending.
    pub confirmed_at: Option<Timestamp>,
    /// When the mailed link expires.
    pub expires_at: Option<Timestamp>,
}

impl FromRow<'_, AnyRow> for SenderRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let confirmed_at: Option<i64> = row.try_get(7)?;
        let expires_at: Option<i64> = row.try_get(8)?;
        Ok(Self {
            id: row.try_get(0)?,
            account: row.try_get(1)?,
            address: row.try_get(2)?,
            key: row.try_get(3)?,
            added: Stamp {
                at: Timestamp(row.try_get(4)?),
                by: row.try_get(5)?,
            },
            by_administrator: row.try_get::<i64, _>(6)? != 0,
            confirmed_at: confirmed_at.map(Timestamp),
            expires_at: expires_at.map(Timestamp),
        })
    }
}

/// The confirmed identities of all accounts, in the order of their addresses.
///
/// # Errors
/// Where the database fails.
pub async fn confirmed(connection: &mut Connection) -> Result<Vec<SenderRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM sender_identity WHERE confirmed_at IS NOT NULL ORDER BY address, id"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql));
    Ok(query.fetch_all(connection).await?)
}

/// The identities of an account, in the order of their addresses.
///
/// # Errors
/// Where the database fails.
pub async fn of_account(
    connection: &mut Connection,
    account: &str,
) -> Result<Vec<SenderRow>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM sender_identity WHERE account_id = $1 ORDER BY address, id");
    let query = sqlx::query_as(AssertSqlSafe(sql));
    Ok(query.bind(account).fetch_all(connection).await?)
}

/// The identity with this id.
///
/// # Errors
/// Where the database fails.
pub async fn by_id(connection: &mut Connection, id: &str) -> Result<Option<SenderRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM sender_identity WHERE id = $1");
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(id);
    Ok(query.fetch_optional(connection).await?)
}

/// The identity of a mailed link, unless the link has expired or the account is disabled.
///
/// # Errors
/// Where the database fails.
pub async fn waiting(
    connection: &mut Connection,
    digest: &str,
    now: Timestamp,
) -> Result<Option<SenderRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM sender_identity WHERE digest = $1 AND expires_at > $2 \
         AND account_id IN (SELECT id FROM account WHERE disabled_at IS NULL)"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(digest).bind(now.0);
    Ok(query.fetch_optional(connection).await?)
}

/// Inserts an identity. `digest` is the digest of the token of its link, if one is mailed.
///
/// # Errors
/// Where the database fails.
pub async fn add(
    connection: &mut Connection,
    row: &SenderRow,
    digest: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO sender_identity (id, account_id, address, match_key, added_at, added_by, \
         by_administrator, confirmed_at, digest, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&row.id)
    .bind(&row.account)
    .bind(&row.address)
    .bind(&row.key)
    .bind(row.added.at.0)
    .bind(&row.added.by)
    .bind(i64::from(row.by_administrator))
    .bind(row.confirmed_at.map(|at| at.0))
    .bind(digest)
    .bind(row.expires_at.map(|at| at.0))
    .execute(connection)
    .await?;
    Ok(())
}

/// Replaces the pending link of an identity. The previous link becomes invalid.
///
/// # Errors
/// Where the database fails.
pub async fn set_link(
    connection: &mut Connection,
    id: &str,
    digest: &str,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE sender_identity SET digest = $2, expires_at = $3 WHERE id = $1")
        .bind(id)
        .bind(digest)
        .bind(expires_at.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Uses a mailed link that has not expired. Returns whether there was one.
///
/// # Errors
/// Where the database fails.
pub async fn confirm(
    connection: &mut Connection,
    digest: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let confirmed = sqlx::query(
        "UPDATE sender_identity SET confirmed_at = $2, digest = NULL, expires_at = NULL \
         WHERE digest = $1 AND expires_at > $2",
    );
    let confirmed = confirmed.bind(digest).bind(now.0).execute(connection);
    Ok(confirmed.await?.rows_affected() > 0)
}

/// Deletes an identity.
///
/// # Errors
/// Where the database fails.
pub async fn remove(connection: &mut Connection, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sender_identity WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}
