//! Copying SQLite's log into the database beside the commits, so that none of them waits for it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AnyPool, Executor as _};
use tokio::sync::Notify;

/// How long is written on before it is copied again.
const EVERY: Duration = Duration::from_millis(500);

/// Copies while there is something to copy. A passive checkpoint keeps nobody from writing; the log
/// begins anew with the first commit that finds all of it copied.
pub async fn keep(pool: AnyPool, written: Arc<Notify>) {
    loop {
        written.notified().await;
        if pool.is_closed() {
            return;
        }
        // Where it cannot be copied now, the commits do it in the end.
        drop(pool.execute("PRAGMA wal_checkpoint(PASSIVE)").await);
        tokio::time::sleep(EVERY).await;
    }
}
