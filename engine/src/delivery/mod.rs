//! A worker: takes mail that is due, delivers it over the connections of a relay, and records what
//! became of it. Several may work on one database.
//!
//! `claim` takes mail, `offer` has it handed over, `pool` holds what is at hand, `run` delivers over
//! one `connection`, `disposition` decides what becomes of a message, `concurrency_limit` how many connections a relay is
//! given, `backoff` when one is tried again, `heartbeat` keeps leases and tells the console.

mod claim;
mod concurrency_limit;
mod connection;
mod disposition;
mod heartbeat;
mod leases;
mod mail;
mod pool;
mod relay_backoff;
mod reservation;
mod route;
mod task;

use std::sync::Arc;
use std::time::Duration;

use domain::Refusal;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::timeout;

use crate::Postern;
use crate::outbox::retention::Retention;
use crate::outbox::writer::{Work, Written};
use crate::store::recipients::{self, Place};
use crate::store::{StoreError, commit, in_time};
use pool::Pool;
use reservation::Reservations;

/// How long until a write that failed is tried again.
const RETRY_WRITE: Duration = Duration::from_secs(1);

/// What was given up may take so long to be written down.
const LAST_WRITES: Duration = Duration::from_secs(3);

/// How delivery is done.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The name of this machine.
    pub host: String,
    /// The most connections to a relay.
    pub connections: usize,
    /// How long mail is a worker's that is not heard of any more.
    pub lease: Duration,
    pub retention: Retention,
}

/// Who takes mail, and has it delivered.
pub struct Worker {
    postern: Postern,
    id: Arc<str>,
    delivery: Delivery,
    pool: Pool,
    reservations: Reservations,
    places: Arc<Semaphore>,
    /// The claimer is to look again.
    wake: Notify,
    /// What is under way is not waited for any more.
    given_up: watch::Sender<bool>,
}

impl Postern {
    /// Delivers mail until `stop` is over, and then for up to `grace` ends what is under way; what
    /// is not sent by then goes back. On SQLite the caller sees to it that there is one worker.
    pub async fn deliver(
        &self,
        delivery: Delivery,
        grace: Duration,
        stop: impl Future<Output = ()>,
    ) {
        let worker = Arc::new(Worker {
            postern: self.clone(),
            id: ulid::Ulid::new().to_string().into(),
            pool: Pool::new(delivery.connections, delivery.lease),
            given_up: watch::Sender::new(false),
            delivery,
            reservations: Reservations::default(),
            places: mail::places(),
            wake: Notify::new(),
        });
        self.outbox().works(&worker);
        tokio::select! {
            () = worker.clone().claim_mail() => {}
            () = worker.send_heartbeats() => {}
            () = worker.listen_for_notifications() => {}
            () = worker.delivery.retention.keep(self) => {}
            () = stop => {}
        }
        worker.end(grace).await;
    }
}

impl Worker {
    fn wake(&self) {
        self.wake.notify_one();
    }

    /// Lets what is under way end, gives up what does not, and gives the rest back.
    async fn end(&self, grace: Duration) {
        self.reservations.close();
        self.pool.stop();
        tokio::select! {
            _ = timeout(grace, self.quiet()) => {}
            () = self.send_heartbeats() => {}
        }
        self.given_up.send_replace(true);
        let _ = timeout(LAST_WRITES, self.quiet()).await;
        if let Err(error) = in_time(self.give_all_back()).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "mail could not be given back; it goes on when its lease is over"
            );
        }
        self.deregister().await;
    }

    /// Waits until nothing is under way.
    async fn quiet(&self) {
        while !(self.pool.is_quiet() && self.reservations.is_empty()) {
            self.pool.quiet.notified().await;
        }
    }

    async fn give_all_back(&self) -> Result<(), StoreError> {
        let now = self.postern.now();
        let mut work = self.postern.store().begin().await?;
        recipients::give_back(&mut work, &self.id, now.0).await?;
        commit(work).await
    }

    /// Has something written; what its commit saw counts from then on.
    async fn write(&self, work: Work) -> Result<Written, Refusal> {
        let written = self.postern.outbox().writer.write(work).await?;
        self.pool.observe(written.current);
        Ok(written)
    }

    /// Gives mail back untried. Where that cannot be written, its lease ends.
    async fn give_back(&self, places: Vec<Place>) {
        if places.is_empty() {
            return;
        }
        let work = Work::Extend {
            owner: self.id.clone(),
            places,
            due: self.postern.now(),
            keep: false,
        };
        drop(self.write(work).await);
    }
}
