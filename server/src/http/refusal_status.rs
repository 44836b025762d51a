//! The status and the header fields of a refusal, whatever its body is.

use axum::http::header::{CONNECTION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use domain::{Kind, Refusal};

/// Sets status and Retry-After of a refusal, and announces the end of the connection where the rest of
/// the body is not read.
pub fn with_status(mut response: Response, refusal: &Refusal) -> Response {
    *response.status_mut() =
        StatusCode::from_u16(refusal.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if matches!(refusal.kind, Kind::TooLarge | Kind::RequestTimedOut) {
        close_after(&mut response);
    }
    if let Some(seconds) = refusal.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// Announces that the connection ends after this response (RFC 9112 section 9.6).
pub fn close_after(response: &mut Response) {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
}
