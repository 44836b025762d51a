//! Refusals of requests before their operation runs, in the form of the operations at their path.

use axum::http::Uri;
use axum::response::Response;
use domain::{Kind, Refusal};

use super::envelope::refuse;
use crate::rest::smtp_settings::refusals::{self, FOLDER};

/// The response to a request that is refused before its operation runs, in the form of the operations at
/// its path.
pub fn refuse_at(path: &str, refusal: Refusal) -> Response {
    match path.starts_with(FOLDER) {
        true => refusals::refuse(path, refusal),
        false => refuse(refusal),
    }
}

/// The response to a request to a path without an operation.
pub async fn not_found(uri: Uri) -> Response {
    let text = "There is nothing at this path; check its spelling.";
    refuse_at(uri.path(), Refusal::new(Kind::NotFound, text))
}

/// The response to a request with a method that its path does not support.
pub async fn method_not_allowed(uri: Uri) -> Response {
    let text = "This path does not support this method; the header Allow lists those it supports.";
    refuse_at(uri.path(), Refusal::new(Kind::MethodNotAllowed, text))
}
