//! The table `pipelining_trial`: whether a relay bears a pipelined next transaction.

use domain::Timestamp;

use super::{Connection, StoreError};

/// The outcome of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipeliningTrial {
    /// The relay's greeting, without what differs from one connection to the next.
    pub greeting: String,
    /// Whether a pipelined next transaction succeeded.
    pub works: bool,
    pub tried: Timestamp,
}

/// The trials of a relay, given as its host and port, the newest first.
///
/// # Errors
/// Where the database fails.
pub async fn of_relay(
    connection: &mut Connection,
    relay: &str,
) -> Result<Vec<PipeliningTrial>, StoreError> {
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT greeting, works, tried_at FROM pipelining_trial WHERE relay = $1 \
         ORDER BY tried_at DESC LIMIT 16",
    )
    .bind(relay)
    .fetch_all(connection)
    .await?;
    let trial = |(greeting, works, tried)| PipeliningTrial {
        greeting,
        works: works != 0,
        tried: Timestamp(tried),
    };
    Ok(rows.into_iter().map(trial).collect())
}

/// Records a trial in the place of an earlier one.
///
/// # Errors
/// Where the database fails.
pub async fn write(
    connection: &mut Connection,
    relay: &str,
    trial: &PipeliningTrial,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO pipelining_trial (relay, greeting, works, tried_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (relay, greeting) DO UPDATE SET \
         works = excluded.works, tried_at = excluded.tried_at",
    )
    .bind(relay)
    .bind(&trial.greeting)
    .bind(i64::from(trial.works))
    .bind(trial.tried.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes trials made before `oldest`.
///
/// # Errors
/// Where the database fails.
pub async fn delete_before(
    connection: &mut Connection,
    oldest: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM pipelining_trial WHERE tried_at < $1")
        .bind(oldest.0)
        .execute(connection)
        .await?;
    Ok(())
}
