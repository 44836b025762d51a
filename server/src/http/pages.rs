//! Routes of the pages, the server functions and the assets.

use app::entrance::{LOGIN, PendingSignIn};
use app::home::HOME;
use app::outbox::PublicUrl;
use app::{App, PasskeyScript, SETTINGS, Site, shell};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use domain::{Kind, Refusal};
use leptos::prelude::{LeptosOptions, provide_context};
use leptos::server_fn::axum::server_fn_paths;
use leptos::server_fn::error::{FromServerFnError, SERVER_FN_ERROR_HEADER};
use leptos_axum::generate_route_list;

use super::authentication::Caller;
use super::body::{self, BODY_MAX};
use super::cookies::{flash, second_step};
use super::refuse;
use super::state::AppState;
use crate::assets;

pub fn router() -> Router<AppState> {
    generate_route_list(App)
        .iter()
        .fold(Router::new(), |router, listed| {
            router.route(listed.path(), get(page))
        })
        .route("/", get(home))
        .route("/fn/{*name}", post(function))
        .fallback(page)
}

/// Redirects to Home, and an administrator to the settings while no relay is set up.
async fn home(State(state): State<AppState>, caller: Caller) -> Redirect {
    let Some(actor) = &caller.actor else {
        return Redirect::to(LOGIN);
    };
    let relays = match actor.administers() {
        Ok(()) => state.postern.relays().list(actor).await.ok(),
        Err(_) => None,
    };
    // Where they cannot be read, Home says why.
    let is_first = relays.is_some_and(|all| all.iter().all(|relay| relay.address.is_none()));
    Redirect::to(if is_first { SETTINGS } else { HOME })
}

/// The Leptos context of pages and server functions.
fn context(state: AppState, caller: Caller) -> impl Fn() + Clone + Send + Sync + 'static {
    move || {
        provide_context(state.postern.clone());
        provide_context(PublicUrl(state.url.to_string()));
        provide_context(state.program.clone());
        provide_context(PasskeyScript(assets::path("passkey.js")));
        if let Some(actor) = &caller.actor {
            provide_context(actor.clone());
        }
    }
}

async fn page(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    // CONNECT has no path, and leptos expects one.
    if request.uri().path_and_query().is_none() {
        let text = "This is not a proxy. Request a path.";
        return refuse::refuse(request.uri(), Refusal::new(Kind::BadRequest, text));
    }
    let pending = second_step::read(request.headers(), &state.url);
    let flash = flash::read(request.headers(), &state.url);
    let (url, has_flash) = (state.url.clone(), flash.is_some());
    let page = render(state, caller, request, move || {
        provide_context(PendingSignIn(pending.clone()));
        if let Some(flash) = &flash {
            provide_context(flash.clone());
        }
    });
    match has_flash {
        true => flash::removed(page.await, &url),
        false => page.await,
    }
}

/// Renders the page at the request's path, with `more` in its context.
pub async fn render(
    state: AppState,
    caller: Caller,
    request: Request,
    more: impl Fn() + Clone + Send + Sync + 'static,
) -> Response {
    let context = context(state, caller);
    let with_more = move || {
        context();
        more();
    };
    leptos_axum::render_app_async_with_context(with_more, || shell(site()))(request)
        .await
        .into_response()
}

async fn function(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let uri = request.uri().clone();
    match call(state, caller, request).await {
        Ok(response) => response,
        Err(refusal) => refuse::refuse(&uri, refusal),
    }
}

/// Calls a server function. Leptos itself limits no body, and answers every error with 500: the body
/// of such a response is the refusal, which has a status of its own.
async fn call(state: AppState, caller: Caller, request: Request) -> Result<Response, Refusal> {
    let path = request.uri().path();
    if !server_fn_paths().any(|(known, _)| known == path) {
        let text = "There is no such function. Reload the page.";
        return Err(Refusal::new(Kind::NotFound, text));
    }
    if path != app::BROWSER_KEY && caller.actor.is_none() {
        return Err(app::signed_out());
    }
    let (parts, body) = request.into_parts();
    let body = body::read(body, BODY_MAX).await?;
    let request = Request::from_parts(parts, body.into());
    let context = context(state, caller);
    let response = leptos_axum::handle_server_fns_with_context(context, request).await;
    let (mut parts, body) = response.into_response().into_parts();
    if parts.headers.remove(SERVER_FN_ERROR_HEADER).is_none() {
        return Ok(Response::from_parts(parts, body));
    }
    Err(Refusal::de(body::read(body, BODY_MAX).await?))
}

fn site() -> Site {
    Site {
        options: LeptosOptions::builder()
            .output_name(assets::output_name().unwrap_or("postern"))
            .site_pkg_dir(assets::FOLDER)
            .hash_files(false)
            .build(),
        stylesheet: assets::path("main.css"),
        icon: assets::path("icon.svg"),
        hydrates: assets::output_name().is_some(),
    }
}
