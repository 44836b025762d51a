//! The form posts of the organisation's policy.

use app::Flash;
use app::policy::{POLICY, POLICY_NETWORKS, TypedNetworks, networks_change, policy_change};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use domain::Refusal;

use super::authentication::Caller;
use super::flash;
use super::forms::{again, again_with, filled_in};
use super::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new()
        .route(POLICY, post(save))
        .route(POLICY_NETWORKS, post(save_networks))
}

async fn save(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let saved = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let change = policy_change(&pairs)?;
        state.postern.policy().save(actor, change).await?;
        Ok::<_, Refusal>(())
    };
    match saved.await {
        Ok(()) => flash::redirect(POLICY, &Flash::PolicySaved, &state.url),
        Err(refusal) => again(state, caller, POLICY, String::new(), refusal).await,
    }
}

/// Saves the networks of administrators. Those that were refused are shown as they were typed.
async fn save_networks(
    State(state): State<AppState>,
    caller: Caller,
    request: Request,
) -> Response {
    let mut typed = None;
    let saved = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        typed = Some(TypedNetworks::of(&pairs));
        let change = networks_change(&pairs)?;
        let accounts = state.postern.accounts();
        accounts.set_administrator_networks(actor, change).await?;
        Ok::<_, Refusal>(())
    };
    match saved.await {
        Ok(()) => flash::redirect(POLICY, &Flash::NetworksSaved, &state.url),
        Err(refusal) => match typed {
            Some(typed) => again_with(state, caller, POLICY, typed, refusal).await,
            None => again(state, caller, POLICY, String::new(), refusal).await,
        },
    }
}
