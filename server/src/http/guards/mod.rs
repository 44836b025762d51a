//! Middleware for sessions: administrator networks, second-factor enrolment, confirmation.

mod confirmation;
#[cfg(test)]
mod confirmation_tests;
mod enrolment;
mod networks;
#[cfg(test)]
mod networks_tests;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::http::state::AppState;

pub use confirmation::router;

/// Runs the guards one after the other. They are one layer: a request allocates for each layer, and clones what is
/// below it.
pub async fn check(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let checked = async {
        let request = networks::check(&state, request).await?;
        let request = enrolment::check(&state, request).await?;
        confirmation::check(&state, request).await
    };
    match checked.await {
        Ok(request) => next.run(request).await,
        Err(response) => response,
    }
}
