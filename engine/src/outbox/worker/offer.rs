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
use crate::store::messages::Letter;

/// What a worker promised to those who hand over mail.
#[derive(Default)]
pub struct Promises(Mutex<Promised>);

#[derive(Default)]
struct Promised {
    /// Mails on their way to the shelf.
    open: usize,
    /// No mail that came before waits in the database, as far as is known.
    none_waits: bool,
    /// The worker stops.
    ended: bool,
}

impl Promises {
    fn promised(&self) -> MutexGuard<'_, Promised> {
        self.0.lock()
    }

    /// Whether mails may come where there is `room` for so many. Not while others wait in the
    /// database: those go first.
    fn make(&self, mails: usize, room: usize) -> bool {
        let mut promised = self.promised();
        promised.none_waits &= promised.open + mails <= room;
        let makes = promised.none_waits && !promised.ended;
        if makes {
            promised.open += mails;
        }
        makes
    }

    /// Mail is being taken from the database.
    fn take(&self) {
        self.promised().open += 1;
    }

    /// So many mails are here, or do not come.
    fn keep(&self, mails: usize) {
        self.promised().open -= mails;
    }

    /// Whether mail waits in the database, as was just seen.
    pub fn seen(&self, waits: bool) {
        self.promised().none_waits = !waits;
    }

    /// Makes none any more.
    pub fn end(&self) {
        self.promised().ended = true;
    }

    /// Whether no mail is on its way.
    pub fn are_kept(&self) -> bool {
        self.promised().open == 0
    }
}

/// A promise to deliver mails that are about to be written, until this is dropped.
pub struct Offer {
    worker: Arc<Worker>,
    mails: usize,
    since: Instant,
}

impl Worker {
    /// Whether the mails may be this worker's. Larger ones are read when it is their turn.
    pub fn offer(self: Arc<Self>, mails: &[New]) -> Option<Offer> {
        let small = mails.iter().all(|mail| mail.message.size <= SMALL);
        let makes = small && self.promises.make(mails.len(), self.pool.spare());
        makes.then(|| Offer {
            mails: mails.len(),
            since: Instant::now(),
            worker: self,
        })
    }

    /// What is being taken counts as promised, so that a worker that stops waits for it.
    pub fn takes(self: Arc<Self>) -> Offer {
        self.promises.take();
        Offer {
            mails: 1,
            since: Instant::now(),
            worker: self,
        }
    }
}

impl Offer {
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
        self.write(work, move |offer, written| {
            offer.put_at_hand(&mails, written);
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

    fn put_at_hand(&self, mails: &[New], written: &Written) {
        let worker = &self.worker;
        if !worker.pool.may_begin() {
            worker.stir();
        }
        let taken = worker
            .pool
            .leases
            .acquire_all(written.claimed.clone(), self.since);
        let letters = mails.iter().map(|mail| Letter {
            id: mail.message.id.clone(),
            sender: mail.message.sender.clone(),
            size: mail.message.size,
            bytes: Some(mail.bytes.as_slice().into()),
        });
        let sorted = sorted(taken, letters.collect(), worker.postern.now());
        worker.shelve(sorted);
        worker.begin_runs();
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        self.worker.promises.keep(self.mails);
        self.worker.pool.quiet.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_is_promised_for_where_there_is_room_and_nobody_waits() {
        let promises = Promises::default();
        assert!(!promises.make(1, 8), "the database was not asked yet");
        promises.seen(false);
        assert!(promises.make(5, 8) && promises.make(3, 8));
        assert!(!promises.are_kept());
        assert!(!promises.make(1, 8), "no room");
        promises.keep(5);
        assert!(!promises.make(1, 8), "one waits that came before");
        promises.seen(true);
        assert!(!promises.make(1, 8));
        promises.seen(false);
        assert!(promises.make(5, 8));
        promises.end();
        assert!(!promises.make(0, 8));
        promises.keep(8);
        assert!(promises.are_kept());
    }
}
