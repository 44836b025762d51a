//! The table `pipelining_trial`: whether a relay supports a pipelined next transaction.

use std::collections::HashMap;

use domain::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use crate::store::{Connection, StoreError};

/// The outcome of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipeliningTrial {
    /// The relay's greeting, without the parts that differ between connections.
    pub greeting: String,
    /// Whether a pipelined next transaction succeeded.
    pub works: bool,
    pub tried: Timestamp,
}

/// The number of trials of a relay that are read.
const TRIALS: usize = 16;

/// The newest trials of all relays by host and port, the newest first.
///
/// # Errors
/// Where the database fails.
pub async fn all(
    connection: &mut Connection,
) -> Result<HashMap<String, Vec<PipeliningTrial>>, StoreError> {
    let rows: Vec<TrialRow> = sqlx::query_as(
        "SELECT relay, greeting, works, tried_at FROM pipelining_trial ORDER BY tried_at DESC",
    )
    .fetch_all(connection)
    .await?;
    let mut trials: HashMap<String, Vec<PipeliningTrial>> = HashMap::new();
    for TrialRow { relay, trial } in rows {
        let of_relay = trials.entry(relay).or_default();
        if of_relay.len() < TRIALS {
            of_relay.push(trial);
        }
    }
    Ok(trials)
}

struct TrialRow {
    /// The host and port of the relay.
    relay: String,
    trial: PipeliningTrial,
}

impl FromRow<'_, AnyRow> for TrialRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let works: i64 = row.try_get(2)?;
        Ok(Self {
            relay: row.try_get(0)?,
            trial: PipeliningTrial {
                greeting: row.try_get(1)?,
                works: works != 0,
                tried: Timestamp(row.try_get(3)?),
            },
        })
    }
}

/// Records a trial, which replaces an earlier one.
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
