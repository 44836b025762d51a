//! `/api/relays/{id}/health` and `…/check`: the health of a relay with history, and a check now.

use axum::extract::State;
use domain::Timestamp;
use domain::health::{HISTORY_SHOWN, HealthFailure, HealthPeriod, HealthState, HealthView};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::state::AppState;
use crate::rest::request::extract::{PathParams, SignedIn};
use crate::rest::response::envelope::{Nothing, Refused, Success};
use crate::rest::response::errors::{Always, Missing, Restricted, Throttled};

/// The results of the checks of a relay.
#[derive(Serialize, ToSchema)]
pub struct ApiHealth {
    state: HealthState,
    /// When the state began: at the first check that showed it. Events of webhooks have the same value.
    #[schema(format = DateTime, example = "2026-11-20T05:00:00Z")]
    since: String,
    /// The time of the first failed check since the relay was healthy.
    #[schema(format = DateTime)]
    failing_since: Option<String>,
    /// The last failed check since the relay was healthy.
    failure: Option<HealthFailure>,
    /// The time of the last check.
    #[schema(format = DateTime, example = "2026-11-20T05:13:00Z")]
    checked_at: Option<String>,
    /// When the next check is due; null while a check runs.
    #[schema(format = DateTime, example = "2026-11-20T05:18:00Z")]
    next_check_at: Option<String>,
}

impl From<HealthView> for ApiHealth {
    fn from(view: HealthView) -> Self {
        Self {
            state: view.state,
            since: view.since.rfc3339(),
            failing_since: view.failing_since.map(Timestamp::rfc3339),
            failure: view.failure,
            checked_at: view.checked_at.map(Timestamp::rfc3339),
            next_check_at: view.next_check_at.map(Timestamp::rfc3339),
        }
    }
}

/// A period in which a relay was in one state.
#[derive(Serialize, ToSchema)]
pub struct ApiHealthPeriod {
    state: HealthState,
    #[schema(format = DateTime, example = "2026-11-20T05:00:00Z")]
    from: String,
    /// The end of the period; the present for the last period.
    #[schema(format = DateTime)]
    until: String,
}

impl From<HealthPeriod> for ApiHealthPeriod {
    fn from(period: HealthPeriod) -> Self {
        Self {
            state: period.state,
            from: period.from.rfc3339(),
            until: period.until.rfc3339(),
        }
    }
}

/// The health of a relay, and its history.
#[derive(Serialize, ToSchema)]
pub struct RelayHealthReport {
    /// The health; null for a relay that is not checked, because it is off or has no settings.
    health: Option<ApiHealth>,
    /// The states of the last 30 days, oldest first.
    history: Vec<ApiHealthPeriod>,
    /// The number of open connections to the relay, of all processes that deliver.
    #[schema(example = 2)]
    connections: u64,
}

/// Read the health of a relay
///
/// Returns the results of the checks, the states of the last 30 days, and the open connections. Every
/// account reads the health of its own relay, with `own` as the id.
#[utoipa::path(
    get,
    path = "/api/relays/{id}/health",
    tag = "Relays",
    params(("id" = String, Path, description = "The id in the list, or `own`")),
    responses(
        (status = 200, description = "The health", body = Success<RelayHealthReport>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn read(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<RelayHealthReport>, Refused> {
    let health = state.postern.health();
    let since = health.now() - HISTORY_SHOWN;
    let view = health.read(&actor, &id).await?;
    let history = health.history(&actor, &id, since).await?;
    let open = state.postern.outbox().connections(&actor).await?;
    let relay = view.as_ref().map_or(&id, |view| &view.relay_id);
    let connections = open.get(relay).copied().unwrap_or_default();
    Ok(Success::new(RelayHealthReport {
        health: view.map(Into::into),
        history: history.into_iter().map(Into::into).collect(),
        connections,
    }))
}

/// Check a relay now
///
/// The check runs within seconds: it connects and signs in, and sends no mail. Every account checks its
/// own relay, with `own` as the id.
#[utoipa::path(
    post,
    path = "/api/relays/{id}/check",
    tag = "Relays",
    params(("id" = String, Path, description = "The id in the list, or `own`")),
    responses(
        (status = 200, description = "The check is due", body = Success<Nothing>),
        Restricted,
        Missing,
        Throttled,
        Always,
    )
)]
pub async fn check(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<Nothing>, Refused> {
    state.postern.health().check_now(&actor, &id).await?;
    Ok(Success::new(Nothing {}))
}
