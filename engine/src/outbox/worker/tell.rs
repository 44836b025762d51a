//! Keeping leases while mail is in hand, telling the console how it goes, and hearing other nodes.

use std::time::Duration;

use domain::outbox::Worker as Told;
use tokio::time::{Instant, sleep_until};

use super::Worker;
use crate::outbox::WORKER_SILENT;
use crate::outbox::writer::Work;
use crate::store::{StoreError, commit, in_time, workers};

/// How often a worker tells of itself.
const TELL: Duration = Duration::from_secs(5);

impl Worker {
    /// Tells and renews for as long as it is polled.
    pub async fn tell_of_itself(&self) {
        let renewing = self.delivery.lease / 3;
        let mut renew = Instant::now() + renewing;
        loop {
            if let Err(error) = in_time(self.tell()).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a worker cannot tell of itself"
                );
            }
            let next = Instant::now() + TELL;
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
    pub async fn hear_others(&self) {
        loop {
            match self.postern.store().bell().await {
                Ok(None) => std::future::pending().await,
                Ok(Some(mut bell)) => {
                    while bell.rings().await.is_ok() {
                        self.stir();
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "other nodes cannot be heard"
                    );
                }
            }
            tokio::time::sleep(TELL).await;
        }
    }

    async fn tell(&self) -> Result<(), StoreError> {
        let reading = self.postern.outbox().meter.read();
        let now = self.postern.now();
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let told = Told {
            host: self.delivery.host.clone(),
            connections: number(reading.connections),
            per_minute: number(reading.per_minute),
            latency: reading.latency.map(number),
            trouble: self.pool.backoff_view((now, self.postern.monotonic())),
        };
        let mut work = self.postern.store().begin().await?;
        workers::tell(&mut work, &self.id, &told, now.0).await?;
        workers::forget(&mut work, None, now.0 - WORKER_SILENT).await?;
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
    pub async fn say_goodbye(&self) {
        let gone = async {
            let mut work = self.postern.store().begin().await?;
            let now = self.postern.now();
            workers::forget(&mut work, Some(&self.id), now.0 - WORKER_SILENT).await?;
            commit(work).await
        };
        drop(in_time(gone).await);
    }
}
