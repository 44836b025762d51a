//! Passive WAL checkpoints of SQLite beside the commits, so that no commit waits for one.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AnyPool, Executor as _};
use tokio::sync::Notify;

/// The minimum time between two checkpoints.
const INTERVAL: Duration = Duration::from_millis(500);

/// Checkpoints after commits until the pool is closed. A passive checkpoint does not block writers;
/// the log restarts with the first commit after all of it was copied.
pub(super) async fn run(pool: AnyPool, written: Arc<Notify>) {
    loop {
        written.notified().await;
        if pool.is_closed() {
            return;
        }
        // After a failure a later commit makes the checkpoint (`wal_autocheckpoint`).
        drop(pool.execute("PRAGMA wal_checkpoint(PASSIVE)").await);
        tokio::time::sleep(INTERVAL).await;
    }
}
