//! `/api/limits`, `/api/accounts/{id}/limits`, `/api/tokens/{id}/limits`: limits of what is sent.

use axum::extract::State;
use domain::limits::sending::LimitUse;
use domain::{SendingLimits, SendingQuota, Timestamp};
use engine::Action;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::state::AppState;
use crate::rest::request::extract::{AdminBody, Administrative, PathParams, SignedIn};
use crate::rest::request::json::lenient;
use crate::rest::response::envelope::{Refused, Success};
use crate::rest::response::errors::{Always, JsonRefused, Missing, Restricted};

/// The use of a limit of mails.
#[derive(Serialize, ToSchema)]
pub struct ApiLimitUse {
    /// The period of the limit: `minute`, `hour` or `day`.
    #[schema(example = "hour")]
    period: &'static str,
    /// The maximum number of mails in any such period.
    #[schema(example = 100)]
    limit: u32,
    /// The number of mails that are left now.
    #[schema(example = 58)]
    left: u32,
    /// When the next mail is accepted; null while one is left.
    #[schema(format = DateTime)]
    next_at: Option<String>,
    /// When the whole limit is available again, if no mail is sent until then; null while it is.
    #[schema(format = DateTime, example = "2026-11-20T06:12:04Z")]
    resets_at: Option<String>,
}

impl From<LimitUse> for ApiLimitUse {
    fn from(used: LimitUse) -> Self {
        Self {
            period: used.period.as_str(),
            limit: used.limit,
            left: used.left,
            next_at: used.next_at.map(Timestamp::rfc3339),
            resets_at: used.resets_at.map(Timestamp::rfc3339),
        }
    }
}

/// The limits of an account or a token, and their use.
#[derive(Serialize, ToSchema)]
pub struct ApiLimits {
    /// The limits of mails; empty without any.
    messages: Vec<ApiLimitUse>,
    /// The maximum number of recipients of a mail; null without a limit.
    #[schema(example = 10)]
    max_recipients: Option<u32>,
}

impl ApiLimits {
    /// The use of the limits at `now`.
    pub fn of(quota: &SendingQuota, now: Timestamp) -> Self {
        Self {
            messages: quota.uses(now).into_iter().map(Into::into).collect(),
            max_recipients: quota.limits.max_recipients,
        }
    }
}

/// The limits that hold for the mail of a caller.
#[derive(Serialize, ToSchema)]
pub struct CallerLimits {
    /// The limits of the account.
    account: ApiLimits,
    /// The limits of the token; null for a session.
    token: Option<ApiLimits>,
}

/// The limits of an account or a token. Absent ones do not apply.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "max_per_hour": 100, "max_per_day": 1000, "max_recipients": 10 }))]
pub struct LimitsRequest {
    /// The maximum number of mails in any minute.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(minimum = 1, maximum = 100_000_000)]
    max_per_minute: Option<u32>,
    /// The maximum number of mails in any hour.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(minimum = 1, maximum = 100_000_000)]
    max_per_hour: Option<u32>,
    /// The maximum number of mails in any day.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(minimum = 1, maximum = 100_000_000)]
    max_per_day: Option<u32>,
    /// The maximum number of recipients of a mail.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(minimum = 1, maximum = 100)]
    max_recipients: Option<u32>,
}

impl From<LimitsRequest> for SendingLimits {
    fn from(request: LimitsRequest) -> Self {
        Self {
            max_per_minute: request.max_per_minute,
            max_per_hour: request.max_per_hour,
            max_per_day: request.max_per_day,
            max_recipients: request.max_recipients,
        }
    }
}

impl Administrative for LimitsRequest {
    const ACTION: Action = Action::ChangeLimits;
}

/// Read your limits
///
/// Reads the limits that apply to your own mail, and their use: the limits of the account, and those of
/// the token of the request. Both apply.
#[utoipa::path(
    get,
    path = "/api/limits",
    tag = "Messages",
    responses(
        (status = 200, description = "The limits", body = Success<CallerLimits>),
        Restricted,
        Always,
    )
)]
pub async fn own(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Success<CallerLimits>, Refused> {
    let limits = state.postern.limits();
    let own = limits.own(&actor).await?;
    let now = limits.now();
    Ok(Success::new(CallerLimits {
        account: ApiLimits::of(&own.account, now),
        token: own.token.map(|quota| ApiLimits::of(&quota, now)),
    }))
}

/// Read the limits of an account
#[utoipa::path(
    get,
    path = "/api/accounts/{id}/limits",
    tag = "Accounts",
    params(("id" = String, Path, description = "The id in the list")),
    responses(
        (status = 200, description = "The limits", body = Success<ApiLimits>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn of_account(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<ApiLimits>, Refused> {
    let limits = state.postern.limits();
    let quota = limits.of_account(&actor, &id).await?;
    Ok(Success::new(ApiLimits::of(&quota, limits.now())))
}

/// Replace the limits of an account
///
/// The limits apply to all mail of the account, over every interface, from the next mail on. The first
/// limits of an account apply on other nodes within a second. Mail that was sent before the first limit
/// is not counted.
#[utoipa::path(
    put,
    path = "/api/accounts/{id}/limits",
    tag = "Accounts",
    params(("id" = String, Path, description = "The id in the list")),
    request_body = LimitsRequest,
    responses(
        (status = 200, description = "Replaced", body = Success<ApiLimits>),
        Restricted,
        Missing,
        JsonRefused,
        Always,
    )
)]
pub async fn set_of_account(
    State(state): State<AppState>,
    PathParams(id): PathParams<String>,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<LimitsRequest>,
) -> Result<Success<ApiLimits>, Refused> {
    faults.into_result()?;
    let limits = state.postern.limits();
    let set = limits.set_of_account(&actor, &id, request.into()).await?;
    Ok(Success::new(ApiLimits::of(&set, limits.now())))
}

/// Replace the limits of a token
///
/// For administrators. A limit above that of the account has no effect, because both apply.
#[utoipa::path(
    put,
    path = "/api/tokens/{id}/limits",
    tag = "Tokens",
    params(("id" = String, Path, description = "The id in the list")),
    request_body = LimitsRequest,
    responses(
        (status = 200, description = "Replaced", body = Success<ApiLimits>),
        Restricted,
        Missing,
        JsonRefused,
        Always,
    )
)]
pub async fn set_of_token(
    State(state): State<AppState>,
    PathParams(id): PathParams<String>,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<LimitsRequest>,
) -> Result<Success<ApiLimits>, Refused> {
    faults.into_result()?;
    let limits = state.postern.limits();
    let set = limits.set_of_token(&actor, &id, request.into()).await?;
    Ok(Success::new(ApiLimits::of(&set, limits.now())))
}
