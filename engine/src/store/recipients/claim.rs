//! Claiming recipients that are due, and leasing them to a worker.

use domain::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use super::{NewRecipient, RecipientKey};
use crate::store::{Connection, StoreError};

/// A recipient that a worker leased.
#[derive(Clone, Debug)]
pub struct ClaimedRecipient {
    pub key: RecipientKey,
    pub address: String,
    pub attempts: i64,
    /// The first attempt; before it, when the message was accepted or retried.
    pub trying_since: Timestamp,
    /// The reply on the suppression list, where the address is listed.
    pub suppressed: Option<String>,
}

impl FromRow<'_, AnyRow> for ClaimedRecipient {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            key: RecipientKey::from_row(row)?,
            address: row.try_get(2)?,
            attempts: row.try_get(3)?,
            trying_since: Timestamp(row.try_get(4)?),
            suppressed: None,
        })
    }
}

impl ClaimedRecipient {
    /// A row that was inserted with a lease.
    pub fn inserted(row: &NewRecipient<'_>, now: Timestamp) -> Self {
        Self {
            key: RecipientKey {
                message_id: row.message_id.to_owned(),
                position: row.position,
            },
            address: row.address.to_owned(),
            attempts: 0,
            trying_since: now,
            suppressed: None,
        }
    }
}

/// What to claim.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    pub owner: &'a str,
    pub now: Timestamp,
    pub lease_end: Timestamp,
    /// The maximum number of rows.
    pub limit: i64,
    /// Whether to take over leases of other workers that have ended.
    pub expired_leases: bool,
}

/// Leases rows that are due, the longest due first.
///
/// # Errors
/// Where the database fails.
pub async fn claim(
    connection: &mut Connection,
    skip_locked: &str,
    claim: Claim<'_>,
) -> Result<Vec<ClaimedRecipient>, StoreError> {
    let free = match claim.expired_leases {
        true => "",
        false => " AND owner IS NULL",
    };
    let sql = format!(
        "WITH due AS MATERIALIZED \
         (SELECT message_id AS id, position AS place FROM recipient WHERE due_at <= $3{free} \
          ORDER BY due_at, message_id, position LIMIT $4{skip_locked}) \
         UPDATE recipient SET owner = $1, due_at = $2 FROM due \
         WHERE message_id = due.id AND position = due.place \
         RETURNING message_id, position, address, attempts, trying_since"
    );
    let mut claimed: Vec<ClaimedRecipient> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(claim.owner)
        .bind(claim.lease_end.0)
        .bind(claim.now.0)
        .bind(claim.limit)
        .fetch_all(connection)
        .await?;
    // RETURNING has no order of its own.
    claimed.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(claimed)
}

/// When the next row is due or the next lease ends; `None` while no row ever is.
///
/// # Errors
/// Where the database fails.
pub async fn next_due(connection: &mut Connection) -> Result<Option<Timestamp>, StoreError> {
    let (next,): (Option<i64>,) =
        sqlx::query_as("SELECT MIN(due_at) FROM recipient WHERE due_at IS NOT NULL")
            .fetch_one(connection)
            .await?;
    Ok(next.map(Timestamp))
}
