//! REST as system V had it: one envelope, errors by field.

mod body;
mod diagnosis;
mod email_smtp;
mod email_test;
mod envelope;
mod expect;
mod fields;
mod mails;
#[cfg(test)]
mod mails_tests;
mod octets;
mod once;
mod probe;
mod room;
mod send_email;
mod told;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use domain::{Kind, Refusal};

use envelope::Refused;
pub use envelope::refuse;

use crate::http::Gate;

pub fn router() -> Router<Gate> {
    Router::new()
        .route("/api/keys/browser", get(browser_key))
        .route(
            "/api/setup/email_smtp",
            get(email_smtp::read).post(email_smtp::save),
        )
        .route("/api/setup/email_test/{address}", post(email_test::send))
        .route("/api/diagnosis", post(diagnosis::diagnose))
        .route("/api/probe", post(probe::probe))
        .method_not_allowed_fallback(method_not_allowed)
        .route("/api", any(not_found))
        .route("/api/", any(not_found))
        .route("/api/{*path}", any(not_found))
}

/// The public key to seal a password for: a bare JWK, open to all.
async fn browser_key(State(gate): State<Gate>) -> Result<Response, Refused> {
    Ok(Json(gate.postern.browser_key().await?).into_response())
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
