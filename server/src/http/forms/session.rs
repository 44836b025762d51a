//! The forms that set or remove a cookie, and what all forms need: their decoding and their pages.
//!
//! Login, logout, the first administrator and a new password begin or end a session or renew the device cookie, which
//! are headers of a response: `app` knows none, and handles the other forms (`form_routes`). They work without
//! WebAssembly. A refused form is rendered again with its values, except passwords.

use app::account::{ACCOUNT, CHANGE_PASSWORD, PasswordForm};
use app::entrance::{LOGIN, LOGOUT, LoginForm, LoginQuery, SETUP, SetupForm, setup_path};
use app::{Flash, FormReply, unreadable_form};
use axum::extract::{Form, Query, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{Method, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{RequestExt, Router};
use domain::{Kind, Refusal, SecretString};
use engine::Origin;
use leptos::prelude::provide_context;
use serde::de::DeserializeOwned;
use tower_sessions::Session;

use crate::http::authentication::Caller;
use crate::http::body::{self, BODY_MAX, FORM_MAX};
use crate::http::cookies::{flash, second_step_cookie, sessions};
use crate::http::origin::public_url::PublicUrl;
use crate::http::pages;
use crate::http::refusal_status::with_status;
use crate::http::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new()
        .route(LOGIN, post(login))
        .route(LOGOUT, post(logout))
        .route(SETUP, post(create_first_account))
        .route(CHANGE_PASSWORD, post(change_password))
}

/// The fields of a small form, and whether it could be decoded.
pub async fn typed<T>(request: Request) -> (T, Result<(), Refusal>)
where
    T: DeserializeOwned + Default + 'static,
{
    match decode(request, FORM_MAX).await {
        Ok(typed) => (typed, Ok(())),
        Err(refusal) => (T::default(), Err(refusal)),
    }
}

/// Decodes a form.
pub async fn filled_in<T: DeserializeOwned + 'static>(request: Request) -> Result<T, Refusal> {
    decode(request, BODY_MAX).await
}

/// Decodes a form of at most `max` bytes.
pub async fn decode<T: DeserializeOwned + 'static>(
    request: Request,
    max: usize,
) -> Result<T, Refusal> {
    let (parts, body) = request.into_parts();
    let body = body::read(body, max).await?;
    let request = Request::from_parts(parts, body.into());
    match request.extract::<Form<T>, _>().await {
        Ok(Form(typed)) => Ok(typed),
        Err(rejection) => {
            let kind = match rejection.status() {
                StatusCode::UNSUPPORTED_MEDIA_TYPE => Kind::UnsupportedMediaType,
                _ => Kind::BadRequest,
            };
            Err(unreadable_form(kind))
        }
    }
}

/// Renders the page at `path` for a refused form, with the status of the refusal.
pub async fn again(
    state: AppState,
    caller: Caller,
    path: &str,
    email: String,
    refusal: Refusal,
) -> Response {
    let reply = FormReply {
        refusal: refusal.clone(),
        email,
    };
    let page = page(state, caller, path, move || {
        provide_context(reply.clone());
    })
    .await;
    with_status(page, &refusal)
}

/// As [`again`], with `shown` in the context of the page: what was typed.
pub async fn again_with(
    state: AppState,
    caller: Caller,
    path: &str,
    shown: impl Clone + Send + Sync + 'static,
    refusal: Refusal,
) -> Response {
    let reply = FormReply {
        refusal: refusal.clone(),
        email: String::new(),
    };
    let more = move || {
        provide_context(reply.clone());
        provide_context(shown.clone());
    };
    with_status(page(state, caller, path, more).await, &refusal)
}

/// Renders the page at `path` in answer to a form, with `more` in its context.
pub async fn page(
    state: AppState,
    caller: Caller,
    path: &str,
    more: impl Fn() + Clone + Send + Sync + 'static,
) -> Response {
    let mut request = Request::default();
    *request.method_mut() = Method::GET;
    match path.parse() {
        Ok(uri) => *request.uri_mut() = uri,
        Err(_) => return ().into_response(),
    }
    pages::render(state, caller, request, more).await
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
            return Ok(second_step_cookie::redirect(
                query.next(),
                &secret,
                &state.url,
            ));
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
