//! The audit log: acts on settings, accounts, sessions and held mail, and refusals of them.

mod refusals;

use std::sync::{Arc, Weak};
use std::time::Duration;

use domain::{Kind, Refusal, Timestamp};
use strum::IntoStaticStr;
use tokio::sync::{mpsc, oneshot};

use crate::store::audit::{self, Entry};
use crate::store::{Connection, Store, StoreError, commit};
use crate::{Actor, Clock, Origin};

pub(crate) use refusals::QueuedEntry;
use refusals::{RefusalCount, RefusalCounter, RefusalKey};

/// The maximum number of refusals that wait to be written.
const QUEUE: usize = 256;

/// How often counted refusals are looked through.
const INTERVAL: Duration = Duration::from_secs(1);

/// An act that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Action {
    /// An account signed in.
    Login,
    /// An account signed out.
    Logout,
    /// An account was created.
    #[strum(serialize = "create account")]
    CreateAccount,
    /// The password of an account was changed.
    #[strum(serialize = "change password")]
    ChangePassword,
    /// A session was ended.
    #[strum(serialize = "end session")]
    EndSession,
    /// An API token was created.
    #[strum(serialize = "create token")]
    CreateToken,
    /// An API token was revoked.
    #[strum(serialize = "revoke token")]
    RevokeToken,
    /// The settings were read.
    #[strum(serialize = "read settings")]
    ReadSettings,
    /// The certificates of a relay were read.
    #[strum(serialize = "read certificates")]
    ReadCertificates,
    /// The settings were saved.
    #[strum(serialize = "save settings")]
    SaveSettings,
    /// A test mail was sent.
    #[strum(serialize = "send test")]
    SendTest,
    /// A relay was diagnosed.
    Diagnose,
    /// A relay was probed.
    Probe,
    /// The content of a message was read.
    #[strum(serialize = "read mail")]
    ReadMail,
    /// Messages were retried.
    #[strum(serialize = "retry mail")]
    RetryMail,
    /// Messages were cancelled.
    #[strum(serialize = "cancel mail")]
    CancelMail,
    /// Messages were held.
    #[strum(serialize = "hold mail")]
    HoldMail,
    /// Held messages were released.
    #[strum(serialize = "release mail")]
    ReleaseMail,
    /// Delivery was paused or resumed.
    #[strum(serialize = "pause delivery")]
    PauseDelivery,
    /// An address was removed from the suppression list.
    #[strum(serialize = "remove suppression")]
    RemoveSuppression,
}

impl Action {
    /// The name in the audit log.
    fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The actor and the origin of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Signature {
    actor: String,
    origin: String,
}

impl Signature {
    /// For a request whose actor is not known yet, by the name it gives.
    pub(crate) fn new(actor: impl Into<String>, origin: &Origin) -> Self {
        Self {
            actor: actor.into(),
            origin: origin.to_string(),
        }
    }
}

impl Signature {
    /// For requests of anybody in a network.
    pub(crate) fn of_network(network: impl ToString) -> Self {
        Self {
            actor: String::new(),
            origin: network.to_string(),
        }
    }

    /// For requests from several networks that give the same name.
    pub(crate) fn of_name(name: impl Into<String>) -> Self {
        Self {
            actor: name.into(),
            origin: String::new(),
        }
    }
}

impl From<&Actor> for Signature {
    fn from(actor: &Actor) -> Self {
        Self::new(actor.signature(), &actor.origin)
    }
}

/// The audit service. It authorises the acts of administrators, and writes the row of an act in
/// the transaction of the act itself. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    store: Store,
    clock: Clock,
    /// Rows of refusals, for the group commit: they have no transaction of their own.
    refusals: mpsc::Sender<QueuedEntry>,
    counter: Arc<RefusalCounter>,
}

impl Audit {
    /// Starts the service, and returns the queue of the rows that the group commit writes.
    pub(crate) fn start(store: Store, clock: Clock) -> (Self, mpsc::Receiver<QueuedEntry>) {
        let (refusals, queue) = mpsc::channel(QUEUE);
        let audit = Self {
            store,
            clock,
            refusals,
            counter: Arc::default(),
        };
        let (counter, weak) = (Arc::downgrade(&audit.counter), audit.refusals.downgrade());
        tokio::spawn(write_counts(counter, weak, audit.clock.clone()));
        (audit, queue)
    }

