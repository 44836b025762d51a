//! Capacity of the local queue that is reserved for messages on their way to it.

use std::sync::Arc;

use domain::Refusal;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::queued_message::{SMALL, group_by_message};
use super::worker::Worker;
use crate::outbox::{Lease, LocalWorker, NewMessage, WriteRequest, WriteResult};
use crate::store::messages::StoredMessage;

/// The reservations of a worker.
#[derive(Default)]
pub(super) struct Reservations(Mutex<State>);

#[derive(Default)]
struct State {
    /// Messages on their way to the local queue.
    reserved: usize,
    /// As far as is known, no older message has to be claimed first.
    no_backlog: bool,
    /// The worker stops.
    closed: bool,
}

impl Reservations {
    /// Reserves capacity for messages where `capacity` allows it. Not while older messages wait in
    /// the database.
    fn try_reserve(&self, messages: usize, capacity: usize) -> bool {
        let mut state = self.0.lock();
        state.no_backlog &= state.reserved + messages <= capacity;
        let admitted = state.no_backlog && !state.closed;
        if admitted {
            state.reserved += messages;
        }
        admitted
    }

    fn release(&self, messages: usize) {
        self.0.lock().reserved -= messages;
    }

    /// Whether messages wait in the database.
    pub fn set_backlog(&self, backlog: bool) {
        self.0.lock().no_backlog = !backlog;
    }

    /// Admits no more messages.
    pub fn close(&self) {
        self.0.lock().closed = true;
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().reserved == 0
    }
}

/// A claim under way, until it is dropped: a worker that stops waits for it.
struct ClaimReservation(Arc<Worker>);

impl Drop for ClaimReservation {
    fn drop(&mut self) {
        self.0.release_reservation(1);
    }
}

impl Worker {
    /// Writes a claim. It is finished also where the future is dropped: the leases are on disk then,
    /// and shutdown releases them.
    ///
    /// # Errors
    /// Those of [`Worker::write`].
    pub async fn claim(self: &Arc<Self>, claim: WriteRequest) -> Result<WriteResult, Refusal> {
        self.reservations.0.lock().reserved += 1;
        let reservation = ClaimReservation(self.clone());
        let written = tokio::spawn(async move { reservation.0.write(claim).await });
        written.await.map_err(|_| Refusal::internal())?
    }
}

impl LocalWorker for Worker {
    fn try_reserve(&self, messages: &[NewMessage]) -> bool {
        // Large messages are read from the database when their turn comes.
        let small = messages.iter().all(|new| new.message.size <= SMALL);
        small
            && self
                .reservations
                .try_reserve(messages.len(), self.pool.spare_capacity())
    }

    fn release_reservation(&self, messages: usize) {
        self.reservations.release(messages);
        self.pool.idle.notify_one();
    }

    fn lease(&self) -> Lease {
        self.new_lease()
    }

    fn enqueue(self: Arc<Self>, messages: &[NewMessage], written: &WriteResult, since: Instant) {
        self.pool.observe(written.control);
        if !self.pool.may_begin() {
            self.wake();
        }
        let claimed = written.claimed.clone();
        let leased = self.pool.leases.acquire_all(claimed, since);
        let stored = messages.iter().map(|new| StoredMessage {
            id: new.message.id.clone(),
            sender: new.message.sender.clone(),
            size: new.message.size,
            bytes: Some(new.bytes.as_slice().into()),
        });
        let now = self.services.clock.now();
        let grouped = group_by_message(leased, stored.collect(), now);
        self.enqueue_grouped(grouped);
        self.start_tasks();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_is_reserved_while_there_is_some_and_no_backlog() {
        let reservations = Reservations::default();
        assert!(!reservations.try_reserve(1, 8), "the backlog is not known");
        reservations.set_backlog(false);
        assert!(reservations.try_reserve(5, 8) && reservations.try_reserve(3, 8));
        assert!(!reservations.is_empty());
        assert!(!reservations.try_reserve(1, 8), "no capacity");
        reservations.release(5);
        assert!(!reservations.try_reserve(1, 8), "that one is a backlog now");
        reservations.set_backlog(true);
        assert!(!reservations.try_reserve(1, 8));
        reservations.set_backlog(false);
        assert!(reservations.try_reserve(5, 8));
        reservations.close();
        assert!(!reservations.try_reserve(0, 8));
        reservations.release(8);
        assert!(reservations.is_empty());
    }
}
