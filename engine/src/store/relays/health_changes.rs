//! The table `relay_health_change`: the history of the state of relays.

use domain::Timestamp;
use domain::health::HealthState;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use crate::store::{Connection, Scope, StoreError};

/// A state, and when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateChange {
    pub state: HealthState,
    pub at: Timestamp,
}

fn decode_error(text: String) -> sqlx::Error {
    sqlx::Error::Decode(text.into())
}

/// The scope of the relay with this id, or of the relay of an account.
pub(super) fn scope_of(id: &str) -> Result<Scope, sqlx::Error> {
    let scope = Scope::of_relay_id(id);
    scope.ok_or_else(|| decode_error(format!("the id of a relay: {id}")))
}

/// Parses the name of a state.
pub(super) fn state_of(name: &str) -> Result<HealthState, sqlx::Error> {
    let state = name.parse::<HealthState>();
    state.map_err(|_| decode_error(format!("the state of a relay: {name}")))
}

impl FromRow<'_, AnyRow> for StateChange {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let state: &str = row.try_get(0)?;
        Ok(Self {
            state: state_of(state)?,
            at: Timestamp(row.try_get(1)?),
        })
    }
}

/// Adds a change to the history of a relay.
///
/// # Errors
/// Where the database fails.
pub async fn add(
    connection: &mut Connection,
    scope: Scope,
    change: StateChange,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO relay_health_change (relay_id, at, state) VALUES ($1, $2, $3) \
         ON CONFLICT (relay_id, at) DO UPDATE SET state = excluded.state",
    )
    .bind(scope.relay_id())
    .bind(change.at.0)
    .bind(change.state.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// The changes of a relay since `since`, oldest first, and before them the one that led to the state
/// at that time.
///
/// # Errors
/// Where the database fails.
pub async fn of_relay(
    connection: &mut Connection,
    scope: Scope,
    since: Timestamp,
) -> Result<Vec<StateChange>, StoreError> {
    let query = sqlx::query_as(
        "SELECT state, at FROM relay_health_change WHERE relay_id = $1 AND at >= COALESCE(\
         (SELECT MAX(at) FROM relay_health_change WHERE relay_id = $1 AND at <= $2), $2) ORDER BY at",
    );
    let query = query.bind(scope.relay_id()).bind(since.0);
    Ok(query.fetch_all(connection).await?)
}

/// A change of a relay.
#[derive(Clone, Copy, Debug)]
pub struct ScopedChange {
    pub scope: Scope,
    pub change: StateChange,
}

impl FromRow<'_, AnyRow> for ScopedChange {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let id: &str = row.try_get(2)?;
        Ok(Self {
            scope: scope_of(id)?,
            change: StateChange::from_row(row)?,
        })
    }
}

/// The query reads a range of the primary key for each relay.
const OF_ORGANISATION: &str = "SELECT changed.state, changed.at, changed.relay_id \
    FROM relay CROSS JOIN relay_health_change AS changed \
    WHERE changed.relay_id = relay.id AND changed.at >= COALESCE(\
    (SELECT MAX(earlier.at) FROM relay_health_change AS earlier \
    WHERE earlier.relay_id = relay.id AND earlier.at <= $1), $1) \
    ORDER BY changed.relay_id, changed.at";

/// The changes of the relays of the organisation since `since`, of each relay the oldest first, and before
/// them the one that led to its state at that time.
///
/// # Errors
/// Where the database fails.
pub async fn of_organisation(
    connection: &mut Connection,
    since: Timestamp,
) -> Result<Vec<ScopedChange>, StoreError> {
    let query = sqlx::query_as(OF_ORGANISATION).bind(since.0);
    Ok(query.fetch_all(connection).await?)
}

/// Deletes changes from before `before`, except the newest of each relay that is checked: its state
/// may have lasted since.
///
/// # Errors
/// Where the database fails.
pub async fn delete_before(
    connection: &mut Connection,
    before: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM relay_health_change WHERE at < $1 AND (\
         at < (SELECT MAX(newer.at) FROM relay_health_change AS newer \
         WHERE newer.relay_id = relay_health_change.relay_id AND newer.at < $1) \
         OR relay_id NOT IN (SELECT relay_id FROM relay_health))",
    )
    .bind(before.0)
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::query_plan::query_plan;
    use crate::store::relays::health::{RelayRevision, begin};
    use crate::store::{Store, commit};

    #[tokio::test]
    async fn changes_before_the_time_are_not_read() {
        let plan = query_plan(OF_ORGANISATION).await.join("; ");
        assert!(plan.contains("(relay_id=? AND at>?)"), "{plan}");
        assert!(
            !plan.contains("SCAN changed") && !plan.contains("SCAN earlier"),
            "{plan}"
        );
    }

    #[tokio::test]
    async fn the_newest_change_before_the_retention_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        let mut work = store.begin().await.expect("begins");
        let gone = Scope::of_relay("01JD0000000000000000000000").expect("an id");
        let relay = RelayRevision {
            scope: Scope::Global,
            revision: 1,
        };
        let first = Timestamp(1);
        begin(&mut work, relay, first, first).await.expect("begins");
        for (scope, state, at) in [
            (Scope::Global, HealthState::Healthy, 2),
            (Scope::Global, HealthState::Down, 3),
            (Scope::Global, HealthState::Healthy, 12),
            (gone, HealthState::Unknown, 3),
        ] {
            let at = Timestamp(at);
            let added = add(&mut work, scope, StateChange { state, at }).await;
            added.expect("added");
        }
        delete_before(&mut work, Timestamp(10))
            .await
            .expect("deleted");
        for (since, expected) in [(0, &[3, 12][..]), (5, &[3, 12]), (20, &[12])] {
            let all = of_organisation(&mut work, Timestamp(since)).await;
            let all: Vec<_> = all
                .expect("read")
                .iter()
                .map(|row| (row.scope, row.change.at.0))
                .collect();
            let of_relays: Vec<_> = expected.iter().map(|at| (Scope::Global, *at)).collect();
            assert_eq!(all, of_relays, "since {since}");
            let found = of_relay(&mut work, Scope::Global, Timestamp(since)).await;
            let found: Vec<i64> = found
                .expect("read")
                .iter()
                .map(|change| change.at.0)
                .collect();
            assert_eq!(found, expected, "since {since}");
        }
        commit(work).await.expect("commits");
    }
}