    /// Writes the refusals that are still counted, before the process ends.
    pub(crate) async fn flush(&self) {
        let counted = self.counter.take(None);
        if counted.is_empty() {
            return;
        }
        let entries: Vec<Entry> = counted.into_iter().map(counted_entry).collect();
        let written = async {
            let mut work = self.store.begin().await?;
            audit::add(&mut work, &entries).await?;
            commit(work).await
        };
        if let Err(error) = written.await {
            not_recorded(&error);
        }
    }

    /// The newest rows, newest first, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for any other actor.
    pub async fn trail(&self, actor: &Actor, limit: i64) -> Result<Vec<Entry>, Refusal> {
        actor.administers()?;
        Ok(audit::newest(&mut *self.store.read().await?, limit).await?)
    }

    /// Records in its own transaction, `work`, that an act was done.
    pub(crate) async fn record(
        &self,
        work: &mut Connection,
        by: impl Into<Signature>,
        action: Action,
        detail: impl Into<String>,
    ) -> Result<(), StoreError> {
        let by = by.into();
        let entry = entry(
            self.clock.now(),
            by,
            action,
            "done".to_owned(),
            detail.into(),
        );
        audit::add(work, &[entry]).await
    }

    /// Records in its own transaction, `work`, that a test mail proved a revision of the settings.
    pub(crate) async fn record_verified(
        &self,
        work: &mut Connection,
        actor: &Actor,
        revision: i64,
    ) -> Result<(), StoreError> {
        let detail = format!("revision {revision}");
        let verified = "verified".to_owned();
        let entry = entry(
            self.clock.now(),
            actor.into(),
            Action::SendTest,
            verified,
            detail,
        );
        audit::add(work, &[entry]).await
    }

    /// Awaits an act that only administrators may do. Refuses every other actor, and records each
    /// refusal.
    pub(crate) async fn administer<T>(
        &self,
        actor: &Actor,
        action: Action,
        act: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        self.audited(actor, action, async {
            actor.administers()?;
            act.await
        })
        .await
    }

    /// Awaits an act, and records its refusal.
    pub(crate) async fn audited<T>(
        &self,
        actor: &Actor,
        action: Action,
        act: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let result = act.await;
        if let Err(refusal) = &result {
            self.record_refusal(actor, action, refusal).await;
        }
        result
    }

    /// Records a refusal: its kind and the names of the fields, never the texts. Returns when the row
    /// is on disk. Refusals for overload are counted instead, and become one row a minute.
    pub(crate) async fn record_refusal(
        &self,
        by: impl Into<Signature>,
        action: Action,
        refusal: &Refusal,
    ) {
        let (by, at) = (by.into(), self.clock.now());
        let status = refusal.kind.status();
        if is_overload(refusal) {
            let key = RefusalKey { by, action, status };
            return self.counter.count(key, at, self.clock.monotonic());
        }
        let fields: Vec<&str> = refusal.fields.keys().map(String::as_str).collect();
        let (done, written) = oneshot::channel();
        let entry = entry(at, by, action, outcome(status), fields.join(", "));
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
}

/// Whether a refusal says that there is too much to do. A client causes any number of them.
fn is_overload(refusal: &Refusal) -> bool {
    matches!(refusal.kind, Kind::TooMany | Kind::Unavailable)
}

fn outcome(status: u16) -> String {
    format!("refused ({status})")
}

fn entry(at: Timestamp, by: Signature, action: Action, outcome: String, detail: String) -> Entry {
    Entry {
        at,
        actor: by.actor,
        origin: by.origin,
        action: action.as_str().to_owned(),
        outcome,
        detail,
    }
}

/// The row of counted refusals.
fn counted_entry((key, count): (RefusalKey, RefusalCount)) -> Entry {
    let detail = format!("{} times in a minute", count.number);
    entry(count.at, key.by, key.action, outcome(key.status), detail)
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
    clock: Clock,
) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let (Some(counter), Some(refusals)) = (counter.upgrade(), refusals.upgrade()) else {
            return;
        };
        for counted in counter.take(Some(clock.monotonic())) {
            let (done, _) = oneshot::channel();
            let entry = counted_entry(counted);
            // It fails only while the process ends.
            let _ = refusals.send(QueuedEntry { entry, done }).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_have_their_names_in_the_log() {
        for (action, name) in [
            (Action::Login, "login"),
            (Action::CreateAccount, "create account"),
            (Action::ReadCertificates, "read certificates"),
            (Action::SendTest, "send test"),
            (Action::Diagnose, "diagnose"),
            (Action::HoldMail, "hold mail"),
            (Action::PauseDelivery, "pause delivery"),
            (Action::RemoveSuppression, "remove suppression"),
        ] {
            assert_eq!(action.as_str(), name);
        }
    }
}
