//! What an administrator sees of the configuration, and what a save asks for.

use serde::{Deserialize, Serialize};

use crate::{Form, Timestamp};

/// What is known of the saved password. It is never read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PasswordState {
    Saved,
    None,
    /// It is stored, but its key is lost.
    ReEnter,
}

/// Who did something, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    pub at: Timestamp,
    pub by: String,
}

/// Whether the saved configuration has been proved by a test mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// No revision ever was.
    Never,
    /// This very revision was.
    Verified(Stamp),
    /// An earlier revision was; saved again since.
    Changed(Stamp),
}

/// A password that was saved before: to choose, not to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierPassword {
    /// The revision that brought it.
    pub revision: i64,
    pub saved: Stamp,
    /// The settings it was saved with, as in `alerts at smtp.example.org:587`: where it may go.
    pub relay: String,
}

/// The saved configuration as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsView {
    pub form: Form,
    pub password: PasswordState,
    /// 0 before the first save.
    pub revision: i64,
    pub saved: Option<Stamp>,
    pub verified: Verification,
    pub earlier: Vec<EarlierPassword>,
}

/// What is to become of the password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordChange {
    /// The saved one stays, where [`crate::SmtpSettings::password_stays`] lets it.
    #[default]
    Keep,
    Clear,
    /// A new one, sealed for this Postern: a JWE ([`crate::jwe`]).
    Sealed(String),
    /// The one of an earlier revision.
    Earlier(i64),
}

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Admin,
    User,
}

/// A session of the account that asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// Names the session, and cannot be used as one.
    pub id: String,
    pub begun: Timestamp,
    pub last_used: Timestamp,
    /// From where, and with which browser, as far as it said.
    pub from: String,
    pub browser: String,
    /// The one that asks.
    pub current: bool,
}
