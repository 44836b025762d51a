//! The audit log: acts on settings, accounts, sessions and held mail, and refusals of them.

mod action;
mod reading;
mod refusals;
mod signature;
mod verification;

use std::sync::{Arc, Weak};
use std::time::Duration;

use domain::audit::{AuditOutcome, VERIFIED};
use domain::{Refusal, Timestamp};
use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use crate::store::audit::{self, Entry};
use crate::store::{Connection, Store, StoreError, commit};
use crate::{Actor, Clock};

pub use action::Action;
pub(crate) use refusals::QueuedEntry;
pub(crate) use signature::{RefusedBy, Signature};
pub use verification::{AuditAnchor, AuditFault, AuditTampering, AuditVerification, VerifiedChain};

use refusals::{RefusalCount, RefusalCounter, RefusalKey};

/// The maximum number of refusals that wait to be written.
const QUEUE: usize = 256;

/// The node on a machine without a name.
const UNNAMED: &str = "localhost";

/// How often counted refusals are looked through.
const INTERVAL: Duration = Duration::from_secs(1);

/// The audit service. It authorises the acts of administrators, and writes the row of an act in
/// the transaction of the act itself. Cheap to clone.
///
/// Acceptance and delivery of messages write no rows. Of refusals, which come as fast as requests do, an actor has a
/// row a minute for each act and status; the group commit writes it behind the messages of the same transaction.
#[derive(Clone)]
pub struct Audit {
    store: Store,
    clock: Clock,
    /// The node whose chain the rows are in.
    node: Arc<str>,
    /// Rows of refusals, for the group commit: they have no transaction of their own.
    refusals: mpsc::Sender<QueuedEntry>,
    counter: Arc<RefusalCounter>,
}

impl Audit {
    /// Starts the service on the machine `host`, and returns the queue of the rows that the group commit writes.
    pub(crate) fn start(
        store: Store,
        clock: Clock,
        host: &str,
    ) -> (Self, mpsc::Receiver<QueuedEntry>) {
        let (refusals, queue) = mpsc::channel(QUEUE);
        let node = match host {
            "" => UNNAMED,
            host => host,
        };
        let audit = Self {
            store,
            clock,
            node: node.into(),
            refusals,
            counter: Arc::default(),
        };
        let (counter, weak) = (Arc::downgrade(&audit.counter), audit.refusals.downgrade());
        let (node, clock) = (audit.node.clone(), audit.clock.clone());
        tokio::spawn(write_counts(counter, weak, node, clock));
        (audit, queue)
    }

    /// Writes the refusals that are counted so far, before the process ends.
    pub(crate) async fn flush(&self) {
        let counted = self.counter.take(None);
        if counted.is_empty() {
            return;
        }
        let counted = counted.into_iter();
        let entries: Vec<Entry> = counted
            .map(|counted| counted_entry(&self.node, counted))
            .collect();
        let written = async {
            let mut work = self.store.begin().await?;
            audit::add(&mut work, &entries).await?;
            commit(work).await
        };
        if let Err(error) = written.await {
            not_recorded(&error);
        }
    }

    /// Records in its own transaction, `work`, that an act was done. It is the last write before the commit: it locks
    /// the chain of this node.
    ///
    /// # Errors
    /// Where the database fails.
    pub(crate) async fn record(
        &self,
        work: &mut Connection,
        by: impl Into<Signature>,
        action: Action,
        detail: impl Into<String>,
    ) -> Result<(), StoreError> {
        let outcome = AuditOutcome::Done.as_str().to_owned();
        let entry = self.entry(by.into(), action, outcome, detail.into());
        audit::add(work, &[entry]).await
    }

    /// Records in a transaction of its own that an act was done.
    ///
    /// # Errors
    /// Where the database fails.
    pub(crate) async fn record_alone(
        &self,
        by: impl Into<Signature>,
        action: Action,
        detail: impl Into<String>,
    ) -> Result<(), StoreError> {
        self.record_outcome(by, action, AuditOutcome::Done, detail)
            .await
    }

    /// Records in a transaction of its own how far an act has come that takes long: begun, done or failed.
    ///
    /// # Errors
    /// Where the database fails.
    pub(crate) async fn record_outcome(
        &self,
        by: impl Into<Signature>,
        action: Action,
        outcome: AuditOutcome,
        detail: impl Into<String>,
    ) -> Result<(), StoreError> {
        let outcome = outcome.as_str().to_owned();
        let entry = self.entry(by.into(), action, outcome, detail.into());
        let mut work = self.store.begin().await?;
        audit::add(&mut work, &[entry]).await?;
        commit(work).await
    }

