//! The page that answers a form: the page of the form again, or another, with its context.

use app::FormReply;
use axum::extract::Request;
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use domain::Refusal;
use leptos::prelude::provide_context;

use crate::http::authentication::Caller;
use crate::http::pages;
use crate::http::refusal_status::with_status;
use crate::http::state::AppState;

/// Renders the page at `path` for a refused form, with the status of the refusal.
pub async fn again(
    state: AppState,
    caller: Caller,
    path: &str,
    email: String,
    refusal: Refusal,
) -> Response {
    let reply = FormReply {
        refusal: refusal.clone(),
        email,
    };
    let page = page(state, caller, path, move || {
        provide_context(reply.clone());
    })
    .await;
    with_status(page, &refusal)
}

/// As [`again`], with `shown` in the context of the page: what was typed.
pub async fn again_with(
    state: AppState,
    caller: Caller,
    path: &str,
    shown: impl Clone + Send + Sync + 'static,
    refusal: Refusal,
) -> Response {
    let reply = FormReply {
        refusal: refusal.clone(),
        email: String::new(),
    };
    let more = move || {
        provide_context(reply.clone());
        provide_context(shown.clone());
    };
    with_status(page(state, caller, path, more).await, &refusal)
}

/// Renders the page at `path` in answer to a form, with `more` in its context.
pub async fn page(
    state: AppState,
    caller: Caller,
    path: &str,
    more: impl Fn() + Clone + Send + Sync + 'static,
) -> Response {
    let mut request = Request::default();
    *request.method_mut() = Method::GET;
    match path.parse() {
        Ok(uri) => *request.uri_mut() = uri,
        Err(_) => return ().into_response(),
    }
    pages::render(state, caller, request, more).await
}
