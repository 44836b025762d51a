//! HTTP: the router of pages, forms, REST and assets, and its middleware.

#[cfg(test)]
mod account_forms_tests;
mod address;
mod allowed_hosts;
mod authentication;
mod bearer;
pub mod body;
mod confirmation;
#[cfg(test)]
mod confirmation_tests;
mod cookies;
mod enrolment;
mod flash;
mod form_routes;
mod forms;
mod headers;
mod host;
pub mod listener;
mod metrics;
mod networks;
#[cfg(test)]
mod networks_tests;
mod open_image;
mod outbox;
mod pages;
mod probes;
mod public_url;
mod refuse;
mod same_origin;
mod second_step;
mod second_step_cookie;
#[cfg(test)]
mod session_list_tests;
mod sessions;
mod state;
#[cfg(test)]
mod test_browser;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower::ServiceBuilder;

pub use address::TrustedProxies;
pub use allowed_hosts::AllowedHosts;
pub use authentication::Caller;
pub use public_url::PublicUrl;
pub use refuse::with_status;
#[cfg(test)]
pub use state::test_interface;
pub use state::{AppState, SharedState};

use crate::assets;
use crate::compression::compress_pages;
use crate::rest;

/// The router of the whole HTTP interface. Requests are checked for their host, authenticated once, and
/// checked for their origin.
///
/// Layers are added in two calls: each call of [`Router::layer`] boxes the routes again, and every request clones
/// all boxes below each layer.
pub fn router(state: AppState) -> Router {
    Router::new()
        .merge(pages::router())
        .merge(forms::router())
        .merge(form_routes::router())
        .merge(second_step::router())
        .merge(confirmation::router())
        .merge(outbox::router())
        .merge(rest::router())
        .route(
            "/metrics",
            get(metrics::metrics).fallback(rest::method_not_allowed),
        )
        .layer(
            ServiceBuilder::new()
                .layer(sessions::layer(state.postern.clone(), &state.url))
                .layer(from_fn_with_state(
                    state.clone(),
                    authentication::authenticate,
                ))
                .layer(from_fn(compress_pages))
                .layer(from_fn_with_state(state.clone(), networks::require))
                .layer(from_fn_with_state(state.clone(), enrolment::require))
                .layer(from_fn_with_state(state.clone(), confirmation::guard)),
        )
        .route("/pkg/{file}", get(assets::serve))
        .merge(probes::router())
        .merge(open_image::router())
        .layer(
            ServiceBuilder::new()
                .layer(from_fn_with_state(state.clone(), headers::log_request))
                .layer(from_fn_with_state(state.clone(), headers::secure))
                .layer(from_fn_with_state(state.clone(), host::require)),
        )
        .with_state(state)
}

/// The router of a port for `/metrics`, without a token, and for probes.
pub fn metrics_router(state: AppState) -> Router {
    Router::new()
        .route(
            "/metrics",
            get(metrics::open).fallback(rest::method_not_allowed),
        )
        .merge(probes::router())
        .with_state(state)
}
