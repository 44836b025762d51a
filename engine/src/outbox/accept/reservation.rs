//! Capacity that the worker of this process reserves for messages which are being accepted.

use std::sync::{Arc, Weak};

use domain::Refusal;
use tokio::time::Instant;

use super::limits::LimitHolder;
use crate::outbox::group_commit::GroupCommit;
use crate::outbox::group_commit::request::{Lease, NewMessage, WriteRequest, WriteResult};
use crate::store::messages::flows::QueueClass;
use crate::store::messages::idempotency::IdempotencyKey;

/// A worker in this process. The commit that accepts messages can lease them to it, so that it need
/// not claim them.
pub(crate) trait LocalWorker: Send + Sync {
    /// Reserves capacity in its local queue for all of these messages, which wait in one class.
    /// Returns `false` where it has none, or other messages of the class have to be claimed first.
    fn try_reserve(&self, class: &QueueClass, messages: &[NewMessage]) -> bool;

    /// Releases the capacity reserved for this number of messages of a class.
    fn release_reservation(&self, class: &QueueClass, messages: usize);

    /// The lease that the commit is to give it.
    fn lease(&self) -> Lease;

    /// Puts messages that were leased to it into its local queue. `since` is a time before the
    /// leases began.
    fn enqueue(
        self: Arc<Self>,
        class: &QueueClass,
        messages: &[NewMessage],
        written: &WriteResult,
        since: Instant,
    );
}

/// Reserved capacity, until it is dropped.
pub(crate) struct Reservation {
    worker: Arc<dyn LocalWorker>,
    class: QueueClass,
    messages: usize,
    since: Instant,
}

impl Reservation {
    /// Reserves capacity; `None` where the worker has none, and for messages of several classes.
    pub fn new(worker: Arc<dyn LocalWorker>, messages: &[NewMessage]) -> Option<Self> {
        let class = messages.first()?.class.clone();
        let one_class = messages.iter().all(|new| new.class == class);
        (one_class && worker.try_reserve(&class, messages)).then(|| Self {
            worker,
            class,
            messages: messages.len(),
            since: Instant::now(),
        })
    }

    /// Writes the messages, leased to the worker, and puts them into its local queue. That happens
    /// also where the future is dropped: the leases are on disk then.
    ///
    /// # Errors
    /// Those of [`GroupCommit::write`].
    pub async fn accept(
        self,
        group_commit: GroupCommit,
        messages: Arc<[NewMessage]>,
        key: Option<IdempotencyKey>,
        counted: Vec<LimitHolder>,
        version: Option<i64>,
        caller: Weak<()>,
    ) -> Result<WriteResult, Refusal> {
        let request = WriteRequest::Accept {
            messages: messages.clone(),
            key,
            counted,
            version,
            lease: Some(self.worker.lease()),
            caller,
        };
        let written = tokio::spawn(async move {
            let written = group_commit.write(request).await?;
            let worker = self.worker.clone();
            worker.enqueue(&self.class, &messages, &written, self.since);
            Ok(written)
        });
        written.await.map_err(|_| Refusal::internal())?
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.worker.release_reservation(&self.class, self.messages);
    }
}
