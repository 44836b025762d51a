//! The table `worker`: who delivers, as each tells of itself every few seconds.

use domain::outbox::Worker;

use super::{Connection, StoreError};

/// Notes what a worker tells of itself.
pub async fn heartbeat(
    connection: &mut Connection,
    id: &str,
    worker: &Worker,
    now: i64,
) -> Result<(), StoreError> {
    let trouble = worker.trouble.as_ref().map(serde_json::to_string);
    let trouble = trouble
        .transpose()
        .map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT INTO worker (id, host, seen_at, connections, per_minute, latency, trouble) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET \
         seen_at = excluded.seen_at, connections = excluded.connections, \
         per_minute = excluded.per_minute, latency = excluded.latency, trouble = excluded.trouble",
    )
    .bind(id)
    .bind(&worker.host)
    .bind(now)
    .bind(worker.connections)
    .bind(worker.per_minute)
    .bind(worker.latency)
    .bind(trouble)
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets a worker, and all that were not heard of since.
pub async fn forget(
    connection: &mut Connection,
    id: Option<&str>,
    before: i64,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM worker WHERE id = $1 OR seen_at < $2")
        .bind(id.unwrap_or_default())
        .bind(before)
        .execute(connection)
        .await?;
    Ok(())
}

type Row = (String, i64, i64, Option<i64>, Option<String>);

/// The workers that were heard of since.
pub async fn all(connection: &mut Connection, since: i64) -> Result<Vec<Worker>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT host, connections, per_minute, latency, trouble FROM worker \
         WHERE seen_at >= $1 ORDER BY host, id",
    )
    .bind(since)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(host, connections, per_minute, latency, trouble)| {
            let trouble = trouble.map(|text| serde_json::from_str(&text)).transpose();
            Ok(Worker {
                host,
                connections,
                per_minute,
                latency,
                trouble: trouble.map_err(|error| sqlx::Error::Decode(error.into()))?,
            })
        })
        .collect()
}
