//! How mail leaves: the saved settings of one revision, with their password.

use domain::view::PasswordChange;

use crate::Postern;
use crate::settings::usable;
use crate::smtp::Relay;

/// The way out.
pub struct Route {
    pub revision: i64,
    /// Host and port.
    pub name: String,
    pub relay: Relay,
}

impl Route {
    /// What is saved; none where nothing is, or nothing that can be used.
    ///
    /// # Errors
    /// Where the database does not tell.
    pub async fn read(postern: &Postern) -> Result<Option<Self>, domain::Refusal> {
        let saved = postern.settings().saved().await?;
        let revision = saved.revision();
        let Some(settings) = saved.settings().and_then(|settings| usable(settings).ok()) else {
            return Ok(None);
        };
        // Without its password the relay will say what is amiss, as the console does.
        let password = postern
            .settings()
            .password_for(&saved, &settings, &PasswordChange::Keep)
            .await
            .or_else(|refusal| match refusal.kind {
                domain::Kind::Invalid => Ok(None),
                _ => Err(refusal),
            })?;
        Ok(Some(Self {
            revision,
            name: settings.host.with_port(settings.port),
            relay: Relay { settings, password },
        }))
    }
}
