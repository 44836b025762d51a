//! The delivery service itself: a worker from its start to its shutdown.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::config::{DeliveryConfig, DeliveryServices};
use super::retention;
use super::worker::Worker;
use crate::outbox::LocalWorker;

/// The delivery service.
pub struct Delivery(DeliveryServices);

impl Delivery {
    pub(crate) fn new(services: DeliveryServices) -> Self {
        Self(services)
    }

    /// Delivers messages until `stop` completes, and then waits up to `grace` for attempts under way.
    /// Messages that are not sent by then are released. On SQLite the caller makes sure that there is
    /// one worker.
    pub async fn run(
        &self,
        config: DeliveryConfig,
        grace: Duration,
        stop: impl Future<Output = ()>,
    ) {
        let services = &self.0;
        let kept = config.retention;
        let worker = Arc::new(Worker::new(services.clone(), config));
        let weak: Weak<Worker> = Arc::downgrade(&worker);
        let weak: Weak<dyn LocalWorker> = weak;
        services.outbox.set_local_worker(weak);
        tokio::select! {
            () = worker.clone().claim_messages() => {}
            () = worker.send_heartbeats() => {}
            () = worker.renew_leases() => {}
            () = worker.listen_for_notifications() => {}
            () = worker.sync_relay_usage() => {}
            () = worker.report_relays() => {}
            () = worker.report_delays() => {}
            () = retention::run(kept, &services.store, &services.clock) => {}
            () = stop => {}
        }
        services.last_turn.end();
        worker.stop(grace).await;
    }
}
