//! The hold of `--hold-mail`: a row that pauses delivery in all processes on the database.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::processes::{HEARTBEAT_INTERVAL, forget_processes};
use crate::Clock;
use crate::store::delivery::{pause, workers};
use crate::store::{Store, StoreError, commit, in_time};

/// The time until a heartbeat that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The hold of this process. Dropped without [`Hold::end`], it ends
/// [`HEARTBEAT_TIMEOUT`](super::processes::HEARTBEAT_TIMEOUT) after its last heartbeat.
pub(crate) struct Hold {
    row: Arc<HoldRow>,
    heartbeats: JoinHandle<()>,
}

struct HoldRow {
    store: Store,
    clock: Clock,
    id: String,
    host: String,
    /// Locked while the row is written: no heartbeat comes after the row is deleted.
    ended: Mutex<bool>,
}

impl Hold {
    /// Writes the row, and spawns a task that keeps it live. Every transaction that begins after this
    /// returns sees delivery paused.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn begin(store: Store, clock: Clock, host: String) -> Result<Self, StoreError> {
        let row = Arc::new(HoldRow {
            store,
            clock,
            id: ulid::Ulid::new().to_string(),
            host,
            ended: Mutex::new(false),
        });
        in_time(row.heartbeat()).await?;
        let heartbeats = tokio::spawn(send_heartbeats(row.clone()));
        Ok(Self { row, heartbeats })
    }

    /// The machine of this process.
    pub fn host(&self) -> &str {
        &self.row.host
    }

    /// Deletes the row. Where that cannot be written, the hold ends with its last heartbeat.
    pub async fn end(&self) {
        drop(in_time(self.row.delete()).await);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.heartbeats.abort();
    }
}

impl HoldRow {
    async fn heartbeat(&self) -> Result<(), StoreError> {
        let ended = self.ended.lock().await;
        if *ended {
            return Ok(());
        }
        let now = self.clock.now();
        let mut work = self.store.begin().await?;
        workers::hold(&mut work, &self.id, &self.host, now).await?;
        forget_processes(&mut work, None, now).await?;
        commit(work).await
    }

    async fn delete(&self) -> Result<(), StoreError> {
        let mut ended = self.ended.lock().await;
        *ended = true;
        let mut work = self.store.begin().await?;
        let now = self.clock.now();
        pause::resumed(&mut work, now).await?;
        forget_processes(&mut work, Some(&self.id), now).await?;
        commit(work).await
    }
}

async fn send_heartbeats(row: Arc<HoldRow>) {
    let mut wait = HEARTBEAT_INTERVAL;
    loop {
        sleep(wait).await;
        wait = match in_time(row.heartbeat()).await {
            Ok(()) => HEARTBEAT_INTERVAL,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the hold of --hold-mail cannot be renewed; other processes deliver once it has expired"
                );
                RETRY
            }
        };
    }
}
