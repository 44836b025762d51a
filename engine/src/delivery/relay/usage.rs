//! The messages through limited relays, between this process and the database.

use std::time::Duration;

use tokio::time::sleep;

use crate::delivery::worker::Worker;
use crate::store::relays::usage;
use crate::store::{StoreError, commit, in_time};

/// How often they are written and read. Another node may exceed a limit by what it sends meanwhile.
const INTERVAL: Duration = Duration::from_secs(1);

impl Worker {
    /// Writes and reads the usage of relays for as long as it is polled.
    pub async fn sync_relay_usage(&self) {
        loop {
            sleep(INTERVAL).await;
            self.sync_relay_usage_once().await;
        }
    }

    /// Writes what is not in the database yet, and reads what other nodes added. Without limits there
    /// is nothing to do: a worker that stops need not wait for the database.
    pub async fn sync_relay_usage_once(&self) {
        if !self.pool.has_quotas() {
            return;
        }
        let usage = self.pool.take_unsaved_usage();
        let written = async {
            if !usage.is_empty() {
                let mut work = self.services.store.begin().await?;
                usage::add(&mut work, &usage).await?;
                commit(work).await?;
            }
            Ok::<(), StoreError>(())
        };
        if let Err(error) = in_time(written).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the messages through limited relays cannot be counted"
            );
            self.pool.restore_usage(usage);
            return;
        }
        let now = self.services.clock.now();
        let read = async {
            let mut connection = self.services.store.read().await?;
            usage::current(&mut connection, now).await
        };
        if let Ok(stored) = in_time(read).await {
            self.pool.load_usage(&stored, now);
        }
    }
}
