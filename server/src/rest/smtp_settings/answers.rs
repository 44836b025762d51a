//! The answers of `/api/smtp/settings`.

use domain::settings::{PasswordState, SettingsView, Stamp};
use domain::{ConnectionType, Form, Label};
use engine::{AccountRelay, OrganisationRelay};
use serde::Serialize;
use utoipa::ToSchema;

/// The relay that the mail of the account leaves through.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CurrentSettings {
    #[serde(flatten)]
    settings: RelaySettings,
    /// Whether a password is saved.
    #[schema(example = true)]
    has_password: bool,
    /// Whether it is a relay of the organisation.
    is_global: bool,
}

/// The settings of a relay.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RelaySettings {
    /// The host; empty while the organisation has no relay.
    #[schema(example = "smtp.example.org")]
    host: String,
    /// The port; null while the organisation has no relay.
    #[schema(example = 465)]
    port: Option<u16>,
    /// Whether the connection is encrypted from the first byte.
    #[schema(example = true)]
    secure: bool,
    /// The user of the sign-in; empty without one. The user of the organisation's relay is shown only to
    /// administrators.
    #[schema(example = "ann")]
    user: String,
    /// When the settings were saved. For the organisation's relay it is shown only to administrators.
    #[schema(format = DateTime, example = "2026-11-20T05:13:30Z")]
    updated_at: Option<String>,
    /// The address of the account that saved them.
    #[schema(example = "ann@example.org")]
    updated_by: Option<String>,
}

const SAVED: &str = "Your relay is saved. Your mail leaves through it from now on.";

const REMOVED: &str = "Your mail leaves through the relay of your organisation.";

/// The settings are saved.
#[derive(Serialize, ToSchema)]
pub struct SettingsSaved {
    #[schema(example = json!(SAVED))]
    message: &'static str,
    settings: RelaySettings,
}

/// The organisation's relay is used.
#[derive(Serialize, ToSchema)]
pub struct OwnRelayRemoved {
    #[schema(example = json!(REMOVED))]
    message: &'static str,
}

impl Default for OwnRelayRemoved {
    fn default() -> Self {
        Self { message: REMOVED }
    }
}

impl SettingsSaved {
    /// The answer to a save.
    pub fn of(relay: AccountRelay) -> Self {
        Self {
            message: SAVED,
            settings: own(&relay.own),
        }
    }
}

impl From<AccountRelay> for CurrentSettings {
    fn from(relay: AccountRelay) -> Self {
        if relay.uses_own() {
            return Self {
                settings: own(&relay.own),
                has_password: relay.own.password != PasswordState::None,
                is_global: false,
            };
        }
        let organisation = relay.organisation;
        Self {
            has_password: organisation
                .as_ref()
                .is_some_and(|relay| relay.has_password),
            settings: organisation.map(RelaySettings::from).unwrap_or_default(),
            is_global: true,
        }
    }
}

impl From<OrganisationRelay> for RelaySettings {
    fn from(relay: OrganisationRelay) -> Self {
        Self {
            host: relay.host.to_string(),
            port: Some(relay.port),
            secure: relay.connection == ConnectionType::Ssl,
            user: relay.user.unwrap_or_default(),
            ..Self::default()
        }
        .saved(relay.saved)
    }
}

impl RelaySettings {
    fn saved(self, stamp: Option<Stamp>) -> Self {
        let (at, by) = stamp.map(|stamp| (stamp.at.rfc3339(), stamp.by)).unzip();
        Self {
            updated_at: at,
            updated_by: by,
            ..self
        }
    }
}

/// The settings of the own relay.
fn own(view: &SettingsView) -> RelaySettings {
    let form: &Form = &view.form;
    RelaySettings {
        host: form.get(Label::Host).to_owned(),
        port: form.get(Label::Port).parse().ok(),
        secure: form.get(Label::ConnectionType) == ConnectionType::Ssl.as_str(),
        user: form.get(Label::Username).to_owned(),
        ..RelaySettings::default()
    }
    .saved(view.saved.clone())
}
