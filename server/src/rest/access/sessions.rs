//! `/api/sessions`, `/api/accounts/{id}/sessions`: signed-in browsers, listed and ended.

use axum::extract::State;
use domain::account::SessionView;
use engine::Account;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::state::AppState;
use crate::rest::request::extract::{PathParams, SignedIn};
use crate::rest::response::envelope::{Nothing, Refused, Success};
use crate::rest::response::errors::{Always, Missing, Restricted};

/// A session of an account.
#[derive(Serialize, ToSchema)]
pub struct ApiSession {
    /// The id in the list. It is not a secret.
    #[schema(example = "01M7VN6S40W1X3Y5Z7A9B2C4D6")]
    id: String,
    /// The address of the account.
    #[schema(example = "jonas@example.org")]
    account: String,
    #[schema(example = "01M3XT1500A4B6C8D0E2F4G6H8")]
    account_id: String,
    /// The IP address that the session began from.
    #[schema(example = "192.0.2.7")]
    from: String,
    /// The User-Agent of the browser; may be empty.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")]
    browser: String,
    #[schema(format = DateTime, example = "2026-11-20T05:00:00Z")]
    begun: String,
    /// When the session was last used, to the minute.
    #[schema(format = DateTime)]
    last_used: String,
    /// Whether it is the session of the request.
    current: bool,
}

impl ApiSession {
    fn of(account: Account, session: SessionView) -> Self {
        Self {
            id: session.id,
            account: account.email,
            account_id: account.id,
            from: session.from,
            browser: session.browser,
            begun: session.begun.rfc3339(),
            last_used: session.last_used.rfc3339(),
            current: session.current,
        }
    }
}

/// The number of sessions that were ended.
#[derive(Serialize, ToSchema)]
pub struct EndedSessions {
    #[schema(example = 2)]
    ended: u64,
}

/// List the sessions of all accounts
///
/// Lists the 200 sessions with the latest use; the page `/accounts/sessions` has a search. The operation
/// is for sessions of administrators; tokens cannot use it.
#[utoipa::path(
    get,
    path = "/api/sessions",
    tag = "Accounts",
    responses(
        (status = 200, description = "The sessions, last used first", body = Success<Vec<ApiSession>>),
        Restricted,
        Always,
    )
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Success<Vec<ApiSession>>, Refused> {
    let listed = state.postern.accounts().all_sessions(&actor, "").await?;
    let listed = listed.sessions.into_iter();
    let sessions = listed.map(|listed| ApiSession::of(listed.account, listed.session));
    Ok(Success::new(sessions.collect()))
}

/// End a session
///
/// Ends a session of any account: its next request is refused, and its live views end. The operation is
/// for sessions of administrators.
#[utoipa::path(
    delete,
    path = "/api/sessions/{id}",
    tag = "Accounts",
    params(("id" = String, Path, description = "The id in the list")),
    responses(
        (status = 200, description = "Ended", body = Success<Nothing>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn end(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<Nothing>, Refused> {
    state
        .postern
        .accounts()
        .end_any_session(&actor, &id)
        .await?;
    Ok(Success::new(Nothing {}))
}

/// End all sessions of an account
///
/// Ends all sessions of the account, except the session of the request. The operation is for sessions of
/// administrators.
#[utoipa::path(
    delete,
    path = "/api/accounts/{id}/sessions",
    tag = "Accounts",
    params(("id" = String, Path, description = "The id of the account in its list")),
    responses(
        (status = 200, description = "Ended", body = Success<EndedSessions>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn end_all_of_account(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<EndedSessions>, Refused> {
    let accounts = state.postern.accounts();
    let ended = accounts.end_sessions_of(&actor, &id).await?;
    Ok(Success::new(EndedSessions { ended }))
}
