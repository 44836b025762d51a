//! The table `suppression`: addresses, in lower case, that a relay reported as nonexistent.

use std::collections::HashMap;

use domain::Timestamp;
use domain::outbox::Suppression;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::recipients::ClaimedRecipient;
use super::rows::{blocks, in_order, list};
use super::{Connection, StoreError};

/// Adds an address, unless it is on the list.
///
/// # Errors
/// Where the database fails.
pub async fn add(connection: &mut Connection, listed: &Suppression) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO suppression (address, reply, listed_at, message_id) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (address) DO NOTHING",
    )
    .bind(listed.address.to_ascii_lowercase())
    .bind(&listed.reply)
    .bind(listed.listed.0)
    .bind(&listed.id)
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets [`ClaimedRecipient::suppressed`] of recipients whose address is on the list.
///
/// # Errors
/// Where the database fails.
pub async fn mark<'a>(
    connection: &mut Connection,
    recipients: impl Iterator<Item = &'a mut ClaimedRecipient>,
) -> Result<(), StoreError> {
    let mut recipients: Vec<(String, &mut ClaimedRecipient)> = recipients
        .map(|row| (row.address.to_ascii_lowercase(), row))
        .collect();
    let mut listed: HashMap<String, String> = HashMap::new();
    for block in blocks(&recipients) {
        let sql = format!(
            "SELECT address, reply FROM suppression WHERE address IN ({})",
            list(0, block.places)
        );
        let mut query = sqlx::query_as(in_order(connection, sql));
        for row in block.iter() {
            query = query.bind(row.map(|(address, _)| address));
        }
        listed.extend(query.fetch_all(&mut *connection).await?);
    }
    for (address, recipient) in &mut recipients {
        recipient.suppressed = listed.get(address).cloned();
    }
    Ok(())
}

/// Removes an address. Returns whether it was on the list.
///
/// # Errors
/// Where the database fails.
pub async fn remove(connection: &mut Connection, address: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM suppression WHERE address = $1")
        .bind(address.to_ascii_lowercase())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

struct SuppressionRow(Suppression);

impl FromRow<'_, AnyRow> for SuppressionRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self(Suppression {
            address: row.try_get(0)?,
            reply: row.try_get(1)?,
            listed: Timestamp(row.try_get(2)?),
            id: row.try_get(3)?,
        }))
    }
}

/// The first `limit` addresses with this prefix, in their order.
///
/// # Errors
/// Where the database fails.
pub async fn with_prefix(
    connection: &mut Connection,
    prefix: &str,
    limit: i64,
) -> Result<Vec<Suppression>, StoreError> {
    let prefix = prefix.to_ascii_lowercase();
    let rows: Vec<SuppressionRow> = sqlx::query_as(
        "SELECT address, reply, listed_at, message_id FROM suppression \
         WHERE address >= $1 AND address < $2 ORDER BY address LIMIT $3",
    )
    .bind(&prefix)
    .bind(super::after(&prefix))
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|SuppressionRow(suppression)| suppression)
        .collect())
}
