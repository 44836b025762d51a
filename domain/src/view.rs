//! Views of the saved configuration, of accounts and sessions, and the password change of a save.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use crate::refusal::TextFault;
use crate::{Form, Label, Timestamp};

/// Whether there is a password, and which. The password itself is never read back.
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
    /// A password is saved for another relay than the environment of Postern names. It is not used.
    OtherRelay,
    /// The password is that of the environment of Postern.
    Environment,
}

/// The actor and time of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// When it was done.
    pub at: Timestamp,
    /// The account or local user that did it.
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
    /// When it was saved and by which account.
    pub saved: Stamp,
    /// The user and relay it was saved for, as in `alerts at smtp.example.org:587`. It is used for
    /// no other.
    pub relay: String,
}

/// The saved configuration as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsView {
    /// The settings in force as text: the saved ones, and over them those of the environment.
    pub form: Form,
    /// Whether there is a password, and which.
    pub password: PasswordState,
    /// The current revision; 0 before the first save.
    pub revision: i64,
    /// When the revision was saved and by which account; none before the first save.
    pub saved: Option<Stamp>,
    /// Whether a test mail was delivered with it.
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

/// The change a save makes to the password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordChange {
    /// Keep the saved password, if [`crate::SmtpSettings::password_stays`] permits it. With the
    /// authentication type None it is forgotten, as any password is.
    #[default]
    Keep,
    /// Remove the saved password.
    Clear,
    /// Save a new password, sealed for this instance as a JWE ([`crate::jwe`]).
    Sealed(String),
    /// Restore the password of an earlier revision.
    Earlier(i64),
}

/// The role of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(
    serialize_all = "lowercase",
    parse_err_ty = TextFault,
    parse_err_fn = unknown_role
)]
pub enum Role {
    /// Manages settings, accounts and the outbox.
    Admin,
    /// Submits mail and sees its own messages.
    User,
}

impl Role {
    /// The name in the database, in JSON and in forms.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

fn unknown_role(_: &str) -> TextFault {
    "Choose administrator or user."
}

/// A login session of the requesting account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// Identifies the session in the list; it is not the session cookie.
    pub id: String,
    /// When the session began.
    pub begun: Timestamp,
    /// When the session was last used.
    pub last_used: Timestamp,
    /// The client's IP address.
    pub from: String,
    /// The browser, derived from `User-Agent`; empty when unknown.
    pub browser: String,
    /// Whether this is the session of the request.
    pub current: bool,
}

/// Whether the person of an account can sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum AccountState {
    /// It has a password.
    Active,
    /// It was invited and has no password yet.
    Invited,
    /// An administrator disabled it.
    Disabled,
}

/// An account as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountView {
    /// A ULID.
    pub id: String,
    /// The address that the person signs in with.
    pub email: String,
    /// The rights of the account.
    pub role: Role,
    /// Whether the person can sign in.
    pub state: AccountState,
    /// When it was created.
    pub created: Timestamp,
    /// When its invitation expires or expired; `None` without one.
    pub invitation_expires: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_have_one_name_in_the_database_in_json_and_in_forms() {
        for (role, name) in [(Role::Admin, "admin"), (Role::User, "user")] {
            assert_eq!(role.as_str(), name);
            assert_eq!(name.parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).expect("serialises"), name);
        }
        for unknown in ["", "Admin", "owner"] {
            assert!(unknown.parse::<Role>().is_err(), "{unknown}");
        }
    }
}
