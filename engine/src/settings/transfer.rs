//! Export of all relays with their settings, and passwords that were exported.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use domain::settings::PasswordChange;
use domain::settings::document::{FORMAT, RelayDocument, SettingsDocument, VERSION};
use domain::{Form, Label, Refusal, SecretString, SmtpSettings};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::password::protection;
use super::{Relays, SavedSettings};
use crate::Actor;
use crate::audit::Action;
use crate::store::{Scope, commit, relays};
use crate::vault::{ExportKey, ImportKey};

/// A password as it is sealed in an export.
#[derive(Serialize, Deserialize)]
struct ExportedPassword {
    password: String,
    /// The SHA-256 of the relay that it is for and of what protects it on the way there: with the trusted
    /// certificates themselves a sealed value would be too long.
    settings: String,
}

impl ExportedPassword {
    fn new(settings: &SmtpSettings, password: &str) -> Self {
        Self {
            password: password.to_owned(),
            settings: digest(settings),
        }
    }

    fn is_for(&self, settings: &SmtpSettings) -> bool {
        self.settings == digest(settings)
    }
}

fn digest(settings: &SmtpSettings) -> String {
    BASE64URL.encode(Sha256::digest(protection(settings)))
}

impl Relays {
    /// All relays with the settings in force. Passwords are sealed for `key`; without one they are left out,
    /// and so are those whose key is lost.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) unless the actor is an administrator.
    pub async fn export(
        &self,
        actor: &Actor,
        key: Option<&ExportKey>,
    ) -> Result<SettingsDocument, Refusal> {
        let act = async {
            let mut work = self.store.begin().await?;
            let mut documents = Vec::new();
            for row in relays::all(&mut work).await? {
                let saved = SavedSettings::read(&mut work, row.scope).await?;
                let mut document = RelayDocument::new(&row.config, row.scope == Scope::Global);
                if saved.exist() {
                    let fields: Vec<(Label, String)> = saved.form().into();
                    document.settings = Some(fields.into_iter().collect());
                }
                document.has_password = saved.password().is_some();
                if let (Some(key), Some(sealed), Some(settings)) =
                    (key, saved.password(), saved.settings())
                    && let Ok(password) = self.settings.unseal_saved(sealed)
                {
                    let bound = ExportedPassword::new(&settings, password.expose());
                    let bound = serde_json::to_vec(&bound).map_err(|_| Refusal::internal())?;
                    document.password = Some(key.seal(&Zeroizing::new(bound))?);
                }
                documents.push(document);
            }
            let detail = match key {
                Some(key) => format!("passwords sealed for {}", key.fingerprint()),
                None => "without passwords".to_owned(),
            };
            self.audit
                .record(&mut work, actor, Action::ExportSettings, detail)
                .await?;
            commit(work).await?;
            Ok(SettingsDocument {
                format: FORMAT.to_owned(),
                version: VERSION,
                exported_at: self.settings.clock.now().rfc3339(),
                relays: documents,
            })
        };
        self.audit
            .administer(actor, Action::ExportSettings, act)
            .await
    }

    /// The change that saves an exported password with the settings that it was exported with.
    ///
    /// # Errors
    /// A fault under `smtp_password` if it was sealed for another key, was changed, or is for another host,
    /// port, user, connection type, authentication type or certificate check than `form`; all faults of `form` if it is not valid.
    pub async fn exported_password(
        &self,
        sealed: &str,
        form: &Form,
        key: &ImportKey,
    ) -> Result<PasswordChange, Refusal> {
        let settings = form.parse()?;
        let opened = key.open(sealed)?;
        let bound: Option<ExportedPassword> = serde_json::from_slice(&opened).ok();
        let Some(bound) = bound.filter(|bound| bound.is_for(&settings)) else {
            let text = "The password was exported for another host, port, user, connection type, \
                        authentication type or certificate check than the document names now.";
            return Err(Refusal::field(Label::Password, text));
        };
        let password = SecretString::new(bound.password);
        let sealed = self.settings.keys.seal(&password).await?;
        Ok(PasswordChange::Sealed(sealed))
    }
}
