//! `/api/policy`: the organisation's policy, read and changed.

use axum::extract::State;
use domain::OrganisationPolicy;
use domain::account::policy::PolicyChange;
use engine::Action;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::state::AppState;
use crate::rest::request::extract::{AdminBody, Administrative, SignedIn};
use crate::rest::request::json::lenient;
use crate::rest::response::envelope::{Refused, Success};
use crate::rest::response::errors::{Always, JsonRefused, Restricted};

/// The organisation's policy.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, on or off"
)]
#[derive(Serialize, ToSchema)]
pub struct PolicyFields {
    /// Whether accounts may have a relay of their own. If not, existing own relays are not used.
    #[schema(example = true)]
    own_relays: bool,
    /// Whether mail fails over to the organisation's relays while the account's own relay takes none.
    fallback: bool,
    /// Whether administrators must sign in with a second factor.
    #[schema(example = true)]
    second_factor_for_administrators: bool,
    /// Whether messages may track how often they are opened, with `track_opens`.
    open_tracking: bool,
}

impl From<OrganisationPolicy> for PolicyFields {
    fn from(policy: OrganisationPolicy) -> Self {
        Self {
            own_relays: policy.own_relays,
            fallback: policy.fallback,
            second_factor_for_administrators: policy.second_factor_for_administrators,
            open_tracking: policy.open_tracking,
        }
    }
}

/// Read the policy
///
/// Reads what accounts may do.
#[utoipa::path(
    get,
    path = "/api/policy",
    tag = "Configuration",
    responses(
        (status = 200, description = "The policy", body = Success<PolicyFields>),
        Restricted,
        Always,
    )
)]
pub async fn read(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Success<PolicyFields>, Refused> {
    let policy = state.postern.policy().get(&actor).await?;
    Ok(Success::new(policy.into()))
}

/// Fields of the policy to change. Absent fields keep their value.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "own_relays": true, "fallback": false }))]
pub struct PolicyRequest {
    #[serde(default, deserialize_with = "lenient")]
    own_relays: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    fallback: Option<bool>,
    /// Whether administrators must sign in with a second factor. The account that requires it must have
    /// one itself.
    #[serde(default, deserialize_with = "lenient")]
    second_factor_for_administrators: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    open_tracking: Option<bool>,
}

impl Administrative for PolicyRequest {
    const ACTION: Action = Action::ChangePolicy;
}

/// Change the policy
///
/// The policy applies from the next message on, on other nodes within a second. The response has the new
/// policy.
#[utoipa::path(
    put,
    path = "/api/policy",
    tag = "Configuration",
    request_body = PolicyRequest,
    responses(
        (status = 200, description = "The policy", body = Success<PolicyFields>),
        Restricted,
        JsonRefused,
        Always,
    )
)]
pub async fn save(
    State(state): State<AppState>,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<PolicyRequest>,
) -> Result<Success<PolicyFields>, Refused> {
    faults.into_result()?;
    let change = PolicyChange {
        own_relays: request.own_relays,
        fallback: request.fallback,
        second_factor_for_administrators: request.second_factor_for_administrators,
        open_tracking: request.open_tracking,
    };
    let policy = state.postern.policy().save(&actor, change).await?;
    Ok(Success::new(policy.into()))
}
