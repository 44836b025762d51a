//! Texts about an account: its role and its state.

use domain::account::{AccountState, Role};

/// The state of an account as a badge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountBadge {
    pub class: &'static str,
    pub name: &'static str,
}

pub fn account_badge(state: AccountState) -> AccountBadge {
    let (class, name) = match state {
        AccountState::Active => ("badge badge-good", "Active"),
        AccountState::Invited => ("badge badge-held", "Invited"),
        AccountState::Disabled => ("badge badge-plain", "Disabled"),
    };
    AccountBadge { class, name }
}

pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Admin => "Administrator",
        Role::User => "User",
    }
}
