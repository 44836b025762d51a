//! The cookie that carries what a form did to the next page, which removes it.

use app::Flash;
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use tower_sessions::cookie::time::Duration;
use tower_sessions::cookie::{Cookie, SameSite};

use super::names;
use crate::http::origin::public_url::PublicUrl;

const NAME: &str = "postern-flash";

/// How long a browser may take to open the next page.
const LIFETIME: Duration = Duration::minutes(1);

/// The response to a form that was carried out. It continues at `next`, which shows the flash.
pub fn redirect(next: &str, flash: &Flash, url: &PublicUrl) -> Response {
    let value = BASE64URL.encode(serde_json::to_vec(flash).unwrap_or_default());
    let set = set_cookie(value, LIFETIME, url);
    (AppendHeaders([(SET_COOKIE, set)]), Redirect::to(next)).into_response()
}

/// The flash of the form before a page.
pub fn read(headers: &HeaderMap, url: &PublicUrl) -> Option<Flash> {
    let value = names::read(headers, &names::name(NAME, url))?;
    let bytes = BASE64URL.decode(value).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Removes the cookie where the page shows the flash.
pub fn removed(page: Response, url: &PublicUrl) -> Response {
    let removal = set_cookie(String::new(), Duration::ZERO, url);
    (AppendHeaders([(SET_COOKIE, removal)]), page).into_response()
}

fn set_cookie(value: String, lifetime: Duration, url: &PublicUrl) -> String {
    let cookie = Cookie::build((names::name(NAME, url), value))
        .path("/")
        .max_age(lifetime)
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(url.is_https());
    cookie.to_string()
}

#[cfg(test)]
mod tests {
    use axum::http::header::COOKIE;

    use super::*;

    #[test]
    fn a_flash_is_for_the_next_page() {
        let flash = Flash::SuppressionRemoved("désk \"1\";@example.org".to_owned());
        for (url, name) in [
            ("http://gate:3000", "postern-flash"),
            ("https://mail.example.org", "__Host-postern-flash"),
        ] {
            let url = PublicUrl::parse(url).expect("a URL");
            let set = |response: &Response| {
                let header = response.headers()[SET_COOKIE].to_str().expect("text");
                header.to_owned()
            };
            let response = redirect("/suppressions", &flash, &url);
            assert_eq!(response.headers()["location"], "/suppressions");
            let header = set(&response);
            assert!(header.starts_with(&format!("{name}=")), "{header}");
            assert!(header.contains("HttpOnly; SameSite=Lax"), "{header}");
            let mut headers = HeaderMap::new();
            assert_eq!(read(&headers, &url), None);
            let cookie = header.split(';').next().unwrap_or_default();
            headers.insert(COOKIE, cookie.parse().expect("a header"));
            assert_eq!(read(&headers, &url), Some(flash.clone()));
            let header = set(&removed(().into_response(), &url));
            assert!(header.starts_with(&format!("{name}=;")), "{header}");
            assert!(header.contains("Max-Age=0"), "{header}");
            headers.insert(COOKIE, format!("{name}=e30").parse().expect("a header"));
            assert_eq!(read(&headers, &url), None, "no flash");
        }
    }
}
