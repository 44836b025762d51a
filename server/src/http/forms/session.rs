//! The forms that begin or end a session, or renew the device cookie.
//!
//! They are login, logout, the first administrator and a new password. Their cookies are headers of a response: `app`
//! knows none, and handles the other forms (`form_routes`). They work without WebAssembly. A refused form is rendered
//! again with its values, except passwords.

use app::Flash;
use app::account::{ACCOUNT, CHANGE_PASSWORD, PasswordForm};
use app::entrance::{LOGIN, LOGOUT, LoginForm, LoginQuery, SETUP, SetupForm, setup_path};
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::post;
use domain::SecretString;
use engine::Origin;
use tower_sessions::Session;

use super::decode::{filled_in, typed};
use super::page::again;
use crate::http::authentication::Caller;
use crate::http::cookies::{flash, second_step, sessions};
use crate::http::origin::public_url::PublicUrl;
use crate::http::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new()
        .route(LOGIN, post(login))
        .route(LOGOUT, post(logout))
        .route(SETUP, post(create_first_account))
        .route(CHANGE_PASSWORD, post(change_password))
}

async fn login(
    State(state): State<AppState>,
    caller: Caller,
    session: Session,
    request: Request,
) -> Response {
    let Query(query) = Query::<LoginQuery>::try_from_uri(request.uri()).unwrap_or_default();
    let here = request.uri().path_and_query();
    let here = here.map_or_else(|| LOGIN.to_owned(), ToString::to_string);
    let origin = with_device(&state, &caller, &request);
    let (typed, arrived) = typed::<LoginForm>(request).await;
    let signed_in = async {
        arrived?;
        let password = SecretString::new(typed.password);
        let accounts = state.postern.accounts();
        let login = accounts.login(&typed.email, password, &origin).await?;
        if let Some(secret) = accounts.begin_second_step(&login).await? {
            return Ok(second_step::redirect(query.next(), &secret, &state.url));
        }
        sessions::begin(&session, &login, &origin).await?;
        let device = accounts.device_cookie(&login, &origin);
        Ok(signed_in_at(query.next(), &device, &state.url))
    };
    match signed_in.await {
        Ok(response) => response,
        Err(refusal) => again(state, caller, &here, typed.email, refusal).await,
    }
}

/// The origin of a request with its device cookie.
pub fn with_device(state: &AppState, caller: &Caller, request: &Request) -> Origin {
    Origin {
        device: sessions::device(request.headers(), &state.url),
        ..caller.origin.clone()
    }
}

/// The response to a sign-in, which continues at `next`.
pub fn signed_in_at(next: &str, device: &str, url: &PublicUrl) -> Response {
    let device = sessions::device_cookie(device, url);
    (AppendHeaders([(SET_COOKIE, device)]), Redirect::to(next)).into_response()
}

async fn logout(State(state): State<AppState>, caller: Caller) -> Response {
    if let Some(actor) = &caller.actor
        && let Err(refusal) = state.postern.accounts().logout(actor).await
    {
        return again(state, caller, ACCOUNT, String::new(), refusal).await;
    }
    let cookie = sessions::removal_cookie(&state.url);
    ([(SET_COOKIE, cookie)], Redirect::to(LOGIN)).into_response()
}

async fn create_first_account(
    State(state): State<AppState>,
    caller: Caller,
    session: Session,
    request: Request,
) -> Response {
    let (typed, arrived) = typed::<SetupForm>(request).await;
    let created = async {
        arrived?;
        let (accounts, origin) = (state.postern.accounts(), &caller.origin);
        let password = SecretString::new(typed.password);
        let login = accounts
            .create_first(&typed.token, &typed.email, password, origin)
            .await?;
        sessions::begin(&session, &login, origin).await?;
        Ok(accounts.device_cookie(&login, origin))
    };
    match created.await {
        Ok(device) => signed_in_at("/", &device, &state.url),
        Err(refusal) => {
            let path = setup_path(&typed.token);
            again(state, caller, &path, typed.email, refusal).await
        }
    }
}

async fn change_password(
    State(state): State<AppState>,
    caller: Caller,
    request: Request,
) -> Response {
    let origin = with_device(&state, &caller, &request);
    let changed = async {
        let actor = caller.signed_in()?;
        let form: PasswordForm = filled_in(request).await?;
        let (current, new) = (SecretString::new(form.current), SecretString::new(form.new));
        let accounts = state.postern.accounts();
        let login = accounts.change_password(actor, current, new).await?;
        Ok(accounts.device_cookie(&login, &origin))
    };
    match changed.await {
        Ok(device) => {
            let done = flash::redirect(ACCOUNT, &Flash::PasswordChanged, &state.url);
            let device = sessions::device_cookie(&device, &state.url);
            (AppendHeaders([(SET_COOKIE, device)]), done).into_response()
        }
        Err(refusal) => again(state, caller, ACCOUNT, String::new(), refusal).await,
    }
}
