//! REST as system V had it: one envelope, errors by field.

mod body;
mod body_budget;
mod diagnosis;
mod email_smtp;
mod email_test;
mod envelope;
mod event_stream;
mod expect;
mod fields;
mod mails;
#[cfg(test)]
mod mails_tests;
mod messages;
mod octets;
mod once;
mod outbox;
mod parts;
mod probe;
mod send_email;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post};
use axum::{Json, Router};
use domain::{Kind, Refusal};

use envelope::Refused;
pub use envelope::refuse;

use crate::http::AppState;

/// Where mail is handed over.
pub const INTAKE: &str = "/api/messages/send-email";

pub fn router() -> Router<AppState> {
    Router::new()
        .route("/api/keys/browser", get(browser_key))
        .route(
            "/api/setup/email_smtp",
            get(email_smtp::read).post(email_smtp::save),
        )
        .route("/api/setup/email_test/{address}", post(email_test::send))
        .route("/api/diagnosis", post(diagnosis::diagnose))
        .route("/api/probe", post(probe::probe))
        .route(INTAKE, post(send_email::send))
        .route("/api/messages", get(messages::list))
        .route("/api/messages/act", post(messages::act_on_many))
        .route("/api/messages/{id}", get(messages::read))
        .route("/api/messages/{id}/source", get(messages::source))
        .route("/api/messages/{id}/{act}", post(messages::act_on_one))
        .route("/api/outbox", get(outbox::read))
        .route("/api/outbox/pause", post(outbox::pause))
        .route("/api/suppressions", get(outbox::suppressions))
        .route(
            "/api/suppressions/{address}",
            delete(outbox::remove_suppression),
        )
        .method_not_allowed_fallback(method_not_allowed)
        .route("/api", any(not_found))
        .route("/api/", any(not_found))
        .route("/api/{*path}", any(not_found))
}

/// The public key to seal a password for: a bare JWK, open to all.
async fn browser_key(State(state): State<AppState>) -> Result<Response, Refused> {
    Ok(Json(state.postern.keys().browser_key().await?).into_response())
}

async fn not_found() -> Refused {
    Refusal::new(
        Kind::NotFound,
        "There is nothing at this path; check its spelling.",
    )
    .into()
}

async fn method_not_allowed() -> Refused {
    let text = "This path does not take this method; the header Allow says which it takes.";
    Refusal::new(Kind::MethodNotAllowed, text).into()
}
