//! The processes on the database: their heartbeats, and when one is gone.

use std::time::Duration;

use domain::Timestamp;

use crate::store::delivery::{pause, workers};
use crate::store::{Connection, StoreError};

/// A process whose last heartbeat is older is gone: its worker and its hold.
pub(crate) const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(20);

/// The time between two heartbeats of a process.
pub(crate) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);

/// When the hold of a process ended that is gone without [`Hold::end`](super::hold::Hold::end); `None` without such
/// a row.
///
/// # Errors
/// Where the database fails.
pub(super) async fn expired_at(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let last = workers::last_hold(connection, now - HEARTBEAT_TIMEOUT).await?;
    Ok(last.map(|last| last + HEARTBEAT_TIMEOUT))
}

/// Deletes the rows of the processes that are gone, and the one with this id.
///
/// # Errors
/// Where the database fails.
pub(crate) async fn forget_processes(
    connection: &mut Connection,
    id: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(at) = expired_at(connection, now).await? {
        pause::resumed(connection, at).await?;
    }
    workers::forget(connection, id, now - HEARTBEAT_TIMEOUT).await
}
