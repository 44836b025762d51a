//! HTTP: the pages, their forms, REST and the assets, and what every request passes on its way in.

mod address;
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
mod who;

use app::Looks;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use engine::Postern;

pub use address::TrustedProxies;
pub use public_url::PublicUrl;
pub use refuse::mark;
pub use who::Caller;

use crate::rest;

/// The largest body that is read, in bytes.
pub const BODY_MAX: usize = 64 * 1024;

/// What every handler may need. Cheap to clone.
#[derive(Clone)]
pub struct Gate {
    pub postern: Postern,
    pub url: PublicUrl,
    pub proxies: TrustedProxies,
    pub looks: Looks,
}

/// All of HTTP. Who asks is found out once per request, after the request was found to come from
/// our own pages.
pub fn router(postern: Postern, url: PublicUrl, proxies: TrustedProxies, looks: Looks) -> Router {
    let sessions = sessions::layer(postern.clone(), &url);
    let gate = Gate {
        postern,
        url,
        proxies,
        looks,
    };
    Router::new()
        .merge(pages::router())
        .merge(forms::router())
        .merge(outbox::router())
        .merge(rest::router())
        .route("/metrics", get(metrics::metrics))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .route_layer(from_fn(headers::log))
        .layer(from_fn_with_state(gate.clone(), who::identify))
        .layer(sessions)
        .layer(from_fn_with_state(gate.clone(), same_origin::require))
        .layer(from_fn_with_state(gate.clone(), headers::harden))
        .with_state(gate)
}
