//! Authentication of requests by bearer token or session, once per request, and their origin.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use domain::{Kind, Refusal};
use engine::{Accounts, Actor, Origin};
use tower_sessions::Session;

use super::bearer::bearer;
use super::headers::RefusedAccount;
use super::origin::same_origin;
use super::refuse::{refuse, refuse_unread};
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

/// Resolves the actor of a request, and refuses a request of another site: then the request log names
/// whose session it carried.
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
    let same_origin = same_origin::check(&request, &state.url);
    let actor = match (bearer(headers), session.id()) {
        (Some(token), _) => {
            let actor = accounts.token_actor(token, origin.clone()).await;
            if let Ok(Some(actor)) = &actor {
                state.interface.used_by(actor.name());
            }
            actor
        }
        (None, Some(id)) => {
            // An open page of the outbox asks again and again, which is no use by a person. Nor is a
            // request of another site.
            let is_use = same_origin.is_ok() && request.uri().path() != app::WATCH;
            session_actor(accounts, &id.to_string(), &origin, is_use).await
        }
        (None, None) => Ok(None),
    };
    let account = actor.as_ref().ok().and_then(Option::as_ref);
    let account = account.map(|actor| actor.name().to_owned());
    let mut response = match (same_origin, actor) {
        (Err(refusal), _) => refuse_unread(&request, refusal),
        (Ok(()), Err(refusal)) => refuse(request.uri(), refusal),
        (Ok(()), Ok(actor)) => {
            request.extensions_mut().insert(Caller { actor, origin });
            next.run(request).await
        }
    };
    if let Some(name) = account
        && response.status().is_client_error()
    {
        response.extensions_mut().insert(RefusedAccount(name));
    }
    response
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
