//! The table `relay_health`: the state of relays as checks find it, and when the next are due.

use domain::Timestamp;
use domain::health::{HealthFailure, HealthState};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use super::health_changes::{self, StateChange, scope_of, state_of};
use crate::store::database::rows::{json, of_json};
use crate::store::scope::ACCOUNT;
use crate::store::{Connection, Scope, StoreError};

/// The results of the checks of a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthRecord {
    pub state: HealthState,
    pub since: Timestamp,
    /// The first failure since the relay was healthy.
    pub failing_since: Option<Timestamp>,
    /// The last failure since the relay was healthy.
    pub failure: Option<HealthFailure>,
    /// The newest results, the newest last; true for a success.
    pub recent: Vec<bool>,
    /// The time of the first of the equal results at the end of `recent`.
    pub run_since: Timestamp,
}

/// A relay that is checked.
#[derive(Clone, Debug)]
pub struct HealthRow {
    pub scope: Scope,
    /// The revision of the settings that the other fields refer to.
    pub revision: i64,
    pub record: HealthRecord,
    pub checked_at: Option<Timestamp>,
    /// When the relay last accepted mail, as reported by workers.
    pub mail_at: Option<Timestamp>,
    /// When the next check is due; during a check, the end of its lease.
    pub due_at: Timestamp,
    pub is_leased: bool,
}

/// A relay as of a revision of its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayRevision {
    pub scope: Scope,
    pub revision: i64,
}

/// The version of the routing, and the times of the first and the last check that are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agenda {
    pub version: i64,
    pub first_due: Option<Timestamp>,
    pub last_due: Option<Timestamp>,
}

/// The checks to claim.
#[derive(Clone, Copy, Debug)]
pub struct HealthClaim<'a> {
    pub owner: &'a str,
    pub now: Timestamp,
    pub lease_end: Timestamp,
    /// The maximum number of rows.
    pub limit: i64,
}

const COLUMNS: &str = "relay_id, revision, state, since, failing_since, failure, recent, run_since, \
                       checked_at, mail_at, due_at, owner";

impl FromRow<'_, AnyRow> for HealthRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let time = |index| -> Result<Option<Timestamp>, sqlx::Error> {
            let stored: Option<i64> = row.try_get(index)?;
            Ok(stored.map(Timestamp))
        };
        let (id, state): (&str, &str) = (row.try_get(0)?, row.try_get(2)?);
        let recent: &str = row.try_get(6)?;
        let failure: Option<&str> = row.try_get(5)?;
        let owner: Option<&str> = row.try_get(11)?;
        Ok(Self {
            scope: scope_of(id)?,
            revision: row.try_get(1)?,
            record: HealthRecord {
                state: state_of(state)?,
                since: Timestamp(row.try_get(3)?),
                failing_since: time(4)?,
                failure: failure.map(of_json).transpose()?,
                recent: recent.bytes().map(|result| result == b'+').collect(),
                run_since: Timestamp(row.try_get(7)?),
            },
            checked_at: time(8)?,
            mail_at: time(9)?,
            due_at: Timestamp(row.try_get(10)?),
            is_leased: owner.is_some(),
        })
    }
}

impl FromRow<'_, AnyRow> for Agenda {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let (first, last): (Option<i64>, Option<i64>) = (row.try_get(1)?, row.try_get(2)?);
        Ok(Self {
            version: row.try_get(0)?,
            first_due: first.map(Timestamp),
            last_due: last.map(Timestamp),
        })
    }
}

/// The version of the routing, and the times of the first and the last due check.
///
/// # Errors
/// Where the database fails.
pub async fn agenda(connection: &mut Connection) -> Result<Agenda, StoreError> {
    let query = sqlx::query_as(
        "SELECT version, (SELECT MIN(due_at) FROM relay_health), \
         (SELECT MAX(due_at) FROM relay_health) FROM routing",
    );
    Ok(query.fetch_one(connection).await?)
}

/// Reads all relays that are checked.
///
/// # Errors
/// Where the database fails.
pub async fn all(connection: &mut Connection) -> Result<Vec<HealthRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM relay_health");
    Ok(sqlx::query_as(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await?)
}

/// The relays of the organisation that are checked.
///
/// # Errors
/// Where the database fails.
pub async fn of_organisation(connection: &mut Connection) -> Result<Vec<HealthRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM relay_health WHERE relay_id NOT LIKE '{ACCOUNT}%'");
    Ok(sqlx::query_as(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await?)
}

/// Reads one relay; `None` if it is not checked.
///
/// # Errors
/// Where the database fails.
pub async fn read(
    connection: &mut Connection,
    scope: Scope,
) -> Result<Option<HealthRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM relay_health WHERE relay_id = $1");
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(scope.relay_id());
    Ok(query.fetch_optional(connection).await?)
}

