//! The form post of the organisation's policy.

use app::Flash;
use app::policy::{POLICY, policy_change};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use domain::Refusal;

use super::authentication::Caller;
use super::flash;
use super::forms::{again, filled_in};
use super::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new().route(POLICY, post(save))
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
