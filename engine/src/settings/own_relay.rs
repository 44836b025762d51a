//! The relay of an account: who may see and change its settings, and its removal.

use std::sync::Arc;

use domain::settings::Stamp;
use domain::settings::relay::OWN;
use domain::{EmailAddress, Form, Kind, Label, Refusal};
use futures::future::BoxFuture;

use super::{SavedSettings, Settings};
use crate::Actor;
use crate::audit::Action;
use crate::mail::{AccountSenders, SenderSet};
use crate::store::accounts::{Account, sender_identities};
use crate::store::relays::routing;
use crate::store::settings::revisions::{self, Revision};
use crate::store::settings::{information, policy};
use crate::store::{Connection, Scope, StoreError, commit};

/// The name of an account's own relay, where relays are listed by name.
pub(crate) const OWN_RELAY: &str = "Own relay";

/// The senders of which the From address of an account's own relay is one, unless an administrator chose it.
///
/// # Errors
/// Where the database fails.
pub(crate) async fn own_relay_senders(
    connection: &mut Connection,
    account: &Account,
) -> Result<AccountSenders, StoreError> {
    let mut added = SenderSet::default();
    for row in sender_identities::of_account(connection, &account.id).await? {
        if row.confirmed_at.is_some() {
            added.add(&row.address, row.key);
        }
    }
    Ok(AccountSenders::new(
        &account.email,
        None,
        Some(Arc::new(added)),
    ))
}

impl Settings {
    /// The settings of the relay of the actor's account.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for a local user, who has no account.
    pub fn of_account(&self, actor: &Actor) -> Result<Self, Refusal> {
        let account = actor.account();
        let scope = account.and_then(|account| Scope::of_account(&account.id));
        let scope = scope.ok_or_else(|| {
            let text = "Only an account has a relay of its own. Sign in, or use a token.";
            Refusal::new(Kind::Forbidden, text)
        })?;
        Ok(self.of(scope))
    }

    /// The settings of the relay with this id, or with [`OWN`] those of the relay of the actor's account.
    ///
    /// # Errors
    /// As [`Settings::of_relay`] and [`Settings::of_account`].
    pub fn of_id(&self, actor: &Actor, id: &str) -> Result<Self, Refusal> {
        match id {
            OWN => self.of_account(actor),
            id => self.of_relay(id),
        }
    }

    /// Awaits an act on these settings: on those of the organisation by an administrator, on those of
    /// an account by that account. Refuses every other actor, and records refusals.
    pub(crate) fn manage<'a, T: Send + 'a>(
        &'a self,
        actor: &'a Actor,
        action: Action,
        act: impl Future<Output = Result<T, Refusal>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, Refusal>> {
        let permitted = async move {
            match self.scope {
                Scope::Account(_) => {
                    self.require_owner(actor)?;
                    actor.changes_settings()?;
                }
                Scope::Global | Scope::Relay(_) => actor.administers()?,
            }
            act.await
        };
        self.audit.audited(actor, action, permitted)
    }

    /// As [`Settings::manage`], for an act that only reads: also by a token of the account that reads.
    pub(super) fn consult<'a, T: Send + 'a>(
        &'a self,
        actor: &'a Actor,
        act: impl Future<Output = Result<T, Refusal>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, Refusal>> {
        let permitted = async move {
            match self.scope {
                Scope::Account(_) => {
                    self.require_owner(actor)?;
                    actor.reads()?;
                }
                Scope::Global | Scope::Relay(_) => actor.administers()?,
            }
            act.await
        };
        self.audit.audited(actor, Action::ReadSettings, permitted)
    }

    /// # Errors
    /// [`Kind::Forbidden`] for an actor of another account, and for a local user.
    fn require_owner(&self, actor: &Actor) -> Result<(), Refusal> {
        let account = actor.account();
        let own = account.and_then(|account| Scope::of_account(&account.id));
        match own == Some(self.scope) {
            true => Ok(()),
            false => {
                let text = "These are the settings of another account.";
                Err(Refusal::new(Kind::Forbidden, text))
            }
        }
    }

    /// Refuses the settings of an account's own relay where the policy does not allow one.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] where it does not.
    pub(crate) async fn require_policy(&self, connection: &mut Connection) -> Result<(), Refusal> {
        if self.scope.is_own() && !policy::read(connection).await?.own_relays {
            return Err(Refusal::new(Kind::Forbidden, NOT_ALLOWED));
        }
        Ok(())
    }

    /// Refuses a From address of an account's own relay that is none of its sender addresses: the
    /// organisation's relays may take its mail over, and its host may be one that trusts this machine.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under the field of the From address.
    pub(crate) async fn require_sender(
        &self,
        connection: &mut Connection,
        actor: &Actor,
        from: &EmailAddress,
    ) -> Result<(), Refusal> {
        let account = actor.account().filter(|_| self.scope.is_own());
        let Some(account) = account.filter(|_| !actor.sends_from_any_address()) else {
            return Ok(());
        };
        let senders = own_relay_senders(connection, account).await?;
        senders.require(from, Label::FromAddress.as_str())
    }

    /// Removes the settings of an account's own relay, and all its passwords: its mail leaves through
    /// the relays of the organisation. Its revisions stay, without passwords. Returns whether there were
    /// any settings.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for an actor of another account, and for the settings of the organisation.
    pub async fn remove(&self, actor: &Actor) -> Result<bool, Refusal> {
        let act = async {
            if !self.scope.is_own() {
                let text = "The organisation's settings stay. Remove the relay instead.";
                return Err(Refusal::new(Kind::Forbidden, text));
            }
            let mut work = self.store.begin().await?;
            let version = routing::raise(&mut work).await?;
            let saved = SavedSettings::read(&mut work, self.scope).await?;
            if !saved.exist() {
                return Ok(false);
            }
            information::remove(&mut work, self.scope).await?;
            revisions::forget_all_passwords(&mut work, self.scope).await?;
            // A page that began from the settings before is in conflict.
            let removal = Revision {
                number: saved.revision() + 1,
                saved: Stamp {
                    at: self.clock.now(),
                    by: actor.name().to_owned(),
                },
                origin: actor.origin.to_string(),
                restored: None,
                form: Form::default(),
                password: None,
                password_from: None,
            };
            revisions::add(&mut work, self.scope, &removal).await?;
            revisions::forget_old(&mut work, self.scope, removal.number).await?;
            self.audit
                .record(&mut work, actor, Action::RemoveRelay, "own relay")
                .await?;
            commit(work).await?;
            self.announce(version);
            Ok(true)
        };
        self.manage(actor, Action::RemoveRelay, act).await
    }
}

const NOT_ALLOWED: &str = "Your organisation does not allow relays of one's own: mail leaves through \
                           the organisation's. Ask an administrator.";
