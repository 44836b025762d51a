//! Who did what: a row in the transaction of every act on settings, accounts, secrets, sessions and
//! mail that waits, and a row for every refusal of one.

use domain::Refusal;

use crate::store::audit::{self, Entry};
use crate::store::{Connection, StoreError, commit};
use crate::{Actor, Postern};

/// An act that is audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Login,
    Logout,
    CreateAccount,
    ChangePassword,
    EndSession,
    CreateToken,
    RevokeToken,
    ReadSettings,
    ReadCertificates,
    SaveSettings,
    SendTest,
    Diagnose,
    Probe,
    ReadMail,
    RetryMail,
    CancelMail,
    HoldMail,
    ReleaseMail,
    PauseDelivery,
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

impl Postern {
    /// The newest rows, newest first, for administrators.
    pub async fn audit_trail(&self, actor: &Actor, limit: i64) -> Result<Vec<Entry>, Refusal> {
        actor.administers()?;
        Ok(audit::newest(&mut *self.store().read().await?, limit).await?)
    }

    /// Records that an act was done, in its own transaction `work`.
    pub(crate) async fn record(
        &self,
        work: &mut Connection,
        actor: &Actor,
        action: Action,
        detail: impl Into<String>,
    ) -> Result<(), StoreError> {
        audit::add(
            work,
            &self.entry(
                &actor.signature(),
                &actor.origin.to_string(),
                action,
                "done",
                detail,
            ),
        )
        .await
    }

    /// Awaits an act of an administrator; whoever else asks is refused, and every refusal
    /// recorded.
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
            self.record_refusal(
                &actor.signature(),
                &actor.origin.to_string(),
                action,
                refusal,
            )
            .await;
        }
        result
    }

    /// Records a refusal: of which fields, and why as a kind, never the texts.
    pub(crate) async fn record_refusal(
        &self,
        actor: &str,
        origin: &str,
        action: Action,
        refusal: &Refusal,
    ) {
        let fields = refusal
            .fields
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        let outcome = format!("refused ({})", refusal.kind.status());
        let entry = self.entry(actor, origin, action, &outcome, fields);
        let written = async {
            let mut work = self.store().begin().await?;
            audit::add(&mut work, &entry).await?;
            commit(work).await
        };
        if let Err(error) = written.await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a refusal was not recorded"
            );
        }
    }

    pub(crate) fn entry(
        &self,
        actor: &str,
        origin: &str,
        action: Action,
        outcome: &str,
        detail: impl Into<String>,
    ) -> Entry {
        Entry {
            at: self.now(),
            actor: actor.to_owned(),
            origin: origin.to_owned(),
            action: action.as_str().to_owned(),
            outcome: outcome.to_owned(),
            detail: detail.into(),
        }
    }
}
