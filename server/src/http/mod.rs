//! HTTP: the router of pages, forms, REST and assets, and its middleware.

mod address;
mod authentication;
mod forms;
mod headers;
pub mod listener;
mod metrics;
mod outbox;
mod pages;
mod public_url;
mod refuse;
mod same_origin;
mod sessions;
mod state;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use engine::Postern;

pub use address::TrustedProxies;
pub use authentication::Caller;
pub use public_url::PublicUrl;
pub use refuse::with_status;
pub use state::{AppState, BODY_MAX};

use crate::compression::compress_pages;
use crate::rest;

/// The router of the whole HTTP interface. Requests are checked for their origin, and then
/// authenticated once.
pub fn router(postern: Postern, url: PublicUrl, proxies: TrustedProxies) -> Router {
    let sessions = sessions::layer(postern.clone(), &url);
    let state = AppState {
        postern,
        url,
        proxies,
    };
    Router::new()
        .merge(pages::router())
        .merge(forms::router())
        .merge(outbox::router())
        .merge(rest::router())
        .route("/metrics", get(metrics::metrics))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn(compress_pages))
        .route_layer(from_fn(headers::log_request))
        .layer(from_fn_with_state(
            state.clone(),
            authentication::authenticate,
        ))
        .layer(sessions)
        .layer(from_fn_with_state(state.clone(), same_origin::require))
        .layer(from_fn_with_state(state.clone(), headers::secure))
        .with_state(state)
}
