//! Mail that is handed over while this worker has room for it: the worker's from the first, so that
//! it need not be taken out of the database again.

use std::sync::{Arc, Weak};

use domain::Refusal;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::Worker;
use super::mail::{SMALL, sorted};
use crate::outbox::writer::{New, Work, Written};
use crate::store::idempotency::Key;
use crate::store::messages::StoredMessage;

/// What a worker promised to those who hand over mail.
#[derive(Default)]
pub struct Reservations(Mutex<ReservationState>);

#[derive(Default)]
struct ReservationState {
    /// Mails on their way to the local queue.
    open: usize,
    /// No mail that came before waits in the database, as far as is known.
    no_backlog: bool,
    /// The worker stops.
    closed: bool,
}

impl Reservations {
    fn state(&self) -> MutexGuard<'_, ReservationState> {
        self.0.lock()
    }

    /// Whether mails may come where there is `room` for so many. Not while others wait in the
    /// database: those go first.
    fn try_reserve(&self, mails: usize, room: usize) -> bool {
        let mut state = self.state();
        state.no_backlog &= state.open + mails <= room;
        let makes = state.no_backlog && !state.closed;
        if makes {
            state.open += mails;
        }
        makes
    }

    /// Mail is being taken from the database.
    fn reserve_claim(&self) {
        self.state().open += 1;
    }

    /// So many mails are here, or do not come.
    fn release(&self, mails: usize) {
        self.state().open -= mails;
    }

    /// Whether mail waits in the database, as was just seen.
    pub fn set_backlog(&self, waits: bool) {
        self.state().no_backlog = !waits;
    }

    /// Makes none any more.
    pub fn close(&self) {
        self.state().closed = true;
    }

    /// Whether no mail is on its way.
    pub fn is_empty(&self) -> bool {
        self.state().open == 0
    }
}

/// A promise to deliver mails that are about to be written, until this is dropped.
pub struct Reservation {
    worker: Arc<Worker>,
    mails: usize,
    since: Instant,
}

impl Worker {
    /// Whether the mails may be this worker's. Larger ones are read when it is their turn.
    pub fn reserve(self: Arc<Self>, mails: &[New]) -> Option<Reservation> {
        let small = mails.iter().all(|mail| mail.message.size <= SMALL);
        let makes = small
            && self
                .reservations
                .try_reserve(mails.len(), self.pool.spare_capacity());
        makes.then(|| Reservation {
            mails: mails.len(),
            since: Instant::now(),
            worker: self,
        })
    }

    /// What is being taken counts as promised, so that a worker that stops waits for it.
    pub fn reserve_claim(self: Arc<Self>) -> Reservation {
        self.reservations.reserve_claim();
        Reservation {
            mails: 1,
            since: Instant::now(),
            worker: self,
        }
    }
}

impl Reservation {
    /// Writes the mails and puts them at hand.
    pub async fn keep(
        self,
        mails: Arc<[New]>,
        key: Option<Key>,
        waits: Weak<()>,
    ) -> Result<Written, Refusal> {
        let lease = self.worker.delivery.lease;
        let until = self.worker.postern.now() + lease;
        let work = Work::Accept {
            mails: mails.clone(),
            key,
            owner: Some((self.worker.id.clone(), until)),
            waits,
        };
        self.write(work, move |reservation, written| {
            reservation.enqueue(&mails, written);
        })
        .await
    }

    /// Has mail taken; where nobody waits for it any more it is given back in the end.
    pub async fn claim(self, work: Work) -> Result<Written, Refusal> {
        self.write(work, |_, _| {}).await
    }

    /// Writes, and goes on with `then`, also where nobody waits for that any more.
    async fn write(
        self,
        work: Work,
        then: impl FnOnce(&Self, &Written) + Send + 'static,
    ) -> Result<Written, Refusal> {
        let written = tokio::spawn(async move {
            let written = self.worker.write(work).await?;
            then(&self, &written);
            Ok(written)
        });
        written.await.map_err(|_| Refusal::internal())?
    }

    fn enqueue(&self, mails: &[New], written: &Written) {
        let worker = &self.worker;
        if !worker.pool.may_begin() {
            worker.wake();
        }
        let taken = worker
            .pool
            .leases
            .acquire_all(written.claimed.clone(), self.since);
        let stored = mails.iter().map(|mail| StoredMessage {
            id: mail.message.id.clone(),
            sender: mail.message.sender.clone(),
            size: mail.message.size,
            bytes: Some(mail.bytes.as_slice().into()),
        });
        let sorted = sorted(taken, stored.collect(), worker.postern.now());
        worker.enqueue(sorted);
        worker.start_tasks();
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.worker.reservations.release(self.mails);
        self.worker.pool.quiet.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_is_promised_for_where_there_is_room_and_nobody_waits() {
        let reservations = Reservations::default();
        assert!(
            !reservations.try_reserve(1, 8),
            "the database was not asked yet"
        );
        reservations.set_backlog(false);
        assert!(reservations.try_reserve(5, 8) && reservations.try_reserve(3, 8));
        assert!(!reservations.is_empty());
        assert!(!reservations.try_reserve(1, 8), "no room");
        reservations.release(5);
        assert!(
            !reservations.try_reserve(1, 8),
            "one waits that came before"
        );
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
