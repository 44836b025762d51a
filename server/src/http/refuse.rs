//! Refusals by middleware, in the format of the interface that was requested.

use axum::body::HttpBody as _;
use axum::extract::Request;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use domain::Refusal;
use leptos::server_fn::error::FromServerFnError;

use super::refusal_status::{close_after, with_status};
use crate::rest::response::refusal::refuse_at;

/// The interface that a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestedInterface {
    /// REST, with its document and the page about it.
    Rest,
    /// A server function of the console.
    ServerFunction,
    /// Pages, forms and everything else.
    Page,
}

impl RequestedInterface {
    /// The interface of a path.
    pub fn of(path: &str) -> Self {
        if path == "/api" || path.starts_with("/api/") {
            Self::Rest
        } else if path.starts_with("/fn/") {
            Self::ServerFunction
        } else {
            Self::Page
        }
    }
}

/// The form of its operations for REST, the serialised refusal for server functions, plain text for pages.
pub fn refuse(uri: &Uri, refusal: Refusal) -> Response {
    let response = match RequestedInterface::of(uri.path()) {
        RequestedInterface::Rest => return refuse_at(uri.path(), refusal),
        RequestedInterface::ServerFunction => refusal.ser().into_response(),
        RequestedInterface::Page => refusal.to_string().into_response(),
    };
    with_status(response, &refusal)
}

/// As [`refuse`], before anything of the body is read. The connection ends where there is one: a next
/// request on it would not be answered.
pub fn refuse_unread(request: &Request, refusal: Refusal) -> Response {
    let mut response = refuse(request.uri(), refusal);
    if !request.body().is_end_stream() {
        close_after(&mut response);
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::StatusCode;
    use axum::http::header::{CONNECTION, RETRY_AFTER};
    use domain::Kind;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_body_that_is_not_read_ends_the_connection() {
        for (body, closes) in [(Body::empty(), false), (Body::from("a=b"), true)] {
            let request = Request::new(body);
            let answer = refuse_unread(&request, Refusal::new(Kind::Forbidden, "Elsewhere."));
            let close = answer.headers().get(CONNECTION);
            assert_eq!(close.is_some_and(|value| value == "close"), closes);
        }
        for (kind, closes) in [
            (Kind::TooLarge, true),
            (Kind::RequestTimedOut, true),
            (Kind::Invalid, false),
        ] {
            let refusal = Refusal::new(kind, "No.");
            let answer = refuse(&Uri::from_static("/api/tokens"), refusal);
            assert_eq!(
                answer.headers().contains_key(CONNECTION),
                closes,
                "{kind:?}"
            );
        }
    }

    #[tokio::test]
    async fn operations_on_the_own_relay_are_refused_in_their_form() {
        for (path, members) in [
            ("/api/smtp/test", &["error", "errors", "success"][..]),
            ("/api/smtp/settings", &["error", "errors"]),
            ("/api/smtp/none", &["error", "errors"]),
            ("/api/setup/email_smtp", &["errors", "status"]),
        ] {
            let answer = refuse(
                &Uri::from_static(path),
                Refusal::new(Kind::Unavailable, "No."),
            );
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            let body = to_bytes(answer.into_body(), usize::MAX).await;
            let body: Value = serde_json::from_slice(&body.expect("a body")).expect("JSON");
            let found = body.as_object().expect("an object").keys();
            let mut found: Vec<&str> = found.map(String::as_str).collect();
            found.sort_unstable();
            assert_eq!(found, members, "{path}");
        }
    }

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
