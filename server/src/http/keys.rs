//! Form posts of the page of keys: new keys, and the end of an old one.

use app::keys::{KEYS, RETIRE_KEY, ROTATE_BROWSER_KEY, ROTATE_KEYS};
use app::{Flash, only_id};
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
    Router::new()
        .route(ROTATE_KEYS, post(rotate))
        .route(ROTATE_BROWSER_KEY, post(rotate_browser_key))
        .route(RETIRE_KEY, post(retire))
}

async fn rotate(State(state): State<AppState>, caller: Caller) -> Response {
    let rotated = async {
        let actor = caller.signed_in()?;
        state.postern.sealing_keys().rotate(actor).await?;
        Ok(Flash::KeyMade)
    };
    let rotated = rotated.await;
    to_page(state, caller, rotated).await
}

async fn rotate_browser_key(State(state): State<AppState>, caller: Caller) -> Response {
    let rotated = async {
        let actor = caller.signed_in()?;
        let keys = state.postern.sealing_keys();
        keys.rotate_browser_key(actor).await?;
        Ok(Flash::BrowserKeyMade)
    };
    let rotated = rotated.await;
    to_page(state, caller, rotated).await
}

async fn retire(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let retired = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let id = only_id(&pairs)?;
        state.postern.sealing_keys().retire(actor, &id).await?;
        Ok(Flash::KeyRetired(id))
    };
    let retired = retired.await;
    to_page(state, caller, retired).await
}

/// Shows the page with what was done, or with the reason of a refusal.
async fn to_page(state: AppState, caller: Caller, done: Result<Flash, Refusal>) -> Response {
    match done {
        Ok(done) => flash::redirect(KEYS, &done, &state.url),
        Err(refusal) => again(state, caller, KEYS, String::new(), refusal).await,
    }
}
