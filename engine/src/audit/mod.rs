//! The audit log: acts on settings, accounts, sessions and held mail, and refusals of them.

use domain::Refusal;
use strum::IntoStaticStr;

use crate::store::audit::{self, Entry};
use crate::store::{Connection, Store, StoreError, commit};
use crate::{Actor, Clock, Origin};

/// An act that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
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
