//! Refuses administrators who come from a network that the policy does not allow.

use app::entrance::{LOGIN, LOGOUT, NetworkRefusal, SECOND_STEP};
use app::home::HOME;
use axum::extract::Request;
use axum::response::Response;
use domain::Kind;
use leptos::prelude::provide_context;

use crate::http::authentication::Caller;
use crate::http::forms::page::page;
use crate::http::monitoring::metrics::METRICS_PATH;
use crate::http::refusal_status::with_status;
use crate::http::refuse::{RequestedInterface, refuse_unread};
use crate::http::state::AppState;

/// What such an administrator can do: sign out, and sign in with another account.
const OPEN: &[&str] = &[LOGIN, SECOND_STEP, LOGOUT];

/// Refuses pages and forms with a page that says why, and everything else in its own format.
pub(super) async fn check(state: &AppState, request: Request) -> Result<Request, Response> {
    let caller = request.extensions().get::<Caller>();
    let Some((caller, actor)) = caller.and_then(|caller| Some((caller, caller.actor.as_ref()?)))
    else {
        return Ok(request);
    };
    let path = request.uri().path();
    if OPEN.contains(&path) {
        return Ok(request);
    }
    let Err(refusal) = state.postern.accounts().admit(actor).await else {
        return Ok(request);
    };
    let is_page = RequestedInterface::of(path) == RequestedInterface::Page && path != METRICS_PATH;
    if !is_page || refusal.kind != Kind::Forbidden {
        return Err(refuse_unread(&request, refusal));
    }
    let reason = NetworkRefusal(refusal.text().to_owned());
    let caller = caller.clone();
    // Every page of the console is replaced by the reason.
    let state = state.clone();
    let page = page(state, caller, HOME, move || provide_context(reason.clone()));
    Err(with_status(page.await, &refusal))
}
