//! Form posts of the outbox and the suppression list, and the download of a message.

use app::outbox::{ACT, ActionRequest, OUTBOX, PAUSE, PauseForm, pause_done_url, source_path};
use app::suppressions::{REMOVE, RemovalForm, SUPPRESSIONS};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use domain::{Kind, Refusal};

use super::authentication::Caller;
use super::forms::{again, filled_in};
use super::refuse::with_status;
use super::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new()
        .route(ACT, post(act))
        .route(PAUSE, post(pause))
        .route(REMOVE, post(remove))
        .route(&source_path("{id}"), get(source))
}

/// Does the confirmed act. If it would now change more messages than were confirmed, nothing is done
/// and the confirmation is shown again.
async fn act(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut page = OUTBOX.to_owned();
    let acted = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let request = ActionRequest::parse(&pairs)?;
        page = request.page_url();
        let ActionRequest {
            action,
            selection,
            number,
        } = &request;
        match state
            .postern
            .outbox()
            .act(actor, *action, selection, *number)
            .await
        {
            Ok(number) => Ok(request.done_url(number)),
            Err(refusal) if refusal.kind == Kind::Conflict => Ok(request.confirm_url()),
            Err(refusal) => Err(refusal),
        }
    };
    match acted.await {
        Ok(next) => Redirect::to(&next).into_response(),
        Err(refusal) => again(state, caller, &page, String::new(), refusal).await,
    }
}

async fn pause(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let switched = async {
        let actor = caller.signed_in()?;
        let form: PauseForm = filled_in(request).await?;
        let on = form.pauses();
        state.postern.outbox().pause_delivery(actor, on).await?;
        Ok::<_, Refusal>(pause_done_url(on))
    };
    match switched.await {
        Ok(done) => Redirect::to(&done).into_response(),
        Err(refusal) => again(state, caller, OUTBOX, String::new(), refusal).await,
    }
}

async fn remove(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let removed = async {
        let actor = caller.signed_in()?;
        let removal: RemovalForm = filled_in(request).await?;
        let outbox = state.postern.outbox();
        outbox.remove_suppression(actor, &removal.address).await?;
        Ok::<_, Refusal>(removal)
    };
    match removed.await {
        Ok(removal) => Redirect::to(&removal.done_url()).into_response(),
        Err(refusal) => again(state, caller, SUPPRESSIONS, String::new(), refusal).await,
    }
}

/// The message as every attempt sends it, as a download.
async fn source(State(state): State<AppState>, caller: Caller, Path(id): Path<String>) -> Response {
    let read = async {
        let actor = caller.signed_in()?;
        state.postern.outbox().message_bytes(actor, &id).await
    };
    match read.await {
        Ok(bytes) => {
            let name: String = id.chars().filter(char::is_ascii_alphanumeric).collect();
            let head = [
                (CONTENT_TYPE, "message/rfc822".to_owned()),
                (
                    CONTENT_DISPOSITION,
                    format!("attachment; filename=\"{name}.eml\""),
                ),
            ];
            (head, bytes).into_response()
        }
        Err(refusal) => with_status(refusal.to_string().into_response(), &refusal),
    }
}
