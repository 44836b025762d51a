//! The table `relay_health`: what workers report of relays.

use std::collections::BTreeMap;

use domain::Timestamp;
use sqlx::AssertSqlSafe;

use super::health::RelayRevision;
use crate::store::scope::ACCOUNT;
use crate::store::{Connection, Scope, StoreError};

/// The report of a worker, in the order of scopes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RelayReports {
    /// The relays that accepted mail.
    pub accepting: Vec<RelayRevision>,
    /// The relays that began to back off.
    pub failing: Vec<RelayRevision>,
}

/// Records that relays accepted mail. The check of a relay that is down becomes due.
///
/// # Errors
/// Where the database fails.
pub async fn accepted_mail(
    connection: &mut Connection,
    relays: &[RelayRevision],
    now: Timestamp,
) -> Result<(), StoreError> {
    for relay in relays {
        sqlx::query(
            "UPDATE relay_health SET mail_at = $1, due_at = CASE WHEN owner IS NULL \
             AND state = 'down' AND due_at > $1 THEN $1 ELSE due_at END \
             WHERE relay_id = $2 AND revision = $3",
        )
        .bind(now.0)
        .bind(relay.scope.relay_id())
        .bind(relay.revision)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Makes the checks of relays due that a worker began to back off from, unless they are known to be
/// down. Mail that they accepted before does not replace these checks.
///
/// # Errors
/// Where the database fails.
pub async fn backed_off(
    connection: &mut Connection,
    relays: &[RelayRevision],
    now: Timestamp,
) -> Result<(), StoreError> {
    for relay in relays {
        sqlx::query(
            "UPDATE relay_health SET mail_at = NULL, due_at = $1 WHERE relay_id = $2 \
             AND revision = $3 AND owner IS NULL AND state <> 'down' AND due_at > $1",
        )
        .bind(now.0)
        .bind(relay.scope.relay_id())
        .bind(relay.revision)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Records that relays take mail again after every worker had backed off from them. `relays` are in
/// the order of scopes.
///
/// # Errors
/// Where the database fails.
pub async fn resumed(
    connection: &mut Connection,
    relays: &[Scope],
    now: Timestamp,
) -> Result<(), StoreError> {
    for relay in relays {
        sqlx::query("UPDATE relay_health SET resumed_at = $1 WHERE relay_id = $2")
            .bind(now.0)
            .bind(relay.relay_id())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// When relays last took mail again after every worker had backed off from them, by their ids: those of the
/// organisation, and `own`.
///
/// # Errors
/// Where the database fails.
pub async fn resumptions(
    connection: &mut Connection,
    own: Option<Scope>,
) -> Result<BTreeMap<String, Timestamp>, StoreError> {
    let sql = format!(
        "SELECT relay_id, resumed_at FROM relay_health WHERE resumed_at IS NOT NULL \
         AND (relay_id NOT LIKE '{ACCOUNT}%' OR relay_id = $1)"
    );
    let rows: Vec<(String, i64)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(own.map(Scope::relay_id).unwrap_or_default())
        .fetch_all(connection)
        .await?;
    let rows = rows.into_iter();
    Ok(rows.map(|(relay, at)| (relay, Timestamp(at))).collect())
}
