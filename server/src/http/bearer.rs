//! The bearer token of a request.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

/// The bearer token (RFC 6750 section 2.1). The scheme is case-insensitive (RFC 9110 section 11.1).
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}
