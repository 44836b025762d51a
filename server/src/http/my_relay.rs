//! Form posts of an account's own relay: back to the organisation's, and a check now.

use app::Flash;
use app::my_relay::{CHECK_MY_RELAY, MY_RELAY, REMOVE_MY_RELAY};
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use domain::Refusal;
use domain::relay::OWN;

use super::authentication::Caller;
use super::flash;
use super::forms::again;
use super::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new()
        .route(REMOVE_MY_RELAY, post(remove))
        .route(CHECK_MY_RELAY, post(check))
}

async fn remove(State(state): State<AppState>, caller: Caller) -> Response {
    let removed = async {
        let actor = caller.signed_in()?;
        let own = state.postern.settings().of_account(actor)?;
        own.remove(actor).await?;
        Ok::<_, Refusal>(())
    };
    match removed.await {
        Ok(()) => flash::redirect(MY_RELAY, &Flash::OwnRelayRemoved, &state.url),
        Err(refusal) => again(state, caller, REMOVE_MY_RELAY, String::new(), refusal).await,
    }
}

async fn check(State(state): State<AppState>, caller: Caller) -> Response {
    let checked = async {
        let actor = caller.signed_in()?;
        state.postern.health().check_now(actor, OWN).await
    };
    match checked.await {
        Ok(()) => flash::redirect(MY_RELAY, &Flash::CheckRequested, &state.url),
        Err(refusal) => again(state, caller, MY_RELAY, String::new(), refusal).await,
    }
}
