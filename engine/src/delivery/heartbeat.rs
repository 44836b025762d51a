//! Heartbeats of a worker, and notifications from other nodes.

use std::time::Duration;

use domain::Timestamp;
use domain::outbox::Worker as WorkerStatus;
use tokio::time::{Instant, sleep, sleep_until};

use super::relay::reports::BATCH;
use super::relay::resumption::resumed;
use super::worker::Worker;
use crate::outbox::{HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT, MeterReading, forget_processes};
use crate::store::delivery::workers;
use crate::store::relays::reports;
use crate::store::{StoreError, commit, in_time};

/// The time between two heartbeats while messages are delivered, so that the rate in the console is
/// at most so old.
const HEARTBEAT_DELIVERING: Duration = Duration::from_secs(1);

/// The counts of a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    delivered: u64,
    connections: u64,
}

impl Counts {
    fn of(reading: &MeterReading) -> Self {
        Self {
            delivered: reading.delivered,
            connections: reading.connections,
        }
    }
}

/// The time until the heartbeat after one with the counts `sent`, where they are `now` at present.
fn interval(sent: Option<Counts>, now: Counts) -> Duration {
    match sent {
        Some(sent) if sent == now => HEARTBEAT_INTERVAL,
        _ => HEARTBEAT_DELIVERING,
    }
}

impl Worker {
    /// Sends heartbeats for as long as it is polled.
    pub async fn send_heartbeats(&self) {
        loop {
            let sent = in_time(self.heartbeat()).await;
            if let Err(error) = &sent {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    "the heartbeat of this worker cannot be written"
                );
            }
            let (sent, begun) = (sent.ok(), Instant::now());
            loop {
                let counts = Counts::of(&self.services.outbox.meter().read());
                let next = begun + interval(sent, counts);
                if next <= Instant::now() {
                    break;
                }
                tokio::select! {
                    () = sleep_until(next.min(Instant::now() + HEARTBEAT_DELIVERING)) => {}
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
            sleep(HEARTBEAT_INTERVAL).await;
        }
    }

    async fn heartbeat(&self) -> Result<Counts, StoreError> {
        let reading = self.services.outbox.meter().read();
        let now = self.services.clock.now();
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let monotonic = self.services.clock.monotonic();
        let status = WorkerStatus {
            host: self.services.host.to_string(),
            connections: number(reading.connections),
            per_minute: number(reading.per_minute),
            latency: reading.latency,
            relays: i64::try_from(self.pool.of_organisation()).unwrap_or(i64::MAX),
            backoffs: self.pool.backoff_views(now, monotonic),
        };
        let connections = self.services.outbox.meter().connections();
        let connections = connections
            .into_iter()
            .map(|(relay, open)| (relay.relay_id(), open))
            .collect();
        let live = now - HEARTBEAT_TIMEOUT;
        self.record_resumed(&status, live, now).await?;
        let mut work = self.services.store.begin().await?;
        workers::heartbeat(&mut work, &self.id, &status, &connections, now, live).await?;
        forget_processes(&mut work, None, now).await?;
        commit(work).await?;
        Ok(Counts::of(&reading))
    }

    /// Records which relays take mail again by a heartbeat that follows those since `live`.
    async fn record_resumed(
        &self,
        status: &WorkerStatus,
        live: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let store = &self.services.store;
        let processes = workers::all(&mut *store.read().await?, live).await?;
        let relays = Vec::from_iter(resumed(&processes.workers, &status.backoffs));
        for relays in relays.chunks(BATCH) {
            let mut work = store.begin().await?;
            reports::resumed(&mut work, relays, now).await?;
            commit(work).await?;
        }
        Ok(())
    }

    /// Deletes the row of this worker.
    pub async fn deregister(&self) {
        let gone = async {
            let mut work = self.services.store.begin().await?;
            let now = self.services.clock.now();
            forget_processes(&mut work, Some(&self.id), now).await?;
            commit(work).await
        };
        drop(in_time(gone).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_shown_after_a_second() {
        let counts = |delivered, connections| Counts {
            delivered,
            connections,
        };
        for (sent, now, expected) in [
            (Some(counts(0, 0)), counts(0, 0), HEARTBEAT_INTERVAL),
            (Some(counts(0, 0)), counts(36, 0), HEARTBEAT_DELIVERING),
            (Some(counts(36, 1)), counts(36, 0), HEARTBEAT_DELIVERING),
            (None, counts(0, 0), HEARTBEAT_DELIVERING),
        ] {
            assert_eq!(interval(sent, now), expected, "{sent:?} {now:?}");
        }
    }
}
