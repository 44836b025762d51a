//! Heartbeats of a worker, the renewal of its leases, and notifications from other nodes.

use std::time::Duration;

use domain::outbox::Worker as WorkerStatus;
use tokio::time::{Instant, sleep, sleep_until};

use super::worker::Worker;
use crate::outbox::{HEARTBEAT_TIMEOUT, WriteRequest};
use crate::store::{StoreError, commit, in_time, workers};

/// The time between two heartbeats. A change of the relay's state sends one at once.
const HEARTBEAT: Duration = Duration::from_secs(5);

impl Worker {
    /// Sends heartbeats and renews leases for as long as it is polled.
    pub async fn send_heartbeats(&self) {
        let renewal = self.config.lease / 3;
        let mut renew = Instant::now() + renewal;
        loop {
            if let Err(error) = in_time(self.heartbeat()).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the heartbeat of this worker cannot be written"
                );
            }
            let next = Instant::now() + HEARTBEAT;
            while Instant::now() < next {
                tokio::select! {
                    () = sleep_until(next) => {}
                    () = sleep_until(renew) => {
                        self.renew_leases().await;
                        renew = Instant::now() + renewal;
                    }
                    () = self.pool.status_changed.notified() => break,
                }
            }
        }
    }

    /// Wakes the claiming task at each notification of another node, for as long as it is polled.
    pub async fn listen_for_notifications(&self) {
        loop {
            match self.services.store.listen().await {
                Ok(None) => std::future::pending().await,
                Ok(Some(mut listener)) => {
                    while listener.notified().await.is_ok() {
                        self.wake();
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "notifications of other nodes cannot be received"
                    );
                }
            }
            sleep(HEARTBEAT).await;
        }
    }

    async fn heartbeat(&self) -> Result<(), StoreError> {
        let reading = self.services.outbox.meter().read();
        let now = self.services.clock.now();
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let monotonic = self.services.clock.monotonic();
        let status = WorkerStatus {
            host: self.config.host.clone(),
            connections: number(reading.connections),
            per_minute: number(reading.per_minute),
            latency: reading.latency.map(number),
            trouble: self.pool.backoff_view(now, monotonic),
        };
        let mut work = self.services.store.begin().await?;
        workers::heartbeat(&mut work, &self.id, &status, now).await?;
        workers::forget(&mut work, None, now - HEARTBEAT_TIMEOUT).await?;
        commit(work).await
    }

    async fn renew_leases(&self) {
        let keys = self.pool.leases.keys();
        if keys.is_empty() {
            return;
        }
        let request = WriteRequest::Renew {
            lease: self.new_lease(),
            keys,
        };
        let since = Instant::now();
        if let Ok(written) = self.write(request).await {
            self.pool.leases.renewed(&written.renewed, since);
        }
    }

    /// Deletes the row of this worker.
    pub async fn deregister(&self) {
        let gone = async {
            let mut work = self.services.store.begin().await?;
            let expired = self.services.clock.now() - HEARTBEAT_TIMEOUT;
            workers::forget(&mut work, Some(&self.id), expired).await?;
            commit(work).await
        };
        drop(in_time(gone).await);
    }
}
