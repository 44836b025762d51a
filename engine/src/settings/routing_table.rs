//! The routing table: every relay with its settings and its password, for delivery.

use domain::relay::RelayConfig;
use domain::{SecretString, SmtpSettings};

use super::{Relays, SavedSettings, validate};
use crate::store::{Scope, StoreError, relays, routing};

/// All relays, as of a version.
#[derive(Debug)]
pub struct RoutingTable {
    /// Raised by every change of a relay and of the settings of one. What is read here may be newer,
    /// never older.
    pub version: i64,
    /// The relays in their order, also those that are switched off.
    pub relays: Vec<RoutedRelay>,
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
            let parsed = saved.settings();
            let settings = parsed.and_then(|settings| validate(settings).ok());
            let signs_in = settings
                .as_ref()
                .is_some_and(|settings| settings.authentication.keeps_password());
            let sealed = saved.password().filter(|_| signs_in);
            let of_relay = self.settings.of(row.scope);
            routed.push(RoutedRelay {
                id: row.scope,
                config: row.config,
                revision: saved.revision(),
                settings,
                password: sealed.and_then(|sealed| of_relay.unseal_saved(sealed).ok()),
            });
        }
        Ok(RoutingTable {
            version,
            relays: routed,
        })
    }
}
