//! The routing table: every relay with its settings and its password, for delivery.

use std::collections::HashSet;

use domain::settings::relay::{RelayConfig, RelayLimits};
use domain::{SecretString, SmtpSettings};

use super::{OWN_RELAY, Relays, SavedSettings, validate};
use crate::store::relays::{self, routing};
use crate::store::settings::information::{self, SealedPassword};
use crate::store::settings::policy;
use crate::store::{Scope, StoreError, accounts};

/// All relays, as of a version.
#[derive(Debug)]
pub struct RoutingTable {
    /// Raised by every change of a relay and of the settings of one. What is read here may be newer,
    /// never older.
    pub version: i64,
    /// The relays of the organisation in their order, also those that are switched off.
    pub relays: Vec<RoutedRelay>,
    /// The relays of accounts; none where the policy does not allow them.
    pub own: Vec<RoutedRelay>,
    /// Whether the organisation's relays take over from those of accounts.
    pub fallback: bool,
}

/// A relay with its settings.
#[derive(Debug)]
pub struct RoutedRelay {
    /// Its scope, which names it for good.
    pub id: Scope,
    /// Name, From domain, limits, and whether it is on.
    pub config: RelayConfig,
    /// The revision of its settings; 0 before the first save.
    pub revision: i64,
    /// Its settings; `None` before the first save, and where they are no longer valid.
    pub settings: Option<SmtpSettings>,
    /// The saved password; `None` without one, without a sign-in, and where its key is lost.
    pub(crate) password: Option<SecretString>,
    /// Whether its health is checked: it is on, and its account is not disabled. Mail that is queued leaves
    /// through the relay of a disabled account nevertheless.
    pub(crate) is_checked: bool,
}

impl RoutedRelay {
    /// Whether it has a password that can be opened.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }
}

impl Relays {
    /// Reads all relays.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn configured(&self) -> Result<RoutingTable, StoreError> {
        let mut connection = self.store.read().await?;
        // Before everything else: a change in between leaves an old version, which is read again.
        let version = routing::version(&mut connection).await?;
        let rows = relays::all(&mut connection).await?;
        let mut routed = Vec::with_capacity(rows.len());
        for row in rows {
            let saved = SavedSettings::read(&mut connection, row.scope).await?;
            routed.push(RoutedRelay {
                revision: saved.revision(),
                ..self.routed(row.scope, row.config, saved.settings(), saved.password())
            });
        }
        let policy = policy::read(&mut connection).await?;
        let own = match policy.own_relays {
            true => information::of_accounts(&mut connection).await?,
            false => Vec::new(),
        };
        let disabled = match own.is_empty() {
            true => HashSet::new(),
            false => accounts::disabled_ids(&mut connection).await?,
        };
        let own = own.into_iter().map(|saved| {
            let account = saved.scope.account();
            let parsed = saved.form.parse().ok();
            let password = saved.password.map(|sealed| SealedPassword {
                scope: saved.scope.to_string(),
                sealed,
            });
            RoutedRelay {
                revision: saved.revision,
                is_checked: account.is_some_and(|account| !disabled.contains(&account)),
                ..self.routed(saved.scope, own_config(), parsed, password.as_ref())
            }
        });
        Ok(RoutingTable {
            version,
            relays: routed,
            own: own.collect(),
            fallback: policy.fallback,
        })
    }

    /// A relay with its saved settings and its sealed password.
    fn routed(
        &self,
        scope: Scope,
        config: RelayConfig,
        parsed: Option<SmtpSettings>,
        sealed: Option<&SealedPassword>,
    ) -> RoutedRelay {
        let settings = parsed.and_then(|settings| validate(settings).ok());
        let signs_in = settings
            .as_ref()
            .is_some_and(|settings| settings.authentication.keeps_password());
        let sealed = sealed.filter(|_| signs_in);
        let of_relay = self.settings.of(scope);
        RoutedRelay {
            id: scope,
            is_checked: config.enabled,
            config,
            revision: 0,
            settings,
            password: sealed.and_then(|sealed| of_relay.unseal_saved(sealed).ok()),
        }
    }
}

/// The configuration of the relay of an account.
fn own_config() -> RelayConfig {
    RelayConfig {
        name: OWN_RELAY.to_owned(),
        from_domain: None,
        enabled: true,
        limits: RelayLimits::default(),
    }
}
