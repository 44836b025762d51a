//! A worker: takes mail that is due, delivers it over the connections of a relay, and records what
//! became of it. Several may work on one database.
//!
//! `claim` takes mail, `pool` holds what is at hand, `run` delivers over one `connection`, `judge`
//! says what becomes of a mail, `limit` how many connections a relay is given, `tell` keeps leases
//! and tells the console.

mod claim;
mod connection;
mod hands;
mod judge;
mod limit;
mod mail;
mod pool;
mod route;
mod run;
mod tell;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

use crate::Postern;
use crate::outbox::retention::Retention;
use crate::outbox::writer::Work;
use pool::Pool;

/// How long until a write that failed is tried again.
const RETRY_WRITE: Duration = Duration::from_secs(1);

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

struct Worker {
    postern: Postern,
    id: Arc<str>,
    delivery: Delivery,
    pool: Pool,
    places: Arc<Semaphore>,
    /// The claimer is to look again.
    stirred: Notify,
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
            pool: Pool::new(delivery.connections),
            delivery,
            places: mail::places(),
            stirred: Notify::new(),
        });
        tokio::select! {
            () = worker.clone().claim_mail() => {}
            () = worker.tell_of_itself() => {}
            () = worker.hear_others() => {}
            () = worker.delivery.retention.keep(self) => {}
            () = stop => {}
        }
        worker.end(grace).await;
    }
}

impl Worker {
    fn stir(&self) {
        self.stirred.notify_one();
    }

    /// Lets what is under way end, and gives the rest back.
    async fn end(&self, grace: Duration) {
        self.pool.stop();
        let quiet = async {
            while !self.pool.is_quiet() {
                self.pool.quiet.notified().await;
            }
        };
        let _ = timeout(grace, quiet).await;
        self.give_back(self.pool.in_hand()).await;
        self.say_goodbye().await;
    }

    /// Gives mail back untried. Where that cannot be written, its lease ends.
    async fn give_back(&self, messages: Vec<String>) {
        if messages.is_empty() {
            return;
        }
        let work = Work::Extend {
            owner: self.id.clone(),
            messages,
            due: self.postern.now(),
            keep: false,
        };
        drop(self.postern.outbox().writer.write(work).await);
    }
}
