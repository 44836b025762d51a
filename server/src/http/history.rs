//! Form posts of histories: bring a revision of a relay's settings back.

use app::history::{MY_RELAY_HISTORY, RESTORE_MY_RELAY, RESTORE_RELAY, RestoreRequest};
use app::relays::RELAYS;
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
        .route(RESTORE_RELAY, post(restore))
        .route(RESTORE_MY_RELAY, post(restore_own))
}

/// Parses a form.
type Parse = fn(&[(String, String)]) -> Result<RestoreRequest, Refusal>;

async fn restore(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    respond(state, caller, request, RELAYS, RestoreRequest::of_relay).await
}

async fn restore_own(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let page = MY_RELAY_HISTORY;
    respond(state, caller, request, page, RestoreRequest::of_own).await
}

/// Brings a revision back. A form that cannot be read is answered with the page at `unread`.
async fn respond(
    state: AppState,
    caller: Caller,
    request: Request,
    unread: &str,
    parse: Parse,
) -> Response {
    let mut page = unread.to_owned();
    let restored = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let request = parse(&pairs)?;
        page = request.page();
        let settings = state.postern.settings().of_id(actor, &request.id)?;
        settings
            .restore(actor, request.number, request.password(), request.newest)
            .await?;
        Ok::<_, Refusal>(request)
    };
    match restored.await {
        Ok(request) => flash::redirect(&request.history(), &request.flash(), &state.url),
        Err(refusal) => again(state, caller, &page, String::new(), refusal).await,
    }
}
