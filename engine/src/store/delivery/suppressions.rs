//! The table `suppression`: addresses, in lower case, that a relay reported as nonexistent.

use std::collections::HashMap;
use std::time::Duration;

use domain::Timestamp;
use domain::outbox::{Suppression, SuppressionSearch};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use crate::store::database::direct::DirectTransaction;
use crate::store::database::rows::{blocks, contains, in_order, list};
use crate::store::recipients::ClaimedRecipient;
use crate::store::search::first_id;
use crate::store::{Connection, StoreError};

/// How long the suppressions of a relay are counted for its limit.
pub const LIMIT_PERIOD: Duration = Duration::from_secs(24 * 3600);

/// Adds an address, unless it is on the list or the relay has listed `limit` addresses within
/// [`LIMIT_PERIOD`]. An entry that has expired is replaced.
///
/// # Errors
/// Where the database fails.
pub async fn add(
    connection: &mut Connection,
    suppression: &Suppression,
    limit: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO suppression (address, relay, reply, listed_at, expires_at, message_id) \
         SELECT $1, $2, $3, $4, $5, $6 WHERE $7 > \
         (SELECT COUNT(*) FROM suppression WHERE relay = $2 AND listed_at > $8) \
         ON CONFLICT (address) DO UPDATE SET relay = excluded.relay, reply = excluded.reply, \
         listed_at = excluded.listed_at, expires_at = excluded.expires_at, \
         message_id = excluded.message_id WHERE suppression.expires_at <= excluded.listed_at",
    )
    .bind(suppression.address.to_ascii_lowercase())
    .bind(&suppression.relay)
    .bind(&suppression.reply)
    .bind(suppression.listed.0)
    .bind(suppression.expires.0)
    .bind(&suppression.id)
    .bind(limit)
    .bind((suppression.listed - LIMIT_PERIOD).0)
    .execute(connection)
    .await?;
    Ok(())
}

