//! Protection against cross-site request forgery for requests other than GET and HEAD.

use axum::extract::Request;
use axum::http::header::{COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, Method};
use domain::{Kind, Refusal};

use super::public_url::PublicUrl;
use crate::http::bearer::bearer;

/// Checks that a request only reads, carries a bearer token or comes from a page of this console.
///
/// # Errors
/// [`Kind::Forbidden`] for any other request.
pub fn check(request: &Request, url: &PublicUrl) -> Result<(), Refusal> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads || is_ours(request.headers(), url) {
        return Ok(());
    }
    Err(Refusal::new(
        Kind::Forbidden,
        "This request did not come from a page of this console. Load the page again; behind a proxy, set POSTERN_PUBLIC_URL to the address people use.",
    ))
}

/// `Sec-Fetch-Site: same-origin`, or where a browser does not send it, an `Origin` that is the
/// public URL or the request's own. Where the public URL is https, the request's own is https too: a
/// page of the same name over plain HTTP may be an attacker's. Bearer tokens are never sent by a
/// browser on its own.
fn is_ours(headers: &HeaderMap, url: &PublicUrl) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if bearer(headers).is_some() {
        return true;
    }
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    match text(ORIGIN) {
        Some(origin) => {
            let own = origin.split_once("://").filter(|(scheme, authority)| {
                Some(*authority) == text(HOST) && (*scheme == "https" || !url.is_https())
            });
            origin == url.to_string() || own.is_some()
        }
        // No browser of these years sends neither. Without a cookie there is nothing to forge.
        None => text(COOKIE).is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_accepted_only_from_the_same_origin() {
        let url = PublicUrl::parse("https://mail.example.org").expect("a URL");
        for (headers, ours) in [
            (
                &[("cookie", "postern=1"), ("sec-fetch-site", "same-origin")][..],
                true,
            ),
            (
                &[("cookie", "postern=1"), ("sec-fetch-site", "same-site")],
                false,
            ),
            (
                &[("cookie", "postern=1"), ("sec-fetch-site", "cross-site")],
                false,
            ),
            (&[("sec-fetch-site", "cross-site")], false),
            (
                &[
                    ("cookie", "postern=1"),
                    ("origin", "https://mail.example.org"),
                ],
                true,
            ),
            (
                &[
                    ("cookie", "postern=1"),
                    ("origin", "https://gate:3000"),
                    ("host", "gate:3000"),
                ],
                true,
            ),
            (
                &[
                    ("cookie", "postern=1"),
                    ("origin", "http://gate:3000"),
                    ("host", "gate:3000"),
                ],
                false,
            ),
            (
                &[
                    ("cookie", "postern=1"),
                    ("origin", "https://evil.example"),
                    ("host", "gate:3000"),
                ],
                false,
            ),
            (
                &[
                    ("cookie", "postern=1"),
                    ("origin", "null"),
                    ("host", "gate:3000"),
                ],
                false,
            ),
            (&[("cookie", "postern=1")], false),
            (
                &[
                    ("authorization", "Bearer postern_x"),
                    ("origin", "https://evil.example"),
                ],
                true,
            ),
            (
                &[("authorization", "bearer postern_x"), ("cookie", "a=b")],
                true,
            ),
            (
                &[("authorization", "Basic eA=="), ("cookie", "postern=1")],
                false,
            ),
            (&[], true),
        ] {
            let map = headers
                .iter()
                .map(|(name, value)| {
                    let name: axum::http::HeaderName = name.parse().expect("a name");
                    (name, value.parse().expect("a value"))
                })
                .collect();
            assert_eq!(is_ours(&map, &url), ours, "{headers:?}");
        }
    }

    #[test]
    fn without_https_the_scheme_does_not_count() {
        // A proxy may encrypt although the public URL is not configured.
        let url = PublicUrl::parse("http://gate:3000").expect("a URL");
        for origin in ["http://gate:3000", "https://gate:3000"] {
            let headers = [
                ("cookie", "postern=1"),
                ("origin", origin),
                ("host", "gate:3000"),
            ];
            let map = headers.map(|(name, value)| {
                let name = axum::http::HeaderName::from_static(name);
                (name, axum::http::HeaderValue::from_static(value))
            });
            assert!(is_ours(&HeaderMap::from_iter(map), &url), "{origin}");
        }
    }
}
