//! Form posts about accounts: first administrator, login, logout, own password and sessions.
//!
//! They work without WebAssembly. A refused form is rendered again with its values, except passwords.

use app::{FormReply, local_path};
use axum::extract::{Form, Query, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{RequestExt, Router};
use domain::{Kind, Refusal, SecretString};
use leptos::prelude::provide_context;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tower_sessions::Session;

use super::authentication::Caller;
use super::refuse::with_status;
use super::state::AppState;
use super::{pages, sessions};

pub fn router() -> Router<AppState> {
    Router::new()
        .route("/login", post(login))
        .route("/logout", post(logout))
        .route("/setup", post(create_first_account))
        .route("/account/password", post(change_password))
        .route("/account/sessions/end", post(end_session))
}

/// The fields of these forms; an absent one is empty.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Typed {
    email: String,
    password: String,
    current: String,
    new: String,
    token: String,
    id: String,
}

/// The page to go to after login, in the query of the form's URL.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Next {
    next: String,
}

impl Next {
    /// A local path; `/` where the query has none.
    fn page(uri: &Uri) -> String {
        let Query(Self { next }) = Query::try_from_uri(uri).unwrap_or_default();
        local_path(&next).unwrap_or("/").to_owned()
    }
}

/// The fields, and whether the form could be decoded.
async fn typed(request: Request) -> (Typed, Result<(), Refusal>) {
    match filled_in(request).await {
        Ok(typed) => (typed, Ok(())),
        Err(refusal) => (Typed::default(), Err(refusal)),
    }
}

/// Decodes a form.
pub async fn filled_in<T: DeserializeOwned + 'static>(request: Request) -> Result<T, Refusal> {
    match request.extract::<Form<T>, _>().await {
        Ok(Form(typed)) => Ok(typed),
        Err(rejection) => {
            let kind = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
                StatusCode::UNSUPPORTED_MEDIA_TYPE => Kind::UnsupportedMediaType,
                _ => Kind::BadRequest,
            };
            let text = "The form could not be read. Load the page and try again.";
            Err(Refusal::new(kind, text))
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
    let mut request = Request::default();
    *request.method_mut() = Method::GET;
    match path.parse() {
        Ok(uri) => *request.uri_mut() = uri,
        Err(_) => return with_status(().into_response(), &refusal),
    }
    let reply = FormReply {
        refusal: refusal.clone(),
        email,
    };
    let page = pages::render(state, caller, request, move || {
        provide_context(reply.clone());
    })
    .await;
    with_status(page, &refusal)
}

async fn login(
    State(state): State<AppState>,
    caller: Caller,
    session: Session,
    request: Request,
) -> Response {
    let next = Next::page(request.uri());
    let here = request.uri().path_and_query();
    let here = here.map_or_else(|| "/login".to_owned(), ToString::to_string);
    let (typed, arrived) = typed(request).await;
    let signed_in = async {
        arrived?;
        let password = SecretString::new(typed.password);
        let origin = &caller.origin;
        let account = state
            .postern
            .accounts()
            .login(&typed.email, password, origin)
            .await?;
        sessions::begin(&session, &account, origin).await
    };
    match signed_in.await {
        Ok(()) => Redirect::to(&next).into_response(),
        Err(refusal) => again(state, caller, &here, typed.email, refusal).await,
    }
}

async fn logout(State(state): State<AppState>, caller: Caller) -> Response {
    if let Some(actor) = &caller.actor
        && let Err(refusal) = state.postern.accounts().logout(actor).await
    {
        return again(state, caller, "/account", String::new(), refusal).await;
    }
    let cookie = sessions::removal_cookie(&state.url);
    ([(SET_COOKIE, cookie)], Redirect::to("/login")).into_response()
}

async fn create_first_account(
    State(state): State<AppState>,
    caller: Caller,
    session: Session,
    request: Request,
) -> Response {
    let (typed, arrived) = typed(request).await;
    let created = async {
        arrived?;
        let (postern, origin) = (&state.postern, &caller.origin);
        let password = SecretString::new(typed.password);
        let account = postern
            .accounts()
            .create_first(&typed.token, &typed.email, password, origin)
            .await?;
        sessions::begin(&session, &account, origin).await
    };
    match created.await {
        Ok(()) => Redirect::to("/").into_response(),
        Err(refusal) => {
            let base64url = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            let token: String = typed.token.chars().filter(|c| base64url(*c)).collect();
            let path = format!("/setup?token={token}");
            again(state, caller, &path, typed.email, refusal).await
        }
    }
}

async fn change_password(
    State(state): State<AppState>,
    caller: Caller,
    request: Request,
) -> Response {
    let changed = async {
        let (typed, arrived) = typed(request).await;
        arrived?;
        let (current, new) = (
            SecretString::new(typed.current),
            SecretString::new(typed.new),
        );
        state
            .postern
            .accounts()
            .change_password(caller.signed_in()?, current, new)
            .await
    };
    match changed.await {
        Ok(()) => Redirect::to("/account?done=password").into_response(),
        Err(refusal) => again(state, caller, "/account", String::new(), refusal).await,
    }
}

async fn end_session(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let ended = async {
        let (typed, arrived) = typed(request).await;
        arrived?;
        state
            .postern
            .accounts()
            .end_session(caller.signed_in()?, &typed.id)
            .await
    };
    match ended.await {
        Ok(()) => Redirect::to("/account?done=session").into_response(),
        Err(refusal) => again(state, caller, "/account", String::new(), refusal).await,
    }
}
