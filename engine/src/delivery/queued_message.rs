//! A mail that a worker took: what goes out, and to whom.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::outbox::RecipientState;
use domain::{EmailAddress, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::leases::LeaseGuard;
use crate::smtp::{Envelope, OutgoingMessage};
use crate::store::messages::{self, StoredMessage};
use crate::store::recipients::{Claimed, Place, Settled};
use crate::store::{Store, StoreError};

/// Mail of more octets is read when its turn has come, and not before.
pub const SMALL: i64 = 256 * 1024;

/// The octets of larger mails that are read at the same time.
const LARGE_AT_ONCE: u32 = 128 * 1024 * 1024;

/// A message for those of its recipients that were taken together.
pub struct Mail {
    pub id: String,
    /// In the envelope's order.
    pub recipients: Vec<Claimed>,
    sender: EmailAddress,
    to: Vec<EmailAddress>,
    size: i64,
    parcel: Option<Arc<OutgoingMessage>>,
    /// Its leases are renewed while these are there.
    guards: Vec<LeaseGuard>,
    place: Option<OwnedSemaphorePermit>,
}

/// Places for larger mails.
pub fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(LARGE_AT_ONCE as usize))
}

/// Mails of what was taken, for which `stored` are there. What cannot be sent is settled: addresses
/// a relay said there are none, and what somebody changed in the database.
pub fn sorted(
    taken: Vec<(Claimed, LeaseGuard)>,
    stored: Vec<StoredMessage>,
    now: Timestamp,
) -> (Vec<Mail>, Vec<Settled>) {
    let mut stored: HashMap<String, StoredMessage> = stored
        .into_iter()
        .map(|stored| (stored.id.clone(), stored))
        .collect();
    let mut settled = Vec::new();
    let mut mails: Vec<Mail> = Vec::with_capacity(stored.len());
    for (row, guard) in taken {
        if let Some(reply) = &row.suppressed {
            let text = format!("Not tried, because a relay said of this address: {reply}");
            settled.push(failed(&row, text, now));
            continue;
        }
        let address: Result<EmailAddress, _> = row.address.parse();
        let Ok(address) = address else {
            settled.push(failed(&row, "The address is not understood.", now));
            continue;
        };
        if let Some(mail) = mails.last_mut().filter(|mail| mail.id == row.message) {
            mail.to.push(address);
            mail.recipients.push(row);
            mail.guards.push(guard);
            continue;
        }
        let found = stored.get(&row.message);
        let Some((stored, Ok(sender))) = found.map(|stored| (stored, stored.sender.parse())) else {
            settled.push(failed(&row, "The mail is not there any more.", now));
            continue;
        };
        mails.push(Mail {
            id: row.message.clone(),
            recipients: vec![row],
            sender,
            to: vec![address],
            size: stored.size,
            parcel: None,
            guards: vec![guard],
            place: None,
        });
    }
    // Now that all recipients are known.
    for mail in &mut mails {
        let stored = stored.remove(&mail.id);
        let bytes = stored.and_then(|stored| stored.bytes);
        mail.parcel = bytes.map(|bytes| mail.wrapped(bytes));
    }
    (mails, settled)
}

impl Mail {
    /// The rows.
    pub fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.recipients.iter().map(Claimed::place)
    }

    /// Whether its leases still run.
    pub fn is_ours(&self, lease: Duration) -> bool {
        self.guards
            .iter()
            .all(|guard| guard.since().is_some_and(|since| since.elapsed() < lease))
    }

    /// What goes out, if it is here already.
    pub fn loaded(&self) -> Option<&Arc<OutgoingMessage>> {
        self.parcel.as_ref()
    }

    /// What goes out, read where it has to be. None where it is not there any more.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn fetched(
        &mut self,
        store: &Store,
        places: &Arc<Semaphore>,
    ) -> Result<Option<Arc<OutgoingMessage>>, StoreError> {
        if self.parcel.is_none() {
            let octets = u32::try_from(self.size)
                .unwrap_or(u32::MAX)
                .min(LARGE_AT_ONCE);
            // Kept where the read fails: who has a place must never wait for another.
            if self.place.is_none() {
                self.place = places.clone().acquire_many_owned(octets).await.ok();
            }
            let bytes = messages::body(&mut *store.read().await?, &self.id).await?;
            self.parcel = bytes.map(|bytes| self.wrapped(bytes.into()));
        }
        Ok(self.parcel.clone())
    }

    fn wrapped(&self, message: Arc<[u8]>) -> Arc<OutgoingMessage> {
        Arc::new(OutgoingMessage {
            envelope: Envelope {
                from: self.sender.clone(),
                to: self.to.clone(),
            },
            message,
        })
    }
}

/// A row that somebody has to look at, though no relay was asked.
pub fn failed(row: &Claimed, reply: impl Into<String>, now: Timestamp) -> Settled {
    Settled {
        message: row.message.clone(),
        position: row.position,
        state: RecipientState::Failed,
        due: None,
        attempts: row.attempts,
        trying_since: row.trying_since,
        settled: Some(now.0),
        relay: String::new(),
        reply: reply.into(),
        took: 0,
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn large_mails_that_cannot_be_read_do_not_wait_for_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        let places = places();
        let half = i64::from(LARGE_AT_ONCE / 2);
        let mut mails = [large(half), large(half)];
        store.close().await;
        for _ in 0..2 {
            for mail in &mut mails {
                let fetched = mail.fetched(&store, &places).now_or_never();
                assert!(fetched.is_some_and(|fetched| fetched.is_err()), "it waits");
            }
        }
        assert_eq!(places.available_permits(), 0);
        drop(mails);
        assert_eq!(places.available_permits(), LARGE_AT_ONCE as usize);
    }

    fn large(size: i64) -> Mail {
        Mail {
            id: "a".to_owned(),
            recipients: Vec::new(),
            sender: "alerts@example.org".parse().expect("an address"),
            to: Vec::new(),
            size,
            parcel: None,
            guards: Vec::new(),
            place: None,
        }
    }
}
