//! The accounts: the list, the page of one, and the forms that add, change and delete them.

mod account_page;
mod add_form;
mod format;
mod forms;
mod list_page;
mod removal_page;
mod requests;
mod senders_section;
mod sessions_page;

pub use account_page::AccountDetailsPage;
pub(crate) use forms::forms;
pub use list_page::AccountsPage;
pub use removal_page::AccountRemovalPage;
pub use sessions_page::SessionsPage;

/// The list, and the form that adds an account.
pub const ACCOUNTS: &str = "/accounts";

/// The forms that change an account.
pub const CHANGE_ACCOUNT: &str = "/accounts/change";

/// The form that invites the person of an account again.
pub const INVITE_AGAIN: &str = "/accounts/invite";

/// The page that asks whether to delete an account, and its form.
pub const DELETE_ACCOUNT: &str = "/accounts/delete";

/// The page with the sessions of all accounts, and the form that ends them.
pub const SESSIONS: &str = "/accounts/sessions";

/// The form that ends a session of an account.
pub const END_SESSION_OF: &str = "/accounts/sessions/end";

/// The form that revokes a token of an account.
pub const REVOKE_TOKEN_OF: &str = "/accounts/tokens/revoke";

/// The form that lets an account send from an address or a domain.
pub const ADD_SENDER_OF: &str = "/accounts/senders";

/// The form that takes an address or a domain away from an account.
pub const REMOVE_SENDER_OF: &str = "/accounts/senders/remove";

/// The page of an account. Characters that no id has are left out.
pub fn account_path(id: &str) -> String {
    let id: String = id.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{ACCOUNTS}/{id}")
}
