//! The forms and query parameters of the pages without a session.

use leptos_router::location::Url;
use serde::Deserialize;

use super::{LOGIN, SETUP};
use crate::request::local_path;

/// The sign-in form.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginForm {
    pub email: String,
    pub password: String,
}

/// The form that creates the first administrator.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SetupForm {
    pub email: String,
    pub password: String,
    /// The token of the one-time link.
    pub token: String,
}

/// The sign-in page that continues to `next` afterwards. The query carries it, so that it survives
/// a refused sign-in.
pub fn login_path(next: &str) -> String {
    format!("{LOGIN}?next={}", Url::escape(next))
}

/// The query of the sign-in page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct LoginQuery {
    next: String,
}

impl LoginQuery {
    /// The page to continue to: a path of this console, `/` otherwise.
    pub fn next(&self) -> &str {
        local_path(&self.next).unwrap_or("/")
    }
}

/// The form that requests a link to reset a password.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResetForm {
    pub email: String,
}

/// The form that sets a password by the token of a link.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkForm {
    pub token: String,
    pub password: String,
    /// For password managers; the link says whose password it is.
    pub username: String,
}

/// The page of the one-time link with this token.
pub fn setup_path(token: &str) -> String {
    link_path(SETUP, token)
}

/// The page at `path` of a link with this token. Characters that no token has are left out.
pub fn link_path(path: &str, token: &str) -> String {
    let base64url = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let token: String = token.chars().filter(base64url).collect();
    format!("{path}?token={token}")
}
