//! Views of accounts and login sessions, and the role of an account.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use crate::Timestamp;
use crate::refusal::TextFault;

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

/// Whether the person of an account can sign in with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum AccountState {
    /// The account has a password.
    Active,
    /// The account was invited and has no password yet.
    Invited,
    /// An administrator disabled the account.
    Disabled,
}

/// An account as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountView {
    /// The id, a ULID.
    pub id: String,
    /// The address that the person signs in with.
    pub email: String,
    /// The rights of the account.
    pub role: Role,
    /// Whether the person can sign in.
    pub state: AccountState,
    /// When the account was created.
    pub created: Timestamp,
    /// When the invitation expires or expired; `None` without an invitation.
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
