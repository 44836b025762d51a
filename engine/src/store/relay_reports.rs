//! The table `relay_health`: what workers report of relays.

use domain::Timestamp;

use super::relay_health::RelayRevision;
use super::{Connection, StoreError};

/// What a worker has found out, in the order of scopes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RelayReports {
    /// The relays that accepted mail.
    pub accepting: Vec<RelayRevision>,
    /// The relays that began to back off.
    pub failing: Vec<RelayRevision>,
}

/// Notes that relays accepted mail. The check of one that is down becomes due.
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

/// Makes the checks of relays due from which a worker began to back off, unless they are known to be
/// down. Mail that they accepted before stands in for no check.
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
