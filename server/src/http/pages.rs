//! The pages, the server functions of their islands, and the assets.

use app::{App, Site, shell};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use leptos::prelude::{LeptosOptions, provide_context};
use leptos_axum::{AxumRouteListing, LeptosRoutes, generate_route_list};

use super::{Caller, Gate};
use crate::assets;

pub fn router() -> Router<Gate> {
    let routes: Vec<AxumRouteListing> = generate_route_list(App);
    Router::new()
        .leptos_routes_with_handler(routes, get(page))
        .route("/fn/{*name}", post(function))
        .route("/pkg/{file}", get(assets::serve))
        .fallback(page)
}

/// What pages and server functions find in their context.
fn context(gate: Gate, caller: Caller) -> impl Fn() + Clone + Send + Sync + 'static {
    move || {
        provide_context(gate.postern.clone());
        if let Some(actor) = &caller.actor {
            provide_context(actor.clone());
        }
    }
}

async fn page(State(gate): State<Gate>, caller: Caller, request: Request) -> Response {
    render(gate, caller, request, || ()).await
}

/// Renders the page at the request's path, with `more` in its context.
pub async fn render(
    gate: Gate,
    caller: Caller,
    request: Request,
    more: impl Fn() + Clone + Send + Sync + 'static,
) -> Response {
    let context = context(gate, caller);
    let with_more = move || {
        context();
        more();
    };
    leptos_axum::render_app_async_with_context(with_more, || shell(site()))(request)
        .await
        .into_response()
}

async fn function(State(gate): State<Gate>, caller: Caller, request: Request) -> Response {
    leptos_axum::handle_server_fns_with_context(context(gate, caller), request)
        .await
        .into_response()
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