/// Inserts a relay that is not checked yet, or resets it to that state, which is added to its history.
///
/// # Errors
/// Where the database fails.
pub async fn begin(
    connection: &mut Connection,
    relay: RelayRevision,
    now: Timestamp,
    due_at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO relay_health (relay_id, revision, state, since, recent, run_since, due_at) \
         VALUES ($1, $2, $3, $4, '', $4, $5) ON CONFLICT (relay_id) DO UPDATE SET \
         revision = excluded.revision, state = excluded.state, since = excluded.since, \
         failing_since = NULL, failure = NULL, recent = '', run_since = excluded.run_since, \
         checked_at = NULL, mail_at = NULL, due_at = excluded.due_at, owner = NULL",
    )
    .bind(relay.scope.relay_id())
    .bind(relay.revision)
    .bind(HealthState::Unknown.as_str())
    .bind(now.0)
    .bind(due_at.0)
    .execute(&mut *connection)
    .await?;
    let unknown = StateChange {
        state: HealthState::Unknown,
        at: now,
    };
    health_changes::add(connection, relay.scope, unknown).await
}

/// Deletes a relay. Its history ends with an unknown state.
///
/// # Errors
/// Where the database fails.
pub async fn end(
    connection: &mut Connection,
    scope: Scope,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM relay_health WHERE relay_id = $1")
        .bind(scope.relay_id())
        .execute(&mut *connection)
        .await?;
    let unknown = StateChange {
        state: HealthState::Unknown,
        at: now,
    };
    health_changes::add(connection, scope, unknown).await
}

/// Makes checks due that are later than `horizon`: a clock that was ahead wrote them.
///
/// # Errors
/// Where the database fails.
pub async fn advance_after(
    connection: &mut Connection,
    horizon: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE relay_health SET due_at = $1 WHERE due_at > $2")
        .bind(now.0)
        .bind(horizon.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Leases relays whose check is due, the longest due first.
///
/// # Errors
/// Where the database fails.
pub async fn claim(
    connection: &mut Connection,
    skip_locked: &str,
    claim: HealthClaim<'_>,
) -> Result<Vec<HealthRow>, StoreError> {
    Ok(sqlx::query_as(AssertSqlSafe(claim_sql(skip_locked)))
        .bind(claim.owner)
        .bind(claim.lease_end.0)
        .bind(claim.now.0)
        .bind(claim.limit)
        .fetch_all(connection)
        .await?)
}

fn claim_sql(skip_locked: &str) -> String {
    format!(
        "WITH due AS MATERIALIZED (SELECT relay_id AS id FROM relay_health \
         WHERE due_at <= $3 ORDER BY due_at LIMIT $4{skip_locked}) \
         UPDATE relay_health SET owner = $1, due_at = $2 FROM due WHERE relay_id = due.id \
         RETURNING {COLUMNS}"
    )
}

/// Ends a lease without a result.
///
/// # Errors
/// Where the database fails.
pub async fn release(
    connection: &mut Connection,
    owner: &str,
    scope: Scope,
    due_at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE relay_health SET owner = NULL, due_at = $1 WHERE relay_id = $2 AND owner = $3",
    )
    .bind(due_at.0)
    .bind(scope.relay_id())
    .bind(owner)
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes the result of a check, and ends its lease. Returns whether it was written: the result is
/// dropped if another process held the lease by then, or the settings were changed.
///
/// # Errors
/// Where the database fails.
pub async fn write(
    connection: &mut Connection,
    owner: &str,
    row: &HealthRow,
) -> Result<bool, StoreError> {
    let record = &row.record;
    let failure = record.failure.as_ref().map(json).transpose()?;
    let sign = |success: &bool| if *success { '+' } else { '-' };
    let recent: String = record.recent.iter().map(sign).collect();
    let written = sqlx::query(
        "UPDATE relay_health SET state = $1, since = $2, failing_since = $3, failure = $4, \
         recent = $5, run_since = $6, checked_at = $7, due_at = $8, owner = NULL \
         WHERE relay_id = $9 AND revision = $10 AND owner = $11",
    )
    .bind(record.state.as_str())
    .bind(record.since.0)
    .bind(record.failing_since.map(|at| at.0))
    .bind(failure)
    .bind(recent)
    .bind(record.run_since.0)
    .bind(row.checked_at.map(|at| at.0))
    .bind(row.due_at.0)
    .bind(row.scope.relay_id())
    .bind(row.revision)
    .bind(owner)
    .execute(connection)
    .await?;
    Ok(written.rows_affected() > 0)
}

/// Makes the check of a relay due, unless one is under way; mail that the relay accepted before does not
/// replace this check. Returns whether the relay is checked at all.
///
/// # Errors
/// Where the database fails.
pub async fn request(
    connection: &mut Connection,
    scope: Scope,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let found = sqlx::query(
        "UPDATE relay_health SET mail_at = NULL, due_at = CASE WHEN owner IS NULL AND due_at > $1 \
         THEN $1 ELSE due_at END WHERE relay_id = $2",
    )
    .bind(now.0)
    .bind(scope.relay_id())
    .execute(connection)
    .await?;
    Ok(found.rows_affected() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn relays_that_are_due_are_found_by_their_index() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        let mut connection = store.read().await.expect("a connection");
        let sql = format!("EXPLAIN QUERY PLAN {}", claim_sql(store.skip_locked()));
        let plan = sqlx::query(AssertSqlSafe(sql))
            .bind("owner")
            .bind(2_i64)
            .bind(1_i64)
            .bind(16_i64)
            .fetch_all(&mut *connection)
            .await
            .expect("a plan");
        let plan: Vec<String> = plan.iter().map(|row| row.get(3)).collect();
        let plan = plan.join("; ");
        assert!(plan.contains("relay_health_due (due_at<?)"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
