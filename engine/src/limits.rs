//! The limits service: what accounts and API tokens may send, and what is left of it.

use domain::{Refusal, SendingLimits, SendingQuota, Timestamp};

use crate::accounts::Accounts;
use crate::audit::{Action, Audit};
use crate::settings::Settings;
use crate::store::accounts::sending_limits;
use crate::store::relays::routing;
use crate::store::{Store, commit};
use crate::{Actor, Clock};

/// The limits of mail, which the outbox enforces. Cheap to clone.
#[derive(Clone)]
pub struct Limits {
    store: Store,
    clock: Clock,
    accounts: Accounts,
    audit: Audit,
    settings: Settings,
}

/// The limits that hold for the mail of an actor.
#[derive(Clone, Copy, Debug)]
pub struct OwnLimits {
    /// Those of its account.
    pub account: SendingQuota,
    /// Those of its API token; `None` for other actors.
    pub token: Option<SendingQuota>,
}

impl Limits {
    pub(crate) fn new(
        store: Store,
        clock: Clock,
        accounts: Accounts,
        audit: Audit,
        settings: Settings,
    ) -> Self {
        Self {
            store,
            clock,
            accounts,
            audit,
            settings,
        }
    }

    /// The time as of which a quota has so much left.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The limits that hold for the actor's own mail, and what is counted for them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn own(&self, actor: &Actor) -> Result<OwnLimits, Refusal> {
        let mut connection = self.store.read().await?;
        let account = sending_limits::of(&mut connection, actor.submitter()).await?;
        let token = match actor.as_token() {
            Some(token) => Some(sending_limits::of(&mut connection, &token.id).await?),
            None => None,
        };
        Ok(OwnLimits { account, token })
    }

    /// The limits of an account, and what is counted for them, for administrators.
    ///
    /// # Errors
    /// [`Kind::NotFound`](domain::Kind::NotFound) under `id`;
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for other actors.
    pub async fn of_account(&self, actor: &Actor, id: &str) -> Result<SendingQuota, Refusal> {
        let account = self.accounts.read(actor, id).await?;
        let mut connection = self.store.read().await?;
        Ok(sending_limits::of(&mut connection, &account.id).await?)
    }

    /// Replaces the limits of an account. They hold for the next message, for limits of an account that
    /// had none on other nodes within a second. What was sent before the first limit is not counted.
    ///
    /// # Errors
    /// [`Kind::Invalid`](domain::Kind::Invalid) under the names of limits;
    /// [`Kind::NotFound`](domain::Kind::NotFound) under `id`;
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for other actors than administrators, and for tokens
    /// that are limited.
    pub async fn set_of_account(
        &self,
        actor: &Actor,
        id: &str,
        limits: SendingLimits,
    ) -> Result<SendingQuota, Refusal> {
        self.audit
            .audited(actor, Action::ChangeLimits, async {
                actor.manages_accounts()?;
                let account = self.accounts.read(actor, id).await?;
                self.set(actor, &account.id, &account.email, limits).await
            })
            .await
    }

    /// Replaces the limits of a token that is not revoked, as [`Limits::set_of_account`].
    ///
    /// # Errors
    /// As [`Limits::set_of_account`].
    pub async fn set_of_token(
        &self,
        actor: &Actor,
        id: &str,
        limits: SendingLimits,
    ) -> Result<SendingQuota, Refusal> {
        self.audit
            .audited(actor, Action::ChangeLimits, async {
                actor.manages_accounts()?;
                let token = self.accounts.token(actor, id).await?;
                let name = format!("token {} of {}", token.name, token.account.email);
                self.set(actor, &token.id, &name, limits).await
            })
            .await
    }

    /// Replaces the limits of an account or token, which the audit log names so.
    async fn set(
        &self,
        actor: &Actor,
        holder: &str,
        name: &str,
        limits: SendingLimits,
    ) -> Result<SendingQuota, Refusal> {
        limits.check()?;
        let mut work = self.store.begin().await?;
        // The settings that acceptance follows are read again.
        let version = routing::raise(&mut work).await?;
        let before = sending_limits::of(&mut work, holder).await?;
        if before.limits == limits {
            return Ok(before);
        }
        sending_limits::set(&mut work, holder, &limits).await?;
        let text = match limits.is_empty() {
            true => "no limits".to_owned(),
            false => limits.text(),
        };
        self.audit
            .record(
                &mut work,
                actor,
                Action::ChangeLimits,
                format!("{name}: {text}"),
            )
            .await?;
        let after = sending_limits::of(&mut work, holder).await?;
        commit(work).await?;
        self.accounts.forget_tokens();
        self.settings.announce(version);
        Ok(after)
    }
}
