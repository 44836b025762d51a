//! `/api/tokens`: API tokens, created, listed and revoked.

use axum::extract::State;
use domain::Timestamp;
use domain::outbox::Priority;
use engine::{NewToken, Token, TokenScope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::limits::{ApiLimits, LimitsRequest};
use crate::http::state::AppState;
use crate::rest::request::extract::{JsonBody, PathParams, SignedIn};
use crate::rest::request::json::lenient;
use crate::rest::response::envelope::{Nothing, Refused, Success};
use crate::rest::response::errors::{Always, JsonRefused, Missing, Restricted, Throttled};

/// A scope of a token: to submit mail, to read messages and metrics, or the operations of
/// administrators. For accounts that are not administrators `admin` is to change the settings of their
/// own relay.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Scope {
    Send,
    Read,
    Admin,
}

impl From<TokenScope> for Scope {
    fn from(scope: TokenScope) -> Self {
        match scope {
            TokenScope::Send => Self::Send,
            TokenScope::Read => Self::Read,
            TokenScope::Admin => Self::Admin,
        }
    }
}

/// A token, without its secret.
#[derive(Serialize, ToSchema)]
pub struct ApiToken {
    #[schema(example = "01M3XT1500J1K3M5N7P9Q2R4S6")]
    id: String,
    /// The address of the account.
    #[schema(example = "jonas@example.org")]
    account: String,
    #[schema(example = "billing")]
    name: String,
    scopes: Vec<Scope>,
    /// The addresses that the token may send from. If the list is empty, it may send from all addresses
    /// of its account.
    #[schema(example = json!(["billing@example.org"]))]
    senders: Vec<String>,
    /// Whether the token, which is an administrator's, may send from addresses that its account may not
    /// use.
    any_sender: bool,
    /// The priority of mail that names none.
    default_priority: Priority,
    /// The highest priority that mail may name.
    highest_priority: Priority,
    /// The limits of the token, and their use.
    limits: ApiLimits,
    #[schema(format = DateTime, example = "2026-10-02T08:00:00Z")]
    created: String,
    /// When the token was last used, to the minute; null if it was not used yet.
    #[schema(format = DateTime, example = "2026-11-20T05:13:00Z")]
    last_used: Option<String>,
    /// When the token expires; null if it does not.
    #[schema(format = DateTime, example = "2026-12-31T08:00:00Z")]
    expires: Option<String>,
    /// When the token was revoked; null while it is in use.
    #[schema(format = DateTime)]
    revoked: Option<String>,
}

impl ApiToken {
    /// A token, with what is left of its limits at `now`.
    fn of(token: Token, now: Timestamp) -> Self {
        let time = |at: Option<Timestamp>| at.map(Timestamp::rfc3339);
        Self {
            id: token.id,
            account: token.account.email,
            name: token.name,
            scopes: token.scopes.into_iter().map(Into::into).collect(),
            senders: token.senders,
            any_sender: token.any_sender,
            default_priority: token.priorities.default,
            highest_priority: token.priorities.highest,
            limits: ApiLimits::of(&token.quota, now),
            created: token.created_at.rfc3339(),
            last_used: time(token.last_used_at),
            expires: time(token.expires_at),
            revoked: time(token.revoked_at),
        }
    }
}

/// A token to create.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "billing",
    "scopes": ["send"],
    "senders": ["billing@example.org"],
    "default_priority": "bulk",
    "highest_priority": "normal",
    "expires_days": 90,
    "limits": { "max_per_hour": 100 },
}))]
pub struct TokenRequest {
    /// The name of the token, which says its purpose, in 1 to 64 characters.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(required, nullable = false)]
    name: Option<String>,
    /// The address of the account. The default is your own.
    #[serde(default, deserialize_with = "lenient")]
    account: Option<String>,
    /// The scopes. If they are absent or empty, an administrator's token has all scopes, and that of
    /// another account `send` and `read`.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = Option<Vec<Scope>>)]
    scopes: Option<Vec<String>>,
    /// The addresses that the token may send from. If they are absent or empty, it may send from all
    /// addresses of its account.
    #[serde(default, deserialize_with = "lenient")]
    senders: Option<Vec<String>>,
    /// Whether the token may send from addresses that its account may not use, only for an
    /// administrator's account. The default is false.
    #[serde(default, deserialize_with = "lenient")]
    any_sender: Option<bool>,
    /// The priority of mail that names none, not above `highest_priority`. The default is `normal`, or
    /// `bulk` if that is the highest.
    #[serde(default, deserialize_with = "lenient")]
    default_priority: Option<Priority>,
    /// The highest priority that mail may name. By default mail may name every priority.
    #[serde(default, deserialize_with = "lenient")]
    highest_priority: Option<Priority>,
    /// The days until the token expires, 1 to 3650. By default it does not expire.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(minimum = 1, maximum = 3650)]
    expires_days: Option<u32>,
    /// The limits of the token. By default only the limits of its account apply.
    #[serde(default, deserialize_with = "lenient")]
    limits: Option<LimitsRequest>,
}

/// A token that was created.
#[derive(Serialize, ToSchema)]
pub struct CreatedToken {
    /// The secret, which is shown once.
    #[schema(example = "postern_…")]
    token: String,
}

/// List tokens
///
/// Administrators see every token, also revoked ones. A signed-in user sees the own tokens that are in
/// use. Secrets are never shown.
#[utoipa::path(
    get,
    path = "/api/tokens",
    tag = "Tokens",
    responses(
        (status = 200, description = "The tokens, oldest first", body = Success<Vec<ApiToken>>),
        Restricted,
        Always,
    )
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Success<Vec<ApiToken>>, Refused> {
    let listed = state.postern.accounts().tokens(&actor).await?;
    let now = state.postern.limits().now();
    let listed = listed.into_iter().map(|token| ApiToken::of(token, now));
    Ok(Success::new(listed.collect()))
}

/// Create a token
///
/// Administrators create tokens of any account, signed-in users of their own account. A token that
/// expires, or has senders, limits or a highest priority, cannot create tokens. An account has at most
/// 100 tokens in use, and 10 new ones a minute.
#[utoipa::path(
    post,
    path = "/api/tokens",
    tag = "Tokens",
    request_body = TokenRequest,
    responses(
        (status = 200, description = "Created", body = Success<CreatedToken>),
        Restricted,
        Missing,
        JsonRefused,
        Throttled,
        Always,
    )
)]
pub async fn create(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    JsonBody { request, faults }: JsonBody<TokenRequest>,
) -> Result<Success<CreatedToken>, Refused> {
    faults.into_result()?;
    let new = NewToken {
        account: request.account,
        name: request.name.unwrap_or_default(),
        scopes: request.scopes.unwrap_or_default(),
        expires_days: request.expires_days,
        senders: request.senders.unwrap_or_default(),
        any_sender: request.any_sender.unwrap_or_default(),
        default_priority: request.default_priority,
        highest_priority: request.highest_priority,
        limits: request.limits.unwrap_or_default().into(),
    };
    let token = state.postern.accounts().create_token(&actor, new).await?;
    Ok(Success::new(CreatedToken { token }))
}

/// Revoke a token
///
/// The token is refused within a second, on all nodes.
#[utoipa::path(
    delete,
    path = "/api/tokens/{id}",
    tag = "Tokens",
    params(("id" = String, Path, description = "The id in the list")),
    responses(
        (status = 200, description = "Revoked", body = Success<Nothing>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn revoke(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<Nothing>, Refused> {
    state.postern.accounts().revoke_token(&actor, &id).await?;
    Ok(Success::new(Nothing {}))
}
