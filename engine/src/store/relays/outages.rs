//! The table `relay_outage`: outages of relays that were notified, and whose end was not.

use domain::Timestamp;
use domain::health::HealthState;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::health_changes::state_of;
use crate::store::{Connection, Scope, StoreError};

/// An outage that was notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayOutage {
    /// The state that was notified last.
    pub state: HealthState,
    /// The time of the first failed check; `None` for outages of earlier versions.
    pub failing_since: Option<Timestamp>,
}

impl FromRow<'_, AnyRow> for RelayOutage {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let state: &str = row.try_get(0)?;
        let failing_since: Option<i64> = row.try_get(1)?;
        Ok(Self {
            state: state_of(state)?,
            failing_since: failing_since.map(Timestamp),
        })
    }
}

/// The outage of a relay; `None` if none was notified, or its end was.
///
/// # Errors
/// Where the database fails.
pub async fn read(
    connection: &mut Connection,
    scope: Scope,
) -> Result<Option<RelayOutage>, StoreError> {
    let query = sqlx::query_as("SELECT state, failing_since FROM relay_outage WHERE relay_id = $1");
    let query = query.bind(scope.relay_id());
    Ok(query.fetch_optional(connection).await?)
}

/// Writes the outage of a relay.
///
/// # Errors
/// Where the database fails.
pub async fn write(
    connection: &mut Connection,
    scope: Scope,
    outage: RelayOutage,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO relay_outage (relay_id, state, failing_since) VALUES ($1, $2, $3) \
         ON CONFLICT (relay_id) DO UPDATE SET \
         state = excluded.state, failing_since = excluded.failing_since",
    )
    .bind(scope.relay_id())
    .bind(outage.state.as_str())
    .bind(outage.failing_since.map(|at| at.0))
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the outage of a relay, if there is one.
///
/// # Errors
/// Where the database fails.
pub async fn remove(connection: &mut Connection, scope: Scope) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM relay_outage WHERE relay_id = $1")
        .bind(scope.relay_id())
        .execute(connection)
        .await?;
    Ok(())
}
