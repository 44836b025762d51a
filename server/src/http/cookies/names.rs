//! The cookies of the console: their names, and reading them.

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use tower_sessions::cookie::Cookie;

use crate::http::origin::public_url::PublicUrl;

/// The name of a cookie. Browsers set `__Host-` cookies only from this very host over https; Chromium
/// drops them over plain HTTP.
pub fn name(name: &str, url: &PublicUrl) -> String {
    match url.is_https() {
        true => format!("__Host-{name}"),
        false => name.to_owned(),
    }
}

/// The value of the first cookie of this name that the browser sent.
pub fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    let texts = headers.get_all(COOKIE).iter();
    let texts = texts.filter_map(|value| value.to_str().ok());
    let mut cookies = texts.flat_map(Cookie::split_parse).flatten();
    let found = cookies.find(|cookie| cookie.name() == name)?;
    Some(found.value().to_owned())
}
