//! The relay that the mail of an account leaves through, as that account sees it.

use domain::settings::{SettingsView, Stamp};
use domain::{ConnectionType, Host, Refusal};

use super::Settings;
use crate::Actor;
use crate::store::settings::{information, policy, revisions};
use crate::store::{Connection, StoreError, relays};

/// The settings of an account's own relay, and the relay of the organisation.
#[derive(Clone, Debug)]
pub struct AccountRelay {
    /// Whether the policy allows an own relay.
    pub allowed: bool,
    /// Whether the organisation's relays take over from an own relay.
    pub fallback: bool,
    /// The settings of the own relay; of those before the first save only the From address is set.
    pub own: SettingsView,
    /// Host and port of the own relay; `None` before the first save, and where the settings are no
    /// longer valid.
    pub address: Option<String>,
    /// The first relay of the organisation that is for all mail, where one is set up.
    pub organisation: Option<OrganisationRelay>,
}

impl AccountRelay {
    /// Whether mail leaves through the own relay.
    pub fn uses_own(&self) -> bool {
        self.allowed && self.address.is_some()
    }
}

/// A relay of the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganisationRelay {
    /// Name or IP address.
    pub host: Host,
    /// The TCP port.
    pub port: u16,
    /// How the connection is encrypted.
    pub connection: ConnectionType,
    /// Whether a password is saved.
    pub has_password: bool,
    /// The user of the sign-in; `None` unless an administrator asks.
    pub user: Option<String>,
    /// When it was saved and by whom; `None` unless an administrator asks.
    pub saved: Option<Stamp>,
}

impl Settings {
    /// The relay that the mail of the actor's account leaves through.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for a token that does not read, and for a local
    /// user.
    pub async fn account_relay(&self, actor: &Actor) -> Result<AccountRelay, Refusal> {
        let own = self.of_account(actor)?;
        own.consult(actor, async {
            let mut connection = self.store.read().await?;
            let policy = policy::read(&mut connection).await?;
            let saved = own.read(&mut connection).await?;
            let address = saved
                .settings()
                .map(|settings| settings.host.with_port(settings.port));
            let organisation = of_organisation(&mut connection, actor.oversees()).await?;
            Ok(AccountRelay {
                allowed: policy.own_relays,
                fallback: policy.fallback,
                own: own.view_of(&mut connection, actor, saved).await?,
                address,
                organisation,
            })
        })
        .await
    }
}

/// The first relay that is on and for all mail, for administrators with its user.
async fn of_organisation(
    connection: &mut Connection,
    oversees: bool,
) -> Result<Option<OrganisationRelay>, StoreError> {
    let rows = relays::all(connection).await?;
    for row in rows {
        if !row.config.enabled || row.config.from_domain.is_some() {
            continue;
        }
        let Some(saved) = information::read(connection, row.scope).await? else {
            continue;
        };
        let Ok(settings) = saved.form.parse() else {
            continue;
        };
        let newest = match oversees {
            true => revisions::newest(connection, row.scope).await?,
            false => None,
        };
        return Ok(Some(OrganisationRelay {
            host: settings.host,
            port: settings.port,
            connection: settings.connection,
            has_password: saved.password.is_some(),
            user: oversees.then_some(settings.username),
            saved: newest.map(|newest| newest.saved),
        }));
    }
    Ok(None)
}
