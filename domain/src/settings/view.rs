//! Views of the saved configuration, and the password change of a save.

use serde::{Deserialize, Serialize};

use crate::{Form, Label, Timestamp};

/// The state of the password. The password itself is never read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PasswordState {
    /// A password is saved.
    Saved,
    /// No password is saved.
    None,
    /// A password is stored, but the key that opens it is lost.
    ReEnter,
    /// A password is saved for a relay other than the one in the environment of Postern. It is not used.
    OtherRelay,
    /// The password is that of the environment of Postern.
    Environment,
}

/// The actor and time of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The time of the action.
    pub at: Timestamp,
    /// The account or local user that acted.
    pub by: String,
}

/// Whether a test mail was delivered with the saved configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// No revision was verified.
    Never,
    /// The current revision was verified.
    Verified(Stamp),
    /// An earlier revision was verified; the configuration was saved again since.
    Changed(Stamp),
}

/// An earlier password that can be restored. Its text is not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierPassword {
    /// The revision that introduced it.
    pub revision: i64,
    /// When the password was saved and by which account.
    pub saved: Stamp,
    /// The user and relay that the password was saved for, as in `alerts at smtp.example.org:587`. It is
    /// used for no other.
    pub relay: String,
}

/// The saved configuration as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsView {
    /// The settings in force as text: the saved ones, with those of the environment applied.
    pub form: Form,
    /// The state of the password.
    pub password: PasswordState,
    /// The current revision; 0 before the first save.
    pub revision: i64,
    /// When the revision was saved and by which account; none before the first save.
    pub saved: Option<Stamp>,
    /// Whether a test mail was delivered with the saved configuration.
    pub verified: Verification,
    /// Passwords of earlier revisions that can be restored.
    pub earlier: Vec<EarlierPassword>,
    /// The fields that the environment of Postern sets, each with the name of its variable. They cannot be
    /// saved otherwise.
    pub locks: Vec<(Label, String)>,
}

impl SettingsView {
    /// The variable that sets a field.
    pub fn lock(&self, label: Label) -> Option<&str> {
        let lock = self.locks.iter().find(|(locked, _)| *locked == label);
        lock.map(|(_, variable)| variable.as_str())
    }
}

/// The change of the password by a save.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordChange {
    /// Keep the saved password, if [`crate::SmtpSettings::password_stays`] permits it. With the
    /// authentication type None every password is removed, also this one.
    #[default]
    Keep,
    /// Remove the saved password.
    Clear,
    /// Save a new password, sealed for this instance as a JWE ([`crate::crypto::jwe`]).
    Sealed(String),
    /// Restore the password of an earlier revision.
    Earlier(i64),
}
