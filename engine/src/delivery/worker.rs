//! A worker: its parts, its writes through the group commit, and its shutdown.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use domain::Refusal;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::config::{DeliveryConfig, DeliveryServices};
use super::disposition::interruptions::Interruptions;
use super::limits::in_doubt::InDoubt;
use super::limits::message_memory::MessageMemory;
use super::pool::Pool;
use super::scheduler::reservations::Reservations;

use crate::outbox::{Lease, WriteRequest, WriteResult};
use crate::store::recipients::{self, RecipientKey};
use crate::store::{StoreError, commit, in_time};

/// How long to wait before a failed write is tried again.
pub(super) const RETRY_WRITE: Duration = Duration::from_secs(1);

/// How long the results of abandoned attempts may take to be written.
const LAST_WRITES: Duration = Duration::from_secs(3);

/// A worker of this process.
pub(super) struct Worker {
    pub services: DeliveryServices,
    pub id: Arc<str>,
    pub config: DeliveryConfig,
    pub pool: Pool,
    pub reservations: Reservations,
    /// The greatest flow that the last claim took from.
    pub last_claimed: AtomicI64,
    /// The messages whose result is not on disk.
    pub in_doubt: InDoubt,
    /// The messages that end sessions.
    pub interruptions: Interruptions,
    /// The octets of messages that may be in memory.
    pub memory: MessageMemory,
    /// Wakes the claiming task.
    pub wake: Notify,
    /// Set when attempts under way are abandoned.
    pub abandoned: watch::Sender<bool>,
}

impl Worker {
    pub fn new(services: DeliveryServices, config: DeliveryConfig) -> Self {
        Self {
            id: ulid::Ulid::new().to_string().into(),
            pool: Pool::new(config.connections, config.lease, services.clock.clone()),
            reservations: Reservations::default(),
            last_claimed: AtomicI64::new(0),
            in_doubt: InDoubt::new(config.in_doubt),
            interruptions: Interruptions::default(),
            memory: MessageMemory::default(),
            wake: Notify::new(),
            abandoned: watch::Sender::new(false),
            config,
            services,
        }
    }

    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// A lease of this worker that begins now.
    pub fn new_lease(&self) -> Lease {
        Lease {
            owner: self.id.clone(),
            end: self.services.clock.now() + self.config.lease,
        }
    }

    /// Writes a request, and applies the control state that its commit read.
    ///
    /// # Errors
    /// [`Kind::Unavailable`](domain::Kind::Unavailable) where the database fails.
    pub async fn write(&self, request: WriteRequest) -> Result<WriteResult, Refusal> {
        let written = self.services.outbox.group_commit().write(request).await?;
        self.pool.observe(written.control);
        Ok(written)
    }

    /// Releases leases without an attempt. Where that cannot be written, they end by themselves.
    pub async fn release_leases(&self, keys: Vec<RecipientKey>) {
        self.defer(keys, Duration::ZERO).await;
    }

    /// As [`Worker::release_leases`]; the recipients are due after `wait`.
    pub async fn defer(&self, keys: Vec<RecipientKey>, wait: Duration) {
        if keys.is_empty() {
            return;
        }
        let request = WriteRequest::Release {
            owner: self.id.clone(),
            due: self.services.clock.now() + wait,
            keys,
        };
        drop(self.write(request).await);
    }

    /// Waits up to `grace` for attempts under way, abandons the rest, and releases all leases.
    pub async fn stop(&self, grace: Duration) {
        self.reservations.close();
        self.pool.stop();
        tokio::select! {
            _ = timeout(grace, self.idle()) => {}
            () = self.send_heartbeats() => {}
            () = self.renew_leases() => {}
        }
        self.abandoned.send_replace(true);
        let _ = timeout(LAST_WRITES, self.idle()).await;
        if let Err(error) = in_time(self.release_all()).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "leases could not be released; delivery goes on when they end"
            );
        }
        self.sync_relay_usage_once().await;
        self.deregister().await;
    }

    /// Waits until no attempt, no reservation and no result is left.
    async fn idle(&self) {
        let is_idle =
            || self.pool.is_idle() && self.reservations.is_empty() && self.in_doubt.is_recorded();
        while !is_idle() {
            self.pool.idle.notified().await;
        }
    }

    async fn release_all(&self) -> Result<(), StoreError> {
        let now = self.services.clock.now();
        let mut work = self.services.store.begin().await?;
        recipients::release_all(&mut work, &self.id, now).await?;
        commit(work).await
    }
}
