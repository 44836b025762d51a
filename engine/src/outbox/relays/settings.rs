//! The relays of the organisation with their SMTP settings, and what they say about backoffs.

use std::sync::Arc;

use domain::cause::{self, Observation};
use domain::outbox::{BackoffView, Worker};
use domain::settings::relay::RelayConfig;
use domain::{ConnectionType, SmtpSettings};
use parking_lot::Mutex;

use crate::store::relays::{self, RelayRow, routing};
use crate::store::settings::information::{self, RelayForm};
use crate::store::{Connection, StoreError};

/// A relay of the organisation with valid settings.
pub(in crate::outbox) struct ConfiguredRelay {
    pub id: String,
    pub config: RelayConfig,
    pub settings: SmtpSettings,
}

impl ConfiguredRelay {
    /// Host and port, as in the heartbeats of workers.
    pub fn address(&self) -> String {
        self.settings.host.with_port(self.settings.port)
    }
}

/// The settings of all relays, in their order.
pub(in crate::outbox) struct RelaySettings {
    /// The version of the routing before they were read.
    version: i64,
    /// Whether any are saved.
    pub configured: bool,
    /// Those that are valid.
    pub valid: Vec<ConfiguredRelay>,
}

/// The settings that were read last. Every change of a relay, and every save of settings, raises the version of
/// the routing.
#[derive(Default)]
pub(in crate::outbox) struct LastRelaySettings(Mutex<Option<Arc<RelaySettings>>>);

impl LastRelaySettings {
    /// The settings of all relays.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn read(
        &self,
        connection: &mut Connection,
    ) -> Result<Arc<RelaySettings>, StoreError> {
        // Before the settings: they may change meanwhile.
        let version = routing::version(connection).await?;
        let last = self.0.lock().clone();
        if let Some(last) = last.filter(|last| last.version == version) {
            return Ok(last);
        }
        let saved = information::of_relays(connection).await?;
        let relays = relays::all(connection).await?;
        let read = Arc::new(RelaySettings {
            version,
            configured: !saved.is_empty(),
            valid: configured(relays, &saved),
        });
        *self.0.lock() = Some(read.clone());
        Ok(read)
    }
}

/// The relays of the organisation with valid settings, in their order.
///
/// # Errors
/// Where the database fails.
pub(in crate::outbox) async fn of_organisation(
    connection: &mut Connection,
) -> Result<Vec<ConfiguredRelay>, StoreError> {
    let saved = information::of_relays(connection).await?;
    Ok(configured(relays::all(connection).await?, &saved))
}

/// The relays whose saved settings are valid.
fn configured(relays: Vec<RelayRow>, saved: &[RelayForm]) -> Vec<ConfiguredRelay> {
    let configured = relays.into_iter().filter_map(|relay| {
        let id = relay.scope.relay_id();
        let saved = saved.iter().find(|saved| saved.relay == id)?;
        Some(ConfiguredRelay {
            settings: saved.form.parse().ok()?,
            config: relay.config,
            id,
        })
    });
    configured.collect()
}

/// Adds to each backoff the name of its relay and the cause, where that relay has valid settings.
pub(in crate::outbox) fn explain(workers: &mut [Worker], relays: &[ConfiguredRelay]) {
    for backoff in workers.iter_mut().flat_map(|worker| &mut worker.backoffs) {
        let mut relays = relays.iter();
        let relay = relays.find(|relay| backoff.is_of(&relay.id, &relay.address()));
        if let Some(relay) = relay {
            backoff.name = Some(relay.config.name.clone());
            add_cause(backoff, &relay.settings);
        }
    }
}

/// Adds the cause of a backoff from the relay with these settings.
pub(super) fn add_cause(backoff: &mut BackoffView, settings: &SmtpSettings) {
    backoff.cause = cause::find(&Observation {
        failure: &backoff.failure,
        settings,
        encrypted: settings.connection != ConnectionType::None,
        capabilities: &[],
        sender: settings.from_address.as_str(),
        recipient: None,
    });
}

#[cfg(test)]
mod tests {
    use domain::outbox::RelayState;
    use domain::settings::relay::RelayLimits;
    use domain::{Failure, Form, Label, Reply, Stage, Timestamp};

    use super::*;

    fn relay(id: &str, name: &str) -> ConfiguredRelay {
        let form = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "smtp.example.org")
            .with(Label::Port, "587");
        ConfiguredRelay {
            id: id.to_owned(),
            config: RelayConfig {
                name: name.to_owned(),
                from_domain: None,
                enabled: true,
                limits: RelayLimits::default(),
            },
            settings: form.parse().expect("valid"),
        }
    }

    #[test]
    fn a_backoff_has_the_name_of_its_relay_and_a_cause() {
        let relays = [relay("global", "Main relay"), relay("01JD", "Backup")];
        let reply = Reply::new(535, [b"5.7.8 no".as_slice()].into_iter());
        for (id, address, name) in [
            (Some("global"), "smtp.example.org:587", Some("Main relay")),
            (Some("01JD"), "smtp.example.org:587", Some("Backup")),
            (Some("01JE"), "smtp.example.org:587", None),
            (Some("01JD"), "smtp.example.net:587", None),
            // In the heartbeat of an earlier version.
            (None, "smtp.example.org:587", Some("Main relay")),
            (None, "smtp.example.net:587", None),
        ] {
            let backoff = BackoffView {
                relay: address.to_owned(),
                id: id.map(str::to_owned),
                name: None,
                account: None,
                state: RelayState::BackingOff,
                failure: Failure::rejected(Stage::Auth, reply.clone()),
                cause: None,
                since: Timestamp(1),
                next: Timestamp(2),
            };
            let mut workers = [Worker {
                host: "gate".to_owned(),
                connections: 0,
                per_minute: 0,
                latency: None,
                relays: 2,
                backoffs: vec![backoff],
            }];
            explain(&mut workers, &relays);
            let backoff = &workers[0].backoffs[0];
            assert_eq!(backoff.name.as_deref(), name, "{id:?} {address}");
            assert_eq!(backoff.cause.is_some(), name.is_some(), "{id:?} {address}");
        }
    }
}
