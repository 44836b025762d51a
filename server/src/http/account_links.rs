//! Form posts without a session: an invitation is accepted, a forgotten password reset.

use app::Flash;
use app::entrance::{INVITATION, LOGIN, LinkForm, RESET, ResetForm, SET_BY_RESET, link_path};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use domain::SecretString;

use super::authentication::Caller;
use super::flash;
use super::forms::{again, typed};
use super::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new()
        .route(INVITATION, post(accept))
        .route(RESET, post(request_reset))
        .route(SET_BY_RESET, post(reset))
}

/// Sets the first password of an account. The person signs in with it next.
async fn accept(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let (form, arrived) = typed::<LinkForm>(request).await;
    let accepted = async {
        arrived?;
        let password = SecretString::new(form.password);
        let accounts = state.postern.accounts();
        accounts
            .accept_invitation(&form.token, password, &caller.origin)
            .await
    };
    match accepted.await {
        Ok(email) => flash::redirect(LOGIN, &Flash::PasswordSet(email), &state.url),
        Err(refusal) => {
            let path = link_path(INVITATION, &form.token);
            again(state, caller, &path, String::new(), refusal).await
        }
    }
}

/// Requests a link. The answer is the same whether or not there is such an account.
async fn request_reset(
    State(state): State<AppState>,
    caller: Caller,
    request: Request,
) -> Response {
    let (form, arrived) = typed::<ResetForm>(request).await;
    let requested = async {
        arrived?;
        let mail = state.postern.account_mail();
        mail.request_reset(&form.email, &caller.origin).await
    };
    match requested.await {
        Ok(()) => flash::redirect(RESET, &Flash::ResetRequested, &state.url),
        Err(refusal) => again(state, caller, RESET, form.email, refusal).await,
    }
}

/// Sets a new password by a mailed link. The person signs in with it next.
async fn reset(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let (form, arrived) = typed::<LinkForm>(request).await;
    let set = async {
        arrived?;
        let password = SecretString::new(form.password);
        let mail = state.postern.account_mail();
        mail.reset(&form.token, password, &caller.origin).await
    };
    match set.await {
        Ok(email) => flash::redirect(LOGIN, &Flash::PasswordSet(email), &state.url),
        Err(refusal) => {
            let path = link_path(RESET, &form.token);
            again(state, caller, &path, String::new(), refusal).await
        }
    }
}
