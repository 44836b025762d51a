//! The outermost layer of requests: their host, the request log, and security headers of responses.

use std::net::SocketAddr;
use std::time::Instant;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use engine::OPEN_IMAGE_PATH;

use super::monitoring::probes;
use super::origin::host;
use super::refuse::refuse_unread;
use super::state::AppState;
use crate::rest::mail::INTAKE;

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// Adds headers against framing, use by other sites, content sniffing and caching. Pages set their own
/// Content-Security-Policy.
fn secure(state: &AppState, headers: &mut HeaderMap) {
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
}

/// The account of a refused request, for the request log.
#[derive(Clone)]
pub struct RefusedAccount(pub String);

/// Checks the host of a request, and adds the security headers to its response. One layer does all of this: a
/// request allocates for each layer, and clones what is below it.
///
/// Logs each request but accepted mail, images of open tracking and probes that find all well, also one
/// that middleware refuses, with the client's address and the pattern of its route; the path itself may
/// contain an e-mail address. A refused account is named.
pub async fn secure_and_log(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    let client = state.proxies.client(peer.ip(), request.headers());
    let begun = Instant::now();
    let checked = host::check(&state, &request);
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(refusal) => refuse_unread(&request, refusal),
    };
    secure(&state, response.headers_mut());
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
