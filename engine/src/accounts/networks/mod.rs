//! The networks from which administrators sign in and act: the list, its changes, and its check.

mod cache;
mod list;

use std::net::IpAddr;
use std::sync::Arc;

use domain::account::Role;
use domain::{Kind, Refusal};

pub(crate) use cache::NetworkCache;

use super::Accounts;
use crate::audit::Action;
use crate::store::accounts::{Account, administrator_networks};
use crate::store::{Connection, commit};
use crate::{Actor, Origin};
use list::NetworkList;

/// The field of the networks.
pub const ADMINISTRATOR_NETWORKS: &str = "networks";

/// The field that answers the second question.
pub const CONFIRM_LOCKOUT: &str = "confirm_lockout";

/// A new list of networks of administrators.
#[derive(Clone, Debug, Default)]
pub struct NetworksChange {
    /// Networks such as `10.0.0.0/8`, and addresses; none, so that every network is allowed.
    pub networks: Vec<String>,
    /// Whether the actor's own address may be in none of them.
    pub confirm_lockout: bool,
}

/// The refusal of an administrator from another network. It does not name those that are allowed.
fn elsewhere() -> Refusal {
    Refusal::new(
        Kind::Forbidden,
        "Administrators of your organisation sign in and act from certain networks only, and this is none of \
         them. Connect from one of them. On the machine of Postern, the command postern policy networks \
         changes them.",
    )
}

impl Accounts {
    /// The networks from which administrators sign in and act, for administrators; none where every one is
    /// allowed.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor.
    pub async fn administrator_networks(&self, actor: &Actor) -> Result<Vec<String>, Refusal> {
        self.audit
            .administer(actor, Action::ReadPolicy, async {
                Ok(read(&mut *self.store.read().await?).await?.texts())
            })
            .await
    }

    /// Replaces the networks from which administrators sign in and act, and returns them as they are now.
    /// They hold for the next request, on other nodes within a second.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `networks` for what is not a network, and under `confirm_lockout` if the
    /// actor's own address is in none of them and [`NetworksChange::confirm_lockout`] is false;
    /// [`Kind::Forbidden`] unless the actor is an administrator.
    pub async fn set_administrator_networks(
        &self,
        actor: &Actor,
        change: NetworksChange,
    ) -> Result<Vec<String>, Refusal> {
        self.audit
            .administer(actor, Action::ChangePolicy, async {
                let list = NetworkList::parse(&change.networks)
                    .map_err(|text| Refusal::of(Kind::Invalid, ADMINISTRATOR_NETWORKS, text))?;
                if let Some(address) = actor.origin.address
                    && !list.admits(address)
                    && !change.confirm_lockout
                {
                    return Err(asks_again(address));
                }
                let networks = list.texts();
                let mut work = self.store.begin_on_accounts().await?;
                if read(&mut work).await? == list {
                    return Ok(networks);
                }
                administrator_networks::replace(&mut work, &networks).await?;
                self.audit
                    .record(&mut work, actor, Action::ChangePolicy, detail(&networks))
                    .await?;
                commit(work).await?;
                self.networks.forget();
                Ok(networks)
            })
            .await
    }

    /// Refuses an actor with the rights of an administrator who comes from a network that is not allowed: a
    /// session of an administrator, and a token of one that reads or changes what is not its own. The
    /// command line and local sockets have no address, and are not refused; a loopback address is one like
    /// any other.
    ///
    /// # Errors
    /// [`Kind::Forbidden`], without the names of the networks that are allowed.
    pub async fn admit(&self, actor: &Actor) -> Result<(), Refusal> {
        if self.is_admitted(actor).await? {
            return Ok(());
        }
        let refusal = elsewhere();
        self.audit
            .record_refusal(actor, Action::Admit, &refusal)
            .await;
        Err(refusal)
    }

    /// Whether [`Accounts::admit`] admits the actor.
    ///
    /// # Errors
    /// If the database fails.
    pub(super) async fn is_admitted(&self, actor: &Actor) -> Result<bool, Refusal> {
        match actor.oversees() {
            true => self.is_allowed(&actor.origin).await,
            false => Ok(true),
        }
    }

    /// Refuses the sign-in of an administrator from a network that is not allowed.
    ///
    /// # Errors
    /// As [`Accounts::admit`].
    pub(super) async fn admit_login(
        &self,
        account: &Account,
        origin: &Origin,
    ) -> Result<(), Refusal> {
        match account.role == Role::User || self.is_allowed(origin).await? {
            true => Ok(()),
            false => Err(elsewhere()),
        }
    }

    async fn is_allowed(&self, origin: &Origin) -> Result<bool, Refusal> {
        let Some(address) = origin.address else {
            return Ok(true);
        };
        let now = self.clock.monotonic();
        if let Some(networks) = self.networks.find(now) {
            return Ok(networks.admits(address));
        }
        let networks = Arc::new(read(&mut *self.store.read().await?).await?);
        self.networks.remember(now, networks.clone());
        Ok(networks.admits(address))
    }
}

/// The networks in the database.
async fn read(connection: &mut Connection) -> Result<NetworkList, Refusal> {
    let texts = administrator_networks::all(connection).await?;
    NetworkList::parse(&texts).map_err(|text| {
        tracing::error!(%text, "the table administrator_network is damaged");
        Refusal::internal()
    })
}

/// The second question to an actor who would be locked out.
fn asks_again(address: IpAddr) -> Refusal {
    let text = format!(
        "Your own address {address} is in none of these networks: you would be locked out at once. Add it, or \
         confirm that you want this."
    );
    Refusal::of(Kind::Invalid, CONFIRM_LOCKOUT, text)
}

/// The networks as the audit log has them.
fn detail(networks: &[String]) -> String {
    match networks.is_empty() {
        true => "administrators from everywhere".to_owned(),
        false => format!("administrators from {}", networks.join(", ")),
    }
}
