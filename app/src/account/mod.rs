//! The own account: its pages of password, sessions and API tokens, and its second factor.

mod confirm_identity;
mod forms;
mod page;
mod priority_field;
pub mod second_factor;
mod session_list;
mod token_form;
mod token_list;
mod tokens;
mod user_agent;

pub use confirm_identity::{CONFIRMATION, ConfirmIdentityForm, ConfirmIdentityPage, WaitingForm};
pub(crate) use forms::forms;
pub use page::AccountPage;
pub use session_list::SessionList;
pub use token_form::{CreatedToken, TokenForm};
pub use token_list::TokenList;
pub use tokens::TokensPage;
pub(crate) use user_agent::name as browser_name;

/// The page.
pub const ACCOUNT: &str = "/account";

/// The page that asks for the second factor or the password again, and its form.
pub const CONFIRM_IDENTITY: &str = "/confirm";

/// The form that changes the password.
pub const CHANGE_PASSWORD: &str = "/account/password";

/// The form that ends a session.
pub const END_SESSION: &str = "/account/sessions/end";

/// The form that ends all sessions of the account but that of the request.
pub const END_OTHER_SESSIONS: &str = "/account/sessions/end-others";

/// The page of API tokens.
pub const TOKENS: &str = "/account/tokens";

/// The form that creates an API token.
pub const CREATE_TOKEN: &str = TOKENS;

/// The form that revokes an API token.
pub const REVOKE_TOKEN: &str = "/account/tokens/revoke";

/// The form that changes the password.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordForm {
    #[serde(default)]
    pub current: String,
    #[serde(default)]
    pub new: String,
    /// For password managers; the session says whose password changes.
    #[serde(default)]
    pub username: String,
}

/// The form that ends a session.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndSessionForm {
    /// The session, as [`domain::account::SessionView`] names it.
    #[serde(default)]
    pub id: String,
}

/// The form that revokes an API token.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeTokenForm {
    #[serde(default)]
    pub id: String,
}
