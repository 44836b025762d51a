//! The download of a message, which is no page and no form.

use app::outbox::source_path;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::authentication::Caller;
use super::refusal_status::with_status;
use super::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new().route(&source_path("{id}"), get(source))
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
