//! The second step of a sign-in: its cookie, and its form.

use app::entrance::{LoginQuery, SECOND_STEP, SecondStepForm, second_step_path};
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::post;
use domain::SecretString;
use engine::SECOND_STEP_LIFETIME;
use tower_sessions::Session;
use tower_sessions::cookie::time::Duration;
use tower_sessions::cookie::{Cookie, SameSite};

use super::authentication::Caller;
use super::forms::{again, signed_in_at, typed, with_device};
use super::public_url::PublicUrl;
use super::state::AppState;
use super::{cookies, sessions};

/// The cookie of a sign-in that waits for its second step. It opens nothing else.
const NAME: &str = "postern-second-step";

pub fn router() -> Router<AppState> {
    Router::new().route(SECOND_STEP, post(second_step))
}

/// The response to the right password of an account with a second factor.
pub fn redirect(next: &str, secret: &str, url: &PublicUrl) -> Response {
    let lifetime = Duration::seconds(SECOND_STEP_LIFETIME.as_secs() as i64);
    let set = set_cookie(secret, lifetime, url);
    let page = Redirect::to(&second_step_path(next));
    (AppendHeaders([(SET_COOKIE, set)]), page).into_response()
}

fn set_cookie(value: &str, lifetime: Duration, url: &PublicUrl) -> String {
    let cookie = Cookie::build((cookies::name(NAME, url), value))
        .path("/")
        .max_age(lifetime)
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(url.is_https());
    cookie.to_string()
}

fn read_cookie(headers: &HeaderMap, url: &PublicUrl) -> String {
    cookies::read(headers, &cookies::name(NAME, url)).unwrap_or_default()
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
    let secret = read_cookie(request.headers(), &state.url);
    let (typed, arrived) = typed::<SecondStepForm>(request).await;
    let signed_in = async {
        arrived?;
        let accounts = state.postern.accounts();
        let answer = SecretString::new(typed.code);
        let login = accounts.second_step(&secret, answer, &origin).await?;
        sessions::begin(&session, &login, &origin).await?;
        Ok(accounts.device_cookie(&login, &origin))
    };
    match signed_in.await {
        Ok(device) => {
            let removal = set_cookie("", Duration::ZERO, &state.url);
            let response = signed_in_at(query.next(), &device, &state.url);
            (AppendHeaders([(SET_COOKIE, removal)]), response).into_response()
        }
        Err(refusal) => again(state, caller, &here, String::new(), refusal).await,
    }
}
