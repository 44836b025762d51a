//! Form posts of the outbox and the suppression list, and the download of a message.

use std::time::Duration;

use app::Flash;
use app::outbox::{ACT, ActionRequest, OUTBOX, PAUSE, STOP_ACT, pauses, source_path};
use app::suppressions::{REMOVE, Removal, RemovalRequest, SUPPRESSIONS};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use domain::{Kind, Refusal};
use tokio::time::timeout;

use super::authentication::Caller;
use super::flash;
use super::forms::{again, filled_in};
use super::refuse::with_status;
use super::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new()
        .route(ACT, post(act))
        .route(STOP_ACT, post(stop_act))
        .route(PAUSE, post(pause))
        .route(REMOVE, post(remove))
        .route(&source_path("{id}"), get(source))
}

/// How long a form post waits for the end of an act. One that takes longer goes on, and the page shows
/// its progress.
const WAIT: Duration = Duration::from_secs(1);

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
            confirmed,
        } = &request;
        let outbox = state.postern.outbox();
        let act = outbox.act(actor, *action, selection, confirmed.as_ref());
        match timeout(WAIT, act).await {
            Err(_) => Ok(Redirect::to(&page).into_response()),
            Ok(Ok(number)) => {
                let done = Flash::Acted(*action, number);
                Ok(flash::redirect(&page, &done, &state.url))
            }
            Ok(Err(refusal)) if refusal.fields.contains_key("number") => {
                Ok(Redirect::to(&request.confirm_url()).into_response())
            }
            Ok(Err(refusal)) => Err(refusal),
        }
    };
    match acted.await {
        Ok(next) => next,
        Err(refusal) => again(state, caller, &page, String::new(), refusal).await,
    }
}

async fn stop_act(State(state): State<AppState>, caller: Caller) -> Response {
    let stopped = async {
        let actor = caller.signed_in()?;
        match state.postern.outbox().stop_act(actor).await {
            // It has ended meanwhile: the page shows how.
            Err(refusal) if refusal.kind == Kind::NotFound => Ok(()),
            stopped => stopped,
        }
    };
    match stopped.await {
        Ok(()) => Redirect::to(OUTBOX).into_response(),
        Err(refusal) => again(state, caller, OUTBOX, String::new(), refusal).await,
    }
}

async fn pause(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let switched = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let on = pauses(&pairs)?;
        state.postern.outbox().pause_delivery(actor, on).await?;
        Ok::<_, Refusal>(if on { Flash::Paused } else { Flash::Resumed })
    };
    match switched.await {
        Ok(done) => flash::redirect(OUTBOX, &done, &state.url),
        Err(refusal) => again(state, caller, OUTBOX, String::new(), refusal).await,
    }
}

async fn remove(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut page = SUPPRESSIONS.to_owned();
    let removed = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let request = RemovalRequest::parse(&pairs)?;
        page = request.page_url();
        let outbox = state.postern.outbox();
        Ok(match request.removal {
            Removal::One(address) => {
                outbox.remove_suppression(actor, &address).await?;
                Flash::SuppressionRemoved(address)
            }
            Removal::All(number) => {
                let search = &request.search;
                let removed = outbox.remove_suppressions(actor, search, number).await?;
                Flash::SuppressionsRemoved(removed)
            }
        })
    };
    match removed.await {
        Ok(done) => flash::redirect(&page, &done, &state.url),
        Err(refusal) => again(state, caller, &page, String::new(), refusal).await,
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
