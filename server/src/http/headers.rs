//! Security headers of every response, and the request log.

use std::net::SocketAddr;
use std::time::Instant;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use engine::OPEN_IMAGE_PATH;

use super::monitoring::probes;
use super::state::AppState;
use crate::rest::mail::INTAKE;

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// Adds headers against framing, use by other sites, content sniffing and caching. Pages set their own
/// Content-Security-Policy.
pub async fn secure(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut default = |name, value| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    default(X_CONTENT_TYPE_OPTIONS, "nosniff");
    // no-referrer would make form posts say `Origin: null`.
    default(REFERRER_POLICY, "same-origin");
    default(CROSS_ORIGIN_OPENER_POLICY, "same-origin");
    default(CROSS_ORIGIN_RESOURCE_POLICY, "same-origin");
    default(
        PERMISSIONS_POLICY,
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    );
    default(CACHE_CONTROL, "no-store");
    default(
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    );
    if state.url.is_https() {
        default(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}

/// The account of a refused request, for the request log.
#[derive(Clone)]
pub struct RefusedAccount(pub String);

/// Logs each request but accepted mail, images of open tracking and probes that find all well, also one
/// that middleware refuses, with the client's address and the pattern of its route; the path itself may
/// contain an e-mail address. A refused account is named.
pub async fn log_request(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    let client = state.proxies.client(peer.ip(), request.headers());
    let begun = Instant::now();
    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let account = response.extensions_mut().remove();
    let account = account.map(|RefusedAccount(name)| name);
    // Submissions come thousands of times a second, and the outbox records them. Opens of a mail are
    // recorded without their clients.
    let is_accepted = route == INTAKE && status == 202;
    let is_image = route.starts_with(OPEN_IMAGE_PATH);
    let is_probe = matches!(route, probes::HEALTH | probes::READINESS) && status == 200;
    if !is_accepted && !is_image && !is_probe {
        tracing::info!(%method, route, status, milliseconds, %client, account, "request");
    }
    response
}
