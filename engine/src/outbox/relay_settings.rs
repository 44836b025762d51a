//! The SMTP settings of all relays as the overview shows them, read again after a change.

use std::sync::Arc;

use domain::SmtpSettings;
use parking_lot::Mutex;

use crate::store::{Connection, StoreError, information, routing};

/// The settings of all relays, in their order.
pub(super) struct RelaySettings {
    /// The version of the routing before they were read.
    version: i64,
    /// Whether any are saved.
    pub configured: bool,
    /// Those that are valid.
    pub valid: Vec<SmtpSettings>,
}

/// The settings that were read last. Every save of settings raises the version of the routing.
#[derive(Default)]
pub(super) struct LastRelaySettings(Mutex<Option<Arc<RelaySettings>>>);

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
        let read = Arc::new(RelaySettings {
            version,
            configured: !saved.is_empty(),
            valid: saved
                .iter()
                .filter_map(|saved| saved.form.parse().ok())
                .collect(),
        });
        *self.0.lock() = Some(read.clone());
        Ok(read)
    }
}
