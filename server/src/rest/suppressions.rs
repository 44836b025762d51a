//! `/api/suppressions`: addresses mail is not sent to, listed and removed.

use axum::extract::State;
use domain::outbox;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::envelope::{Nothing, Refused, Success};
use super::errors::{Always, Missing, ParametersRefused, Restricted};
use super::extract::{PathParams, QueryParams, SignedIn};
use crate::http::AppState;

/// An address that a relay refused permanently: mail to it fails without an attempt.
#[derive(Serialize, ToSchema)]
pub struct Suppression {
    address: String,
    /// The reply of the relay.
    reply: String,
    #[schema(format = DateTime)]
    listed: String,
    /// The id of the message that was refused.
    id: String,
}

impl From<outbox::Suppression> for Suppression {
    fn from(listed: outbox::Suppression) -> Self {
        Self {
            address: listed.address,
            reply: listed.reply,
            listed: listed.listed.rfc3339(),
            id: listed.id,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SuppressionQuery {
    /// A prefix of the address.
    #[serde(default)]
    address: String,
}

/// List suppressions
///
/// The suppression list in the order of its addresses, 200 at most.
#[utoipa::path(
    get,
    path = "/api/suppressions",
    tag = "Outbox",
    params(SuppressionQuery),
    responses(
        (status = 200, description = "The suppressions", body = Success<Vec<Suppression>>),
        Restricted,
        ParametersRefused,
        Always,
    )
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    QueryParams(SuppressionQuery { address }): QueryParams<SuppressionQuery>,
) -> Result<Success<Vec<Suppression>>, Refused> {
    let listed = state
        .postern
        .outbox()
        .suppressions(&actor, &address)
        .await?;
    Ok(Success::new(listed.into_iter().map(Into::into).collect()))
}

/// Remove a suppression
///
/// Mail to this address is sent again.
#[utoipa::path(
    delete,
    path = "/api/suppressions/{address}",
    tag = "Outbox",
    params(("address" = String, Path, description = "The address, in any case")),
    responses(
        (status = 200, description = "Removed", body = Success<Nothing>),
        Restricted,
        Missing,
        ParametersRefused,
        Always,
    )
)]
pub async fn remove(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(address): PathParams<String>,
) -> Result<Success<Nothing>, Refused> {
    state
        .postern
        .outbox()
        .remove_suppression(&actor, &address)
        .await?;
    Ok(Success::new(Nothing {}))
}
