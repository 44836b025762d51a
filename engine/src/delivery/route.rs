//! The route of messages: the relay of one revision of the settings, with its password.

use domain::{Kind, Refusal};

use crate::settings::{Settings, validate};
use crate::smtp::Relay;
use crate::store::Store;
use crate::store::pipelining_trials::{self, PipeliningTrial};

/// A relay, and the revision of the settings that names it.
pub(super) struct Route {
    pub revision: i64,
    /// Host and port.
    pub name: String,
    pub relay: Relay,
    /// Whether the relay bears pipelined next transactions, as it was tried.
    pub pipelining: Vec<PipeliningTrial>,
}

impl Route {
    /// Reads the saved settings; `None` before the first save, and where they are no longer valid.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn read(settings: &Settings, store: &Store) -> Result<Option<Self>, Refusal> {
        let saved = settings.saved().await?;
        let revision = saved.revision();
        let Some(smtp) = saved.settings().and_then(|smtp| validate(smtp).ok()) else {
            return Ok(None);
        };
        // Without a password that can be opened, the relay's refusal becomes the reported failure.
        let password =
            settings
                .saved_password(&saved, &smtp)
                .await
                .or_else(|refusal| match refusal.kind {
                    Kind::Invalid => Ok(None),
                    _ => Err(refusal),
                })?;
        let name = smtp.host.with_port(smtp.port);
        let pipelining = {
            let mut connection = store.read().await?;
            pipelining_trials::of_relay(&mut connection, &name).await?
        };
        Ok(Some(Self {
            revision,
            name,
            pipelining,
            relay: Relay {
                settings: smtp,
                password,
            },
        }))
    }
}
