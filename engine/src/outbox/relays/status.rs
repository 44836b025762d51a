//! The state of the relays that the mail of an account leaves through, and connections to relays.

use std::collections::BTreeMap;

use domain::outbox::{BackoffView, RelayState, UnavailableRelay};
use domain::{Refusal, Timestamp};

use super::settings::{ConfiguredRelay, of_organisation};
use super::waiting::{unavailable, unavailable_own};
use crate::Actor;
use crate::outbox::{HEARTBEAT_TIMEOUT, Outbox};
use crate::store::delivery::pause;
use crate::store::delivery::workers::{self, OpenConnections};
use crate::store::relays::reports;
use crate::store::settings::information;
use crate::store::{Connection, Scope, StoreError};

/// The state of an account's own relay and of the organisation's, as the account sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayStatus {
    /// Whether delivery is paused, or no process delivers.
    pub paused: bool,
    /// Where the own relay takes no mail: why, with the relay's reply.
    pub own: Option<BackoffView>,
    /// Where no relay of the organisation takes mail: the state of the first.
    pub organisation: Option<RelayState>,
    /// Where all relays of the organisation fail: since when the last of them does.
    pub organisation_fails_since: Option<Timestamp>,
}

impl Outbox {
    /// The state of the own relay of the actor's account, and of the organisation's relays that are
    /// for all mail.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for a token that does not read.
    pub async fn relay_status(&self, actor: &Actor) -> Result<RelayStatus, Refusal> {
        actor.reads()?;
        let account = actor.account().map(|account| account.id.as_str());
        let mut connection = self.store.reporting().await?;
        Ok(self.status(&mut connection, account).await?)
    }

    /// The number of open connections of all processes by the id of the relay, without relays that have
    /// none: for administrators of the relays of the organisation, and for each account of its own.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for a token that does not read.
    pub async fn connections(&self, actor: &Actor) -> Result<OpenConnections, Refusal> {
        actor.reads()?;
        let account = actor.account();
        let own = account.and_then(|account| Scope::of_account(&account.id));
        let own = own.map(Scope::relay_id);
        let since = self.clock.now() - HEARTBEAT_TIMEOUT;
        let mut connection = self.store.reporting().await?;
        let mut open = workers::connections(&mut connection, since).await?;
        open.retain(|relay, _| {
            let is_own = own.as_ref() == Some(relay);
            is_own || actor.oversees() && Scope::of_relay(relay).is_some()
        });
        Ok(open)
    }

    /// When relays last took mail again after every worker had backed off from them, by the ids of the relays:
    /// those of the organisation, and the one of the actor's account.
    ///
    /// # Errors
    /// Where the database fails.
    pub(crate) async fn relays_resumed(
        &self,
        actor: &Actor,
    ) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        let account = actor.account();
        let own = account.and_then(|account| Scope::of_account(&account.id));
        let mut connection = self.store.reporting().await?;
        reports::resumptions(&mut connection, own).await
    }

    async fn status(
        &self,
        connection: &mut Connection,
        account: Option<&str>,
    ) -> Result<RelayStatus, StoreError> {
        let now = self.clock.now();
        let paused = pause::read(connection).await?.is_some();
        let processes = workers::all(connection, now - HEARTBEAT_TIMEOUT).await?;
        let workers = processes.workers;
        let own = match account.and_then(Scope::of_account) {
            Some(scope) => information::read(connection, scope).await?,
            None => None,
        };
        let own = own.and_then(|saved| saved.form.parse().ok());
        let own = own.and_then(|settings| unavailable_own(&settings, account, &workers));
        let relays: Vec<ConfiguredRelay> = of_organisation(connection).await?;
        let unavailable = unavailable(&relays, None, &workers);
        let fails = |relay: &UnavailableRelay| relay.backoff.state.is_failing();
        let last = unavailable.iter().map(|relay| relay.backoff.since).max();
        Ok(RelayStatus {
            paused: paused || !processes.holding.is_empty() || self.hold.is_some(),
            own: own.map(|relay| relay.backoff),
            organisation: unavailable.first().map(|relay| relay.backoff.state),
            organisation_fails_since: last.filter(|_| unavailable.iter().all(fails)),
        })
    }
}
