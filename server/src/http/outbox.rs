//! Form posts of the outbox and the suppression list, and the download of a message.

use app::{Errand, with_query};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use domain::{Kind, Refusal};
use serde::Deserialize;

use super::authentication::Caller;
use super::forms::{again, filled_in};
use super::refuse::with_status;
use super::state::AppState;

const LIST: &str = "/outbox";
const SUPPRESSIONS: &str = "/suppressions";

pub fn router() -> Router<AppState> {
    Router::new()
        .route("/outbox/act", post(act))
        .route("/outbox/pause", post(pause))
        .route("/suppressions/remove", post(remove))
        .route("/outbox/{id}/source", get(source))
}

/// Does the confirmed act. If it would now change more messages than were confirmed, nothing is done
/// and the confirmation is shown again.
async fn act(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut page = LIST.to_owned();
    let acted = async {
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let errand = Errand::read(&pairs)?;
        page = errand.back();
        let actor = caller.signed_in()?;
        let Errand {
            act,
            selection,
            said,
        } = &errand;
        match state
            .postern
            .outbox()
            .act(actor, *act, selection, *said)
            .await
        {
            Ok(number) => Ok(errand.told(number)),
            Err(refusal) if refusal.kind == Kind::Conflict => Ok(errand.question()),
            Err(refusal) => Err(refusal),
        }
    };
    match acted.await {
        Ok(next) => Redirect::to(&next).into_response(),
        Err(refusal) => again(state, caller, &page, String::new(), refusal).await,
    }
}

#[derive(Deserialize)]
struct PauseForm {
    /// `1` pauses delivery, anything else resumes it.
    pause: String,
}

async fn pause(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let switched = async {
        let form: PauseForm = filled_in(request).await?;
        let on = form.pause == "1";
        state
            .postern
            .outbox()
            .pause_delivery(caller.signed_in()?, on)
            .await?;
        Ok::<_, Refusal>(if on { "paused" } else { "resumed" })
    };
    match switched.await {
        Ok(done) => Redirect::to(&with_query(LIST, [("done", done)].into_iter())).into_response(),
        Err(refusal) => again(state, caller, LIST, String::new(), refusal).await,
    }
}

#[derive(Deserialize)]
struct Removal {
    address: String,
    /// The prefix that was searched for.
    #[serde(default)]
    prefix: String,
}

async fn remove(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let removed = async {
        let removal: Removal = filled_in(request).await?;
        state
            .postern
            .outbox()
            .remove_suppression(caller.signed_in()?, &removal.address)
            .await?;
        Ok::<_, Refusal>(removal)
    };
    match removed.await {
        Ok(Removal { address, prefix }) => {
            let query = [("prefix", prefix), ("removed", address)];
            let query = query.into_iter().filter(|(_, value)| !value.is_empty());
            Redirect::to(&with_query(SUPPRESSIONS, query)).into_response()
        }
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
