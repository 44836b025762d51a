//! The table `suppression`: addresses, in lower case, that a relay reported as nonexistent.

use std::collections::HashMap;

use domain::Timestamp;
use domain::outbox::Suppression;

use super::recipients::Claimed;
use super::rows::{blocks, in_order, list};
use super::{Connection, StoreError};

/// Lists an address, unless it is.
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

/// Notes on rows what a relay said of their addresses, where they are listed.
pub async fn mark<'a>(
    connection: &mut Connection,
    rows: impl Iterator<Item = &'a mut Claimed>,
) -> Result<(), StoreError> {
    let mut rows: Vec<(String, &mut Claimed)> = rows
        .map(|row| (row.address.to_ascii_lowercase(), row))
        .collect();
    let mut listed: HashMap<String, String> = HashMap::new();
    for block in blocks(&rows) {
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
    for (address, row) in &mut rows {
        row.suppressed = listed.get(address).cloned();
    }
    Ok(())
}

/// Removes an address; whether it was listed.
pub async fn remove(connection: &mut Connection, address: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM suppression WHERE address = $1")
        .bind(address.to_ascii_lowercase())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// The addresses that begin so, in their order, up to a number.
pub async fn beginning(
    connection: &mut Connection,
    prefix: &str,
    most: i64,
) -> Result<Vec<Suppression>, StoreError> {
    let prefix = prefix.to_ascii_lowercase();
    let rows: Vec<(String, String, i64, String)> = sqlx::query_as(
        "SELECT address, reply, listed_at, message_id FROM suppression \
         WHERE address >= $1 AND address < $2 ORDER BY address LIMIT $3",
    )
    .bind(&prefix)
    .bind(super::after(&prefix))
    .bind(most)
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(address, reply, listed, id)| Suppression {
            address,
            reply,
            listed: Timestamp(listed),
            id,
        })
        .collect())
}
