//! Form posts of the relays: add, change, check, remove.

use app::relays::{
    CHANGE_RELAY, CHECK_RELAY, ChangeRequest, CheckRequest, RELAYS, REMOVE_RELAY, RemoveRequest,
    TypedRelay, new_relay, relay_path,
};
use app::{Flash, with_query};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use domain::{Kind, Refusal};

use super::authentication::Caller;
use super::flash;
use super::forms::{again, again_with, filled_in};
use super::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new()
        .route(RELAYS, post(add))
        .route(CHANGE_RELAY, post(change))
        .route(CHECK_RELAY, post(check))
        .route(REMOVE_RELAY, post(remove))
}

/// Adds a relay, and continues at its page, where its settings are saved.
async fn add(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut typed = Vec::new();
    let added = async {
        let actor = caller.signed_in()?;
        typed = filled_in(request).await?;
        state
            .postern
            .relays()
            .create(actor, new_relay(&typed)?)
            .await
    };
    match added.await {
        Ok(relay) => {
            let done = Flash::RelayAdded(relay.config.name);
            flash::redirect(&relay_path(&relay.id), &done, &state.url)
        }
        Err(refusal) => as_typed(state, caller, RELAYS, typed, refusal).await,
    }
}

async fn change(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut typed = Vec::new();
    let mut page = RELAYS.to_owned();
    let changed = async {
        let actor = caller.signed_in()?;
        typed = filled_in(request).await?;
        page = ChangeRequest::page(&typed);
        let ChangeRequest {
            id,
            revision,
            change,
        } = ChangeRequest::parse(&typed)?;
        let relays = state.postern.relays();
        relays.change(actor, &id, change, revision).await
    };
    match changed.await {
        Ok(relay) => {
            let done = Flash::RelayChanged(relay.config.name);
            flash::redirect(&page, &done, &state.url)
        }
        Err(refusal) => as_typed(state, caller, &page, typed, refusal).await,
    }
}

async fn check(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut page = RELAYS.to_owned();
    let checked = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let request = CheckRequest::parse(&pairs)?;
        page = request.page;
        state.postern.health().check_now(actor, &request.id).await
    };
    match checked.await {
        Ok(()) => flash::redirect(&page, &Flash::CheckRequested, &state.url),
        Err(refusal) => again(state, caller, &page, String::new(), refusal).await,
    }
}

async fn remove(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut page = RELAYS.to_owned();
    let removed = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let RemoveRequest { id, revision } = RemoveRequest::parse(&pairs)?;
        page = with_query(REMOVE_RELAY, [("id", &id)]);
        let relays = state.postern.relays();
        let name = relays.read(actor, &id).await?.config.name;
        relays.remove(actor, &id, revision).await?;
        Ok::<_, Refusal>(name)
    };
    match removed.await {
        Ok(name) => flash::redirect(RELAYS, &Flash::RelayRemoved(name), &state.url),
        Err(refusal) => again(state, caller, &page, String::new(), refusal).await,
    }
}

/// Renders the page at `path` again with what was typed; after a conflict with what is saved.
async fn as_typed(
    state: AppState,
    caller: Caller,
    path: &str,
    typed: Vec<(String, String)>,
    refusal: Refusal,
) -> Response {
    match refusal.kind {
        Kind::Conflict => again(state, caller, path, String::new(), refusal).await,
        _ => again_with(state, caller, path, TypedRelay(typed), refusal).await,
    }
}
