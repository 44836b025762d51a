//! `/api/status`: whether mail can leave now, for monitoring.

use axum::extract::State;
use domain::Timestamp;
use domain::home::MailStatus;
use serde::Serialize;
use utoipa::ToSchema;

use super::request::extract::SignedIn;
use super::response::envelope::{Refused, Success};
use super::response::errors::{Always, Restricted};
use crate::http::state::AppState;

/// Whether mail can leave.
#[derive(Serialize, ToSchema)]
pub struct StatusFields {
    /// Whether mail can leave; true also if some relays are down and others take mail.
    #[schema(example = true)]
    can_leave: bool,
    /// The state: `not_configured`, `paused`, `no_worker`, `stopped`, `partial`, `unchecked` or
    /// `running`.
    #[schema(value_type = String, example = "running")]
    state: &'static str,
    /// When the state began; null if that is not known.
    #[schema(format = DateTime, example = "2026-11-20T05:00:00Z")]
    since: Option<String>,
    /// The state in a sentence.
    #[schema(example = "Mail can leave.")]
    reason: String,
}

impl From<MailStatus> for StatusFields {
    fn from(status: MailStatus) -> Self {
        Self {
            can_leave: status.can_leave(),
            state: status.as_str(),
            since: status.since().map(Timestamp::rfc3339),
            reason: status.sentence(),
        }
    }
}

/// Read whether mail can leave
///
/// Derives the state from the pause, the processes that deliver, and the health of the relays.
/// Administrators see that of all mail, other accounts that of their own.
#[utoipa::path(
    get,
    path = "/api/status",
    tag = "Outbox",
    responses(
        (status = 200, description = "The status", body = Success<StatusFields>),
        Restricted,
        Always,
    )
)]
pub async fn read(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Success<StatusFields>, Refused> {
    let status = state.postern.home().status(&actor).await?;
    Ok(Success::new(status.into()))
}