    /// Records in its own transaction, `work`, that a test mail proved a revision of settings, which `detail` names. As
    /// [`Audit::record`], it is the last write before the commit.
    ///
    /// # Errors
    /// Where the database fails.
    pub(crate) async fn record_verified(
        &self,
        work: &mut Connection,
        actor: &Actor,
        detail: String,
    ) -> Result<(), StoreError> {
        let verified = VERIFIED.to_owned();
        let entry = self.entry(actor.into(), Action::SendTest, verified, detail);
        audit::add(work, &[entry]).await
    }

    /// Awaits an act that only administrators may do. Refuses every other actor, and records each
    /// refusal.
    pub(crate) fn administer<'a, T: Send + 'a>(
        &'a self,
        actor: &'a Actor,
        action: Action,
        act: impl Future<Output = Result<T, Refusal>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, Refusal>> {
        self.audited(actor, action, async move {
            actor.administers()?;
            act.await
        })
    }

    /// Refuses every actor but administrators before the rest of a request is read, and records the
    /// refusal.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden)
    pub async fn admit(&self, actor: &Actor, action: Action) -> Result<(), Refusal> {
        self.administer(actor, action, std::future::ready(Ok(())))
            .await
    }

    /// Awaits an act, and records its refusal. The act is kept in a box: those of some services are so large
    /// that a few in one caller overflow its stack.
    pub(crate) fn audited<'a, T: Send + 'a>(
        &'a self,
        actor: &'a Actor,
        action: Action,
        act: impl Future<Output = Result<T, Refusal>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, Refusal>> {
        Box::pin(async move {
            let result = act.await;
            if let Err(refusal) = &result {
                self.record_refusal(actor, action, refusal).await;
            }
            result
        })
    }

    /// Records a refusal: its kind and the names of the fields, never the texts. Returns when the row
    /// is on disk. Refusals that repeat one of the same minute are counted instead, and become one row at
    /// its end.
    pub(crate) async fn record_refusal(
        &self,
        by: impl Into<RefusedBy>,
        action: Action,
        refusal: &Refusal,
    ) {
        let RefusedBy {
            source,
            by,
            counted,
        } = by.into();
        let (at, status) = (self.clock.now(), refusal.kind.status());
        let key = RefusalKey {
            by: counted,
            action,
            status,
        };
        if !self
            .counter
            .is_first(source, key, at, self.clock.monotonic())
        {
            return;
        }
        let fields: Vec<&str> = refusal.fields.keys().map(String::as_str).collect();
        let (done, written) = oneshot::channel();
        let entry = Entry {
            at,
            ..self.entry(
                by,
                action,
                AuditOutcome::refused_with(status),
                fields.join(", "),
            )
        };
        // The group commit logs what it cannot write, and ends with the process.
        if self
            .refusals
            .send(QueuedEntry { entry, done })
            .await
            .is_ok()
        {
            let _ = written.await;
        }
    }

    /// A row of an act now.
    fn entry(&self, by: Signature, action: Action, outcome: String, detail: String) -> Entry {
        entry(&self.node, self.clock.now(), by, action, outcome, detail)
    }
}

fn entry(
    node: &str,
    at: Timestamp,
    by: Signature,
    action: Action,
    outcome: String,
    detail: String,
) -> Entry {
    Entry {
        node: node.to_owned(),
        at,
        actor: by.actor,
        origin: by.origin,
        action: action.as_str().to_owned(),
        outcome,
        detail,
    }
}

/// The row of refusals that repeat one.
fn counted_entry(node: &str, (key, count): (RefusalKey, RefusalCount)) -> Entry {
    let detail = format!("repeated {} times in a minute", count.repeated);
    let outcome = AuditOutcome::refused_with(key.status);
    entry(node, count.at, key.by, key.action, outcome, detail)
}

fn not_recorded(error: &StoreError) {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "a refusal was not recorded"
    );
}

/// Queues the rows of complete counts, for as long as the service exists.
async fn write_counts(
    counter: Weak<RefusalCounter>,
    refusals: mpsc::WeakSender<QueuedEntry>,
    node: Arc<str>,
    clock: Clock,
) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let (Some(counter), Some(refusals)) = (counter.upgrade(), refusals.upgrade()) else {
            return;
        };
        for counted in counter.take(Some(clock.monotonic())) {
            let (done, _) = oneshot::channel();
            let entry = counted_entry(&node, counted);
            // It fails only while the process ends.
            let _ = refusals.send(QueuedEntry { entry, done }).await;
        }
    }
}
