//! The audit log: acts on settings, accounts, sessions and held mail, and refusals of them.

use domain::Refusal;

use crate::store::audit::{self, Entry};
use crate::store::{Connection, Store, StoreError, commit};
use crate::{Actor, Clock, Origin};

/// An act that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An account signed in.
    Login,
    /// An account signed out.
    Logout,
    /// An account was created.
    CreateAccount,
    /// The password of an account was changed.
    ChangePassword,
    /// A session was ended.
    EndSession,
    /// An API token was created.
    CreateToken,
    /// An API token was revoked.
    RevokeToken,
    /// The settings were read.
    ReadSettings,
    /// The certificates of a relay were read.
    ReadCertificates,
    /// The settings were saved.
    SaveSettings,
    /// A test mail was sent.
    SendTest,
    /// A relay was diagnosed.
    Diagnose,
    /// A relay was probed.
    Probe,
    /// The content of a message was read.
    ReadMail,
    /// Messages were retried.
    RetryMail,
    /// Messages were cancelled.
    CancelMail,
    /// Messages were held.
    HoldMail,
    /// Held messages were released.
    ReleaseMail,
    /// Delivery was paused or resumed.
    PauseDelivery,
    /// An address was removed from the suppression list.
    RemoveSuppression,
}

impl Action {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Logout => "logout",
            Self::CreateAccount => "create account",
            Self::ChangePassword => "change password",
            Self::EndSession => "end session",
            Self::CreateToken => "create token",
            Self::RevokeToken => "revoke token",
            Self::ReadSettings => "read settings",
            Self::ReadCertificates => "read certificates",
            Self::SaveSettings => "save settings",
            Self::SendTest => "send test",
            Self::Diagnose => "diagnose",
            Self::Probe => "probe",
            Self::ReadMail => "read mail",
            Self::RetryMail => "retry mail",
            Self::CancelMail => "cancel mail",
            Self::HoldMail => "hold mail",
            Self::ReleaseMail => "release mail",
            Self::PauseDelivery => "pause delivery",
            Self::RemoveSuppression => "remove suppression",
        }
    }
}

/// The actor and the origin of a row.
#[derive(Clone, Debug)]
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
}

impl Audit {
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
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
        self.add(work, by.into(), action, "done", detail.into())
            .await
    }

    /// Records in its own transaction, `work`, that a test mail proved a revision of the settings.
    pub(crate) async fn record_verified(
        &self,
        work: &mut Connection,
        actor: &Actor,
        revision: i64,
    ) -> Result<(), StoreError> {
        let detail = format!("revision {revision}");
        self.add(work, actor.into(), Action::SendTest, "verified", detail)
            .await
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

    /// Records a refusal: its kind and the names of the fields, never the texts.
    pub(crate) async fn record_refusal(
        &self,
        by: impl Into<Signature>,
        action: Action,
        refusal: &Refusal,
    ) {
        let fields: Vec<&str> = refusal.fields.keys().map(String::as_str).collect();
        let outcome = format!("refused ({})", refusal.kind.status());
        let written = async {
            let mut work = self.store.begin().await?;
            self.add(&mut work, by.into(), action, &outcome, fields.join(", "))
                .await?;
            commit(work).await
        };
        if let Err(error) = written.await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a refusal was not recorded"
            );
        }
    }

    async fn add(
        &self,
        work: &mut Connection,
        by: Signature,
        action: Action,
        outcome: &str,
        detail: String,
    ) -> Result<(), StoreError> {
        let entry = Entry {
            at: self.clock.now(),
            actor: by.actor,
            origin: by.origin,
            action: action.as_str().to_owned(),
            outcome: outcome.to_owned(),
            detail,
        };
        audit::add(work, &entry).await
    }
}