/// The number of addresses that a relay has listed since a time.
///
/// # Errors
/// Where the database fails.
pub async fn listed_since(
    connection: &mut Connection,
    relay: &str,
    since: Timestamp,
) -> Result<i64, StoreError> {
    let (number,): (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM suppression WHERE relay = $1 AND listed_at > $2")
            .bind(relay)
            .bind(since.0)
            .fetch_one(connection)
            .await?;
    Ok(number)
}

/// The numbers of addresses that relays have listed since a time, by relay. Those that listed none are
/// absent.
///
/// # Errors
/// Where the database fails.
pub async fn listed_by_relay(
    connection: &mut Connection,
    relays: &[String],
    since: Timestamp,
) -> Result<HashMap<String, i64>, StoreError> {
    let mut listed = HashMap::new();
    for block in blocks(relays) {
        let sql = format!(
            "SELECT relay, COUNT(*) FROM suppression WHERE listed_at > $1 AND relay IN ({}) \
             GROUP BY relay",
            list(1, block.places)
        );
        let mut query = sqlx::query_as(in_order(connection, sql)).bind(since.0);
        for relay in block.iter() {
            query = query.bind(relay);
        }
        let rows: Vec<(String, i64)> = query.fetch_all(&mut *connection).await?;
        listed.extend(rows);
    }
    Ok(listed)
}

/// The number of recipients of messages accepted since a time whose last attempt was made with a
/// relay. It reads all recipients since then.
///
/// # Errors
/// Where the database fails.
pub async fn recipients_since(
    connection: &mut Connection,
    relay: &str,
    since: Timestamp,
) -> Result<i64, StoreError> {
    let (number,): (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM recipient WHERE message_id >= $1 AND relay = $2")
            .bind(first_id(since))
            .bind(relay)
            .fetch_one(connection)
            .await?;
    Ok(number)
}

/// Sets [`ClaimedRecipient::suppressed`] of recipients whose address is on the list at `now`.
///
/// # Errors
/// Where the database fails.
pub async fn mark<'a>(
    connection: &mut Connection,
    recipients: impl Iterator<Item = &'a mut ClaimedRecipient>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut recipients: Vec<(String, &mut ClaimedRecipient)> = recipients
        .map(|row| (row.address.to_ascii_lowercase(), row))
        .collect();
    let mut listed: HashMap<String, String> = HashMap::new();
    for block in blocks(&recipients) {
        let sql = format!(
            "SELECT address, reply FROM suppression WHERE expires_at > $1 AND address IN ({})",
            list(1, block.places)
        );
        let mut query = sqlx::query_as(in_order(connection, sql)).bind(now.0);
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

/// The reply for which an address is on the list at `now`, in a direct transaction.
///
/// # Errors
/// Where the database fails.
pub fn reply_directly(
    work: &DirectTransaction<'_>,
    address: &str,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    work.query_row(
        "SELECT reply FROM suppression WHERE address = ? AND expires_at > ?",
        (address.to_ascii_lowercase(), now.0),
        |row| row.get(0),
    )
}

/// Whether an address is on the list at `now`.
///
/// # Errors
/// Where the database fails.
pub async fn contains_address(
    connection: &mut Connection,
    address: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let found =
        sqlx::query("SELECT address FROM suppression WHERE address = $1 AND expires_at > $2")
            .bind(address.to_ascii_lowercase())
            .bind(now.0)
            .fetch_optional(connection)
            .await?;
    Ok(found.is_some())
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

/// The condition of a search. Its parameters are those that [`bind_search`] binds.
const MATCHES: &str = "address >= $1 AND address < $2 AND lower(reply) LIKE $3 ESCAPE '\\' \
                       AND listed_at >= $4 AND expires_at > $5";

/// Binds the parameters of [`MATCHES`] for entries that are in force at `now`.
macro_rules! bind_search {
    ($query:expr, $search:expr, $now:expr) => {{
        let prefix = $search.address.to_ascii_lowercase();
        let after = crate::store::after(&prefix);
        $query
            .bind(prefix)
            .bind(after)
            .bind(contains(&$search.reply.to_ascii_lowercase()))
            .bind($search.since.map_or(0, |since| since.0))
            .bind($now.0)
    }};
}

/// The number of entries that match.
///
/// # Errors
/// Where the database fails.
pub async fn count(
    connection: &mut Connection,
    search: &SuppressionSearch,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let sql = format!("SELECT COUNT(*) FROM suppression WHERE {MATCHES}");
    let query = sqlx::query_as(AssertSqlSafe(sql));
    let (number,): (i64,) = bind_search!(query, search, now)
        .fetch_one(connection)
        .await?;
    Ok(number)
}

/// Removes the first `limit` entries that match. Returns how many were removed.
///
/// # Errors
/// Where the database fails.
pub async fn remove_matching(
    connection: &mut Connection,
    search: &SuppressionSearch,
    limit: i64,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let sql = format!(
        "DELETE FROM suppression WHERE address IN \
         (SELECT address FROM suppression WHERE {MATCHES} ORDER BY address LIMIT $6)"
    );
    let query = sqlx::query(AssertSqlSafe(sql));
    let done = bind_search!(query, search, now)
        .bind(limit)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

/// Removes up to `limit` entries that expired before `now`. Returns how many were removed.
///
/// # Errors
/// Where the database fails.
pub async fn remove_expired(
    connection: &mut Connection,
    limit: i64,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let removed = sqlx::query(
        "DELETE FROM suppression WHERE address IN \
         (SELECT address FROM suppression WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
    )
    .bind(now.0)
    .bind(limit)
    .execute(connection)
    .await?;
    Ok(removed.rows_affected())
}

struct SuppressionRow(Suppression);

impl FromRow<'_, AnyRow> for SuppressionRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self(Suppression {
            address: row.try_get(0)?,
            relay: row.try_get(1)?,
            reply: row.try_get(2)?,
            listed: Timestamp(row.try_get(3)?),
            expires: Timestamp(row.try_get(4)?),
            id: row.try_get(5)?,
        }))
    }
}

/// The first `limit` entries that match, in the order of their addresses.
///
/// # Errors
/// Where the database fails.
pub async fn matching(
    connection: &mut Connection,
    search: &SuppressionSearch,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Suppression>, StoreError> {
    let sql = format!(
        "SELECT address, relay, reply, listed_at, expires_at, message_id FROM suppression \
         WHERE {MATCHES} ORDER BY address LIMIT $6"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql));
    let rows: Vec<SuppressionRow> = bind_search!(query, search, now)
        .bind(limit)
        .fetch_all(connection)
        .await?;
    Ok(rows
        .into_iter()
        .map(|SuppressionRow(suppression)| suppression)
        .collect())
}
