//! A refusal before any handler has the request, in the form its door speaks.

use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use domain::Refusal;
use leptos::server_fn::error::FromServerFnError;

use crate::rest;

/// The envelope for REST, the refusal itself for an island, plain words for a person.
pub fn refuse(uri: &Uri, refusal: Refusal) -> Response {
    let path = uri.path();
    if path == "/api" || path.starts_with("/api/") {
        return rest::refuse(refusal);
    }
    let status =
        StatusCode::from_u16(refusal.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if path.starts_with("/fn/") {
        return (status, refusal.ser()).into_response();
    }
    (status, refusal.to_string()).into_response()
}
