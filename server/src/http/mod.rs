//! HTTP: the router of pages, forms, REST and assets, and its middleware.

pub mod authentication;
mod bearer;
pub mod body;
mod cookies;
mod forms;
mod guards;
mod headers;
pub mod listener;
mod monitoring;
mod open_image;
pub mod origin;
mod outbox;
mod pages;
pub mod refusal_status;
mod refuse;
pub mod state;
#[cfg(test)]
mod test_browser;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower::ServiceBuilder;

use crate::assets;
use crate::compression::compress_pages;
use crate::rest;
use crate::rest::response::refusal::method_not_allowed;
use monitoring::metrics::METRICS_PATH;
use state::AppState;

/// The router of the whole HTTP interface. Requests are checked for their host, authenticated once, and
/// checked for their origin.
///
/// Layers are added in two calls: each call of [`Router::layer`] boxes the routes again, and every request clones
/// all boxes below each layer.
pub fn router(state: AppState) -> Router {
    Router::new()
        .merge(pages::router())
        .merge(forms::session::router())
        .merge(forms::routes::router())
        .merge(forms::second_step::router())
        .merge(guards::router())
        .merge(outbox::router())
        .merge(rest::router())
        .route(
            METRICS_PATH,
            get(monitoring::metrics::metrics).fallback(method_not_allowed),
        )
        .layer(
            ServiceBuilder::new()
                .layer(cookies::sessions::layer(state.postern.clone(), &state.url))
                .layer(from_fn_with_state(
                    state.clone(),
                    authentication::authenticate,
                ))
                .layer(from_fn(compress_pages))
                .layer(from_fn_with_state(state.clone(), guards::check)),
        )
        .route("/pkg/{file}", get(assets::serve))
        .merge(monitoring::probes::router())
        .merge(open_image::router())
        .layer(from_fn_with_state(state.clone(), headers::secure_and_log))
        .with_state(state)
}

/// The router of a port for `/metrics`, without a token, and for probes.
pub fn metrics_router(state: AppState) -> Router {
    Router::new()
        .route(
            METRICS_PATH,
            get(monitoring::metrics::open).fallback(method_not_allowed),
        )
        .merge(monitoring::probes::router())
        .with_state(state)
}
