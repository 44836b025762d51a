//! Refusals by middleware, in the format of the interface that was requested.

use axum::http::header::RETRY_AFTER;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use domain::Refusal;
use leptos::server_fn::error::FromServerFnError;

use crate::rest;

/// Sets status and Retry-After of a refusal.
pub fn with_status(mut response: Response, refusal: &Refusal) -> Response {
    *response.status_mut() =
        StatusCode::from_u16(refusal.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(seconds) = refusal.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// The envelope for REST, the serialised refusal for server functions, plain text for pages.
pub fn refuse(uri: &Uri, refusal: Refusal) -> Response {
    let path = uri.path();
    if path == "/api" || path.starts_with("/api/") {
        return rest::refuse(refusal);
    }
    let words = if path.starts_with("/fn/") {
        refusal.ser().into_response()
    } else {
        refusal.to_string().into_response()
    };
    with_status(words, &refusal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Kind;

    #[test]
    fn every_interface_has_retry_after() {
        for path in ["/api/setup/email_smtp", "/fn/load_settings", "/account"] {
            let refusal = Refusal {
                retry_after: Some(5),
                ..Refusal::new(Kind::Unavailable, "The database does not answer.")
            };
            let answer = refuse(&Uri::from_static(path), refusal);
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert_eq!(answer.headers()[RETRY_AFTER], "5", "{path}");
        }
    }
}
