//! The form of the second step of a sign-in.
//!
//! It reads one cookie and sets two, and begins a session: so it is not among the forms of `app`.

use app::entrance::{LoginQuery, PendingSignIn, SECOND_STEP, SecondStepForm};
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::post;
use domain::{Refusal, SecretString};
use tower_sessions::Session;

use super::decode::typed;
use super::page::again_with;
use super::session::{signed_in_at, with_device};
use crate::http::authentication::Caller;
use crate::http::cookies::{second_step, sessions};
use crate::http::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new().route(SECOND_STEP, post(second_step))
}

/// Completes a sign-in. The browser becomes known to the account only now.
async fn second_step(
    State(state): State<AppState>,
    caller: Caller,
    session: Session,
    request: Request,
) -> Response {
    let Query(query) = Query::<LoginQuery>::try_from_uri(request.uri()).unwrap_or_default();
    let here = request.uri().path_and_query();
    let here = here.map_or_else(|| SECOND_STEP.to_owned(), ToString::to_string);
    let origin = with_device(&state, &caller, &request);
    let secret = second_step::read(request.headers(), &state.url);
    let (typed, arrived) = typed::<SecondStepForm>(request).await;
    let signed_in = async {
        arrived?;
        let accounts = state.postern.accounts();
        let answer = SecretString::new(typed.code);
        let login = accounts.second_step(&secret, answer, &origin).await?;
        sessions::begin(&session, &login, &origin).await?;
        Ok::<_, Refusal>(accounts.device_cookie(&login, &origin))
    };
    match signed_in.await {
        Ok(device) => {
            let removal = second_step::removal(&state.url);
            let response = signed_in_at(query.next(), &device, &state.url);
            (AppendHeaders([(SET_COOKIE, removal)]), response).into_response()
        }
        Err(refusal) => again_with(state, caller, &here, PendingSignIn(secret), refusal).await,
    }
}
