//! The table `worker`: heartbeats of workers, and of processes with `--hold-mail`.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::outbox::Worker;
use domain::timestamp::milliseconds;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use crate::store::database::rows::{duration, json, of_json};
use crate::store::{Connection, StoreError};

/// The number of open connections by the id of the relay, without relays that have none.
pub type OpenConnections = BTreeMap<String, u64>;

/// Writes the heartbeat of a worker, which has these connections to relays. It delivers without a gap after
/// the workers whose last heartbeat was at `live` or later, itself included.
///
/// # Errors
/// Where the database fails.
pub async fn heartbeat(
    connection: &mut Connection,
    id: &str,
    worker: &Worker,
    connections: &OpenConnections,
    now: Timestamp,
    live: Timestamp,
) -> Result<(), StoreError> {
    let (backoffs, connections) = (json(&worker.backoffs)?, json(connections)?);
    sqlx::query(
        "INSERT INTO worker (id, host, seen_at, connections, per_minute, latency, relays, backoffs, \
         relay_connections, delivering_since) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, \
         COALESCE((SELECT MIN(delivering_since) FROM worker WHERE seen_at >= $10), $3)) \
         ON CONFLICT (id) DO UPDATE SET \
         seen_at = excluded.seen_at, connections = excluded.connections, \
         per_minute = excluded.per_minute, latency = excluded.latency, relays = excluded.relays, \
         backoffs = excluded.backoffs, relay_connections = excluded.relay_connections, \
         delivering_since = excluded.delivering_since",
    )
    .bind(id)
    .bind(&worker.host)
    .bind(now.0)
    .bind(worker.connections)
    .bind(worker.per_minute)
    .bind(worker.latency.map(milliseconds))
    .bind(worker.relays)
    .bind(backoffs)
    .bind(connections)
    .bind(live.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes the heartbeat of a process that holds mail.
///
/// # Errors
/// Where the database fails.
pub async fn hold(
    connection: &mut Connection,
    id: &str,
    host: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO worker (id, host, seen_at, connections, per_minute, hold_mail) \
         VALUES ($1, $2, $3, 0, 0, 1) ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at",
    )
    .bind(id)
    .bind(host)
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// The last heartbeat of the processes that held mail and had none at `live` or later; `None` without such a
/// process.
///
/// # Errors
/// Where the database fails.
pub async fn last_hold(
    connection: &mut Connection,
    live: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let query =
        sqlx::query_scalar("SELECT MAX(seen_at) FROM worker WHERE hold_mail = 1 AND seen_at < $1");
    let last: Option<i64> = query.bind(live.0).fetch_one(connection).await?;
    Ok(last.map(Timestamp))
}

/// Deletes a row, and all whose last heartbeat was before `before`.
///
/// # Errors
/// Where the database fails.
pub async fn forget(
    connection: &mut Connection,
    id: Option<&str>,
    before: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM worker WHERE id = $1 OR seen_at < $2")
        .bind(id.unwrap_or_default())
        .bind(before.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// The live processes.
#[derive(Debug, Default)]
pub struct Processes {
    pub workers: Vec<Worker>,
    /// The hosts of processes that hold mail.
    pub holding: Vec<String>,
}

struct WorkerRow {
    worker: Worker,
    hold_mail: bool,
}

impl FromRow<'_, AnyRow> for WorkerRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let backoffs: Option<&str> = row.try_get(5)?;
        let backoffs = backoffs.map(of_json).transpose()?;
        let hold_mail: i64 = row.try_get(6)?;
        let latency: Option<i64> = row.try_get(3)?;
        let worker = Worker {
            host: row.try_get(0)?,
            connections: row.try_get(1)?,
            per_minute: row.try_get(2)?,
            latency: latency.map(duration),
            relays: row.try_get(4)?,
            backoffs: backoffs.unwrap_or_default(),
        };
        Ok(Self {
            worker,
            hold_mail: hold_mail != 0,
        })
    }
}

/// The processes whose last heartbeat was at `since` or later.
///
/// # Errors
/// Where the database fails.
pub async fn all(connection: &mut Connection, since: Timestamp) -> Result<Processes, StoreError> {
    let rows: Vec<WorkerRow> = sqlx::query_as(
        "SELECT host, connections, per_minute, latency, relays, backoffs, hold_mail FROM worker \
         WHERE seen_at >= $1 ORDER BY host, id",
    )
    .bind(since.0)
    .fetch_all(connection)
    .await?;
    let mut processes = Processes::default();
    for row in rows {
        match row.hold_mail {
            true => processes.holding.push(row.worker.host),
            false => processes.workers.push(row.worker),
        }
    }
    Ok(processes)
}

/// The time since which a worker has always delivered; `None` if no worker had its last heartbeat at
/// `live` or later, or if these workers are of an earlier version.
///
/// # Errors
/// Where the database fails.
pub async fn delivering_since(
    connection: &mut Connection,
    live: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let query = sqlx::query_scalar("SELECT MIN(delivering_since) FROM worker WHERE seen_at >= $1");
    let since: Option<i64> = query.bind(live.0).fetch_one(connection).await?;
    Ok(since.map(Timestamp))
}

/// The open connections of the processes whose last heartbeat was at `since` or later, added up.
///
/// # Errors
/// Where the database fails.
pub async fn connections(
    connection: &mut Connection,
    since: Timestamp,
) -> Result<OpenConnections, StoreError> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT relay_connections FROM worker WHERE seen_at >= $1 AND relay_connections IS NOT NULL",
    )
    .bind(since.0)
    .fetch_all(connection)
    .await?;
    let mut sums = OpenConnections::new();
    for row in rows {
        for (relay, open) in of_json::<OpenConnections>(&row)? {
            let sum = sums.entry(relay).or_default();
            *sum = sum.saturating_add(open);
        }
    }
    Ok(sums)
}
