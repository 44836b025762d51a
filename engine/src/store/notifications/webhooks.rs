//! The table `webhook`: the endpoints that events are sent to, of the organisation and of accounts.

use std::collections::HashSet;

use domain::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::webhook_deliveries;
use crate::store::{Connection, StoreError};

/// The columns of [`WebhookRow`].
const COLUMNS: &str = "id, url, secret, enabled, gone_at, created_at, created_by, account_id";

/// An endpoint.
#[derive(Clone, Debug)]
pub struct WebhookRow {
    /// The id, a ULID.
    pub id: String,
    pub url: String,
    /// The sealed secret.
    pub secret: String,
    pub enabled: bool,
    /// When the endpoint answered 410, which switched it off.
    pub gone_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub created_by: String,
    /// The id of the account that the endpoint belongs to; `None` for the organisation.
    pub account: Option<String>,
}

impl FromRow<'_, AnyRow> for WebhookRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let enabled: i64 = row.try_get(3)?;
        let gone_at: Option<i64> = row.try_get(4)?;
        Ok(Self {
            id: row.try_get(0)?,
            url: row.try_get(1)?,
            secret: row.try_get(2)?,
            enabled: enabled != 0,
            gone_at: gone_at.map(Timestamp),
            created_at: Timestamp(row.try_get(5)?),
            created_by: row.try_get(6)?,
            account: row.try_get(7)?,
        })
    }
}

/// The endpoints of an account, or for `None` of the organisation, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn of_owner(
    connection: &mut Connection,
    account: Option<&str>,
) -> Result<Vec<WebhookRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM webhook WHERE COALESCE(account_id, '') = $1 ORDER BY created_at, id"
    );
    let query = sqlx::query_as(sqlx::AssertSqlSafe(sql));
    let query = query.bind(account.unwrap_or_default());
    Ok(query.fetch_all(connection).await?)
}

/// The ids of the endpoints of an account.
///
/// # Errors
/// Where the database fails.
pub async fn ids_of_account(
    connection: &mut Connection,
    account: &str,
) -> Result<HashSet<String>, StoreError> {
    let query = sqlx::query_scalar("SELECT id FROM webhook WHERE account_id = $1");
    let ids: Vec<String> = query.bind(account).fetch_all(connection).await?;
    Ok(ids.into_iter().collect())
}

/// The endpoint with an id. `for_update` locks it until the transaction ends
/// ([`Store::for_update`](crate::store::Store::for_update)).
///
/// # Errors
/// Where the database fails.
pub async fn by_id(
    connection: &mut Connection,
    id: &str,
    for_update: &str,
) -> Result<Option<WebhookRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM webhook WHERE id = $1{for_update}");
    let query = sqlx::query_as(sqlx::AssertSqlSafe(sql));
    Ok(query.bind(id).fetch_optional(connection).await?)
}

/// Inserts an endpoint, or overwrites the URL, the secret and the state of the one with its id.
///
/// # Errors
/// [`StoreError::is_taken`] where another one of its owner has its URL; otherwise where the database fails.
pub async fn write(connection: &mut Connection, webhook: &WebhookRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO webhook \
         (id, url, secret, enabled, gone_at, created_at, created_by, account_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET \
         url = excluded.url, secret = excluded.secret, enabled = excluded.enabled, \
         gone_at = excluded.gone_at",
    )
    .bind(&webhook.id)
    .bind(&webhook.url)
    .bind(&webhook.secret)
    .bind(i64::from(webhook.enabled))
    .bind(webhook.gone_at.map(|at| at.0))
    .bind(webhook.created_at.0)
    .bind(&webhook.created_by)
    .bind(&webhook.account)
    .execute(connection)
    .await?;
    Ok(())
}

/// Switches the endpoints of an account off, and cancels their queued deliveries.
///
/// # Errors
/// Where the database fails.
pub async fn switch_off_all(connection: &mut Connection, account: &str) -> Result<(), StoreError> {
    let ids = ids_of_account(connection, account).await?;
    let mut ids: Vec<String> = ids.into_iter().collect();
    // Every transaction locks the rows of webhooks in the same order.
    ids.sort_unstable();
    for id in &ids {
        sqlx::query("UPDATE webhook SET enabled = 0 WHERE id = $1")
            .bind(id)
            .execute(&mut *connection)
            .await?;
        webhook_deliveries::cancel(connection, id).await?;
    }
    Ok(())
}

/// Deletes an endpoint with its deliveries.
///
/// # Errors
/// Where the database fails.
pub async fn remove(connection: &mut Connection, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM webhook WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// The ids of the endpoints of the organisation that are switched on, in their order.
///
/// # Errors
/// Where the database fails.
pub async fn enabled_ids(connection: &mut Connection) -> Result<Vec<String>, StoreError> {
    let query = sqlx::query_scalar(
        "SELECT id FROM webhook WHERE enabled = 1 AND account_id IS NULL ORDER BY id",
    );
    Ok(query.fetch_all(connection).await?)
}
