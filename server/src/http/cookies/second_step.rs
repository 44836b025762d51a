//! The cookie between the two steps of a sign-in.

use app::entrance::second_step_path;
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use engine::SECOND_STEP_LIFETIME;
use tower_sessions::cookie::time::Duration;
use tower_sessions::cookie::{Cookie, SameSite};

use super::names;
use crate::http::origin::public_url::PublicUrl;

/// The cookie of a sign-in that waits for its second step. It opens nothing else.
const NAME: &str = "postern-second-step";

/// The response to the right password of an account with a second factor.
pub fn redirect(next: &str, secret: &str, url: &PublicUrl) -> Response {
    let lifetime = Duration::seconds(SECOND_STEP_LIFETIME.as_secs() as i64);
    let set = set_cookie(secret, lifetime, url);
    let page = Redirect::to(&second_step_path(next));
    (AppendHeaders([(SET_COOKIE, set)]), page).into_response()
}

fn set_cookie(value: &str, lifetime: Duration, url: &PublicUrl) -> String {
    let cookie = Cookie::build((names::name(NAME, url), value))
        .path("/")
        .max_age(lifetime)
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(url.is_https());
    cookie.to_string()
}

/// The value that the browser sent; empty without one.
pub fn read(headers: &HeaderMap, url: &PublicUrl) -> String {
    names::read(headers, &names::name(NAME, url)).unwrap_or_default()
}

/// The `Set-Cookie` that removes it.
pub fn removal(url: &PublicUrl) -> String {
    set_cookie("", Duration::ZERO, url)
}
