//! Keeping leases while mail is in hand, telling the console how it goes, and hearing other nodes.

use std::time::Duration;

use domain::outbox::Worker as WorkerStatus;
use tokio::time::{Instant, sleep_until};

use super::Worker;
use crate::outbox::HEARTBEAT_TIMEOUT;
use crate::outbox::writer::Work;
use crate::store::{StoreError, commit, in_time, workers};

/// How often a worker tells of itself.
const HEARTBEAT: Duration = Duration::from_secs(5);

impl Worker {
    /// Tells and renews for as long as it is polled.
    pub async fn send_heartbeats(&self) {
        let renewing = self.delivery.lease / 3;
        let mut renew = Instant::now() + renewing;
        loop {
            if let Err(error) = in_time(self.heartbeat()).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a worker cannot tell of itself"
                );
            }
            let next = Instant::now() + HEARTBEAT;
            while Instant::now() < next {
                tokio::select! {
                    () = sleep_until(next) => {}
                    () = sleep_until(renew) => {
                        self.renew().await;
                        renew = Instant::now() + renewing;
                    }
                    () = self.pool.news.notified() => break,
                }
            }
        }
    }

    /// Looks for mail whenever another node says that there is some, for as long as it is polled.
    pub async fn listen_for_notifications(&self) {
        loop {
            match self.postern.store().listen().await {
                Ok(None) => std::future::pending().await,
                Ok(Some(mut listener)) => {
                    while listener.notified().await.is_ok() {
                        self.wake();
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "other nodes cannot be heard"
                    );
                }
            }
            tokio::time::sleep(HEARTBEAT).await;
        }
    }

    async fn heartbeat(&self) -> Result<(), StoreError> {
        let reading = self.postern.outbox().meter.read();
        let now = self.postern.now();
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let status = WorkerStatus {
            host: self.delivery.host.clone(),
            connections: number(reading.connections),
            per_minute: number(reading.per_minute),
            latency: reading.latency.map(number),
            trouble: self.pool.backoff_view((now, self.postern.monotonic())),
        };
        let mut work = self.postern.store().begin().await?;
        workers::heartbeat(&mut work, &self.id, &status, now.0).await?;
        workers::forget(&mut work, None, now.0 - HEARTBEAT_TIMEOUT).await?;
        commit(work).await
    }

    async fn renew(&self) {
        let places = self.pool.leases.all();
        if places.is_empty() {
            return;
        }
        let work = Work::Extend {
            owner: self.id.clone(),
            places,
            due: self.postern.now() + self.delivery.lease,
            keep: true,
        };
        let begun = Instant::now();
        if let Ok(written) = self.write(work).await {
            self.pool.leases.renewed(&written.extended, begun);
        }
    }

    /// Is no longer among those who deliver.
    pub async fn deregister(&self) {
        let gone = async {
            let mut work = self.postern.store().begin().await?;
            let now = self.postern.now();
            workers::forget(&mut work, Some(&self.id), now.0 - HEARTBEAT_TIMEOUT).await?;
            commit(work).await
        };
        drop(in_time(gone).await);
    }
}
