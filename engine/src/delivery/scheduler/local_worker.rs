//! The worker as the outbox knows it: messages leased in the commit that accepts them, and claims.

use std::sync::Arc;

use domain::Refusal;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::delivery::limits::message_memory::SMALL;
use crate::delivery::task::queued_message::group_by_message;
use crate::delivery::worker::Worker;
use crate::outbox::{Lease, LocalWorker, NewMessage, WriteRequest, WriteResult};
use crate::store::messages::flows::QueueClass;
use crate::store::messages::{StoredMessage, Submitter, parse_dsn};
use crate::store::recipients::RecipientKey;

/// A claim under way, until it is dropped: a worker that stops waits for it.
struct ClaimReservation(Arc<Worker>);

impl Drop for ClaimReservation {
    fn drop(&mut self) {
        self.0.reservations.end_claim();
        self.0.pool.idle.notify_one();
    }
}

/// The recipients that a claim leased, until they are in a local queue. Where this is dropped before, because
/// they could not be read or the time of the claim was up, their leases are released, except those that this
/// worker holds: one that ended while its message was on the wire is claimed again.
pub(in crate::delivery) struct UnqueuedLeases {
    worker: Arc<Worker>,
    keys: Vec<RecipientKey>,
}

impl UnqueuedLeases {
    /// They are in a local queue.
    pub fn queued(mut self) {
        self.keys.clear();
    }
}

impl Drop for UnqueuedLeases {
    fn drop(&mut self) {
        let worker = self.worker.clone();
        let keys = worker
            .pool
            .leases
            .without_held(std::mem::take(&mut self.keys));
        if !keys.is_empty()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move { worker.release_leases(keys).await });
        }
    }
}

impl Worker {
    /// Writes a claim. It is finished also where the future is dropped: the leases are on disk then, and are
    /// released. Where the outcome of its commit is unknown, they end by themselves.
    ///
    /// # Errors
    /// Those of [`Worker::write`].
    pub async fn claim(
        self: &Arc<Self>,
        claim: WriteRequest,
    ) -> Result<(WriteResult, UnqueuedLeases), Refusal> {
        self.reservations.begin_claim();
        let reservation = ClaimReservation(self.clone());
        let written = tokio::spawn(async move {
            let worker = reservation.0.clone();
            let timer = worker.services.outbox.meter().time_claim();
            let written = worker.write(claim).await?;
            drop(timer);
            let keys = written.claimed.iter().map(|leased| leased.key.clone());
            let keys = keys.collect();
            Ok::<_, Refusal>((written, UnqueuedLeases { worker, keys }))
        });
        written.await.map_err(|_| Refusal::internal())?
    }
}

impl LocalWorker for Worker {
    fn try_reserve(&self, class: &QueueClass, messages: &[NewMessage]) -> bool {
        // Large messages are read from the database when their turn comes.
        let small = messages.iter().all(|new| new.message.size <= SMALL);
        if !small {
            return false;
        }
        let now = self.services.clock.monotonic();
        let capacity = self.pool.spare_capacity(class, now);
        self.reservations
            .try_reserve(class, messages.len(), capacity)
    }

    fn release_reservation(&self, class: &QueueClass, messages: usize) {
        self.reservations.release(class, messages);
        self.pool.idle.notify_one();
    }

    fn lease(&self) -> Lease {
        self.new_lease()
    }

    fn enqueue(
        self: Arc<Self>,
        class: &QueueClass,
        messages: &[NewMessage],
        written: &WriteResult,
        since: Instant,
    ) {
        self.pool.observe(written.control);
        if !self.pool.may_begin() {
            self.wake();
        }
        let claimed = written.claimed.clone();
        let leased = self.pool.leases.acquire_all(claimed, since);
        let stored = messages.iter().map(|new| StoredMessage {
            id: new.message.id.clone(),
            submitter: Arc::new(Submitter {
                account: new.message.account.clone(),
                token: new.message.token.clone(),
            }),
            sender: new.message.sender.clone(),
            size: new.message.size,
            bytes: Some(new.bytes.as_slice().into()),
            dsn: parse_dsn(new.message.dsn.as_deref()),
            webhook: new.message.webhook.as_deref().map(Arc::from),
        });
        let now = self.services.clock.now();
        let grouped = group_by_message(class, leased, stored.collect(), &self.memory, now);
        let messages = self.record_unsendable(grouped);
        self.pool.enqueue(messages);
        self.start_tasks();
    }
}
