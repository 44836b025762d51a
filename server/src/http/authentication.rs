//! Authentication of requests by bearer token or session, once per request.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use domain::{Kind, Refusal};
use engine::{Accounts, Actor, Origin};
use tower_sessions::Session;

use super::headers::RefusedAccount;
use super::refuse::refuse;
use super::state::AppState;

/// The authenticated actor and the origin of a request. An extractor.
#[derive(Clone, Debug)]
pub struct Caller {
    pub actor: Option<Actor>,
    pub origin: Origin,
}

impl Caller {
    /// The actor.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] where there is none.
    pub fn signed_in(&self) -> Result<&Actor, Refusal> {
        self.actor.as_ref().ok_or_else(|| {
            Refusal::new(
                Kind::Unauthenticated,
                "Sign in, or send a token as “Authorization: Bearer postern_…”.",
            )
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        parts
            .extensions
            .get()
            .cloned()
            .ok_or_else(|| refuse(&parts.uri, Refusal::internal()))
    }
}

pub async fn authenticate(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    session: Session,
    mut request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let browser = headers
        .get(USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let origin = Origin {
        address: Some(state.proxies.client(peer.ip(), headers)),
        browser: browser.to_owned(),
        device: None,
    };
    let accounts = state.postern.accounts();
    let actor = match (bearer(headers), session.id()) {
        (Some(token), _) => accounts.token_actor(token, origin.clone()).await,
        (None, Some(id)) => {
            // An open page of the outbox asks again and again, which is no use by a person.
            let is_use = request.uri().path() != app::WATCH;
            session_actor(accounts, &id.to_string(), &origin, is_use).await
        }
        (None, None) => Ok(None),
    };
    match actor {
        Ok(actor) => {
            let account = actor.as_ref().map(|actor| actor.name().to_owned());
            request.extensions_mut().insert(Caller { actor, origin });
            let mut response = next.run(request).await;
            if let Some(name) = account
                && response.status().is_client_error()
            {
                response.extensions_mut().insert(RefusedAccount(name));
            }
            response
        }
        Err(refusal) => refuse(request.uri(), refusal),
    }
}

/// The actor of a session. `is_use`: the request postpones the end of an idle session.
async fn session_actor(
    accounts: &Accounts,
    id: &str,
    origin: &Origin,
    is_use: bool,
) -> Result<Option<Actor>, Refusal> {
    let actor = accounts.session_actor(id, origin.clone()).await?;
    if let Some(actor) = actor.as_ref().filter(|_| is_use) {
        accounts.touch(actor).await?;
    }
    Ok(actor)
}

/// The bearer token (RFC 6750 section 2.1). The scheme is case-insensitive (RFC 9110 section 11.1).
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}
