//! `/api/policy/networks`: the networks from which administrators sign in and act.

use axum::extract::State;
use engine::{ADMINISTRATOR_NETWORKS, Action, NetworksChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::state::AppState;
use crate::rest::request::extract::{AdminBody, Administrative, SignedIn};
use crate::rest::request::json::lenient;
use crate::rest::response::envelope::{Refused, Success};
use crate::rest::response::errors::{Always, JsonRefused, Restricted};

/// The networks from which administrators sign in and act.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "networks": ["10.0.0.0/8", "192.0.2.7"] }))]
pub struct AdministratorNetworks {
    /// Networks and addresses. With an empty list every network is allowed.
    networks: Vec<String>,
}

/// The networks from which administrators may sign in and act.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "networks": ["10.0.0.0/8", "192.0.2.7"] }))]
pub struct NetworksRequest {
    /// Networks and addresses, at most 100. An empty list allows every network.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(required, nullable = false)]
    networks: Option<Vec<String>>,
    /// Whether to save a list that does not contain the address of the request. If it is absent or
    /// false, such a list is refused under this name.
    #[serde(default, deserialize_with = "lenient")]
    confirm_lockout: Option<bool>,
}

impl Administrative for NetworksRequest {
    const ACTION: Action = Action::ChangePolicy;
}

/// Read the networks of administrators
///
/// Sessions of administrators, and their tokens with the scope `read` or `admin`, are refused from other
/// networks. The address of a request is that of the connection, or the one that a trusted proxy
/// reports.
#[utoipa::path(
    get,
    path = "/api/policy/networks",
    tag = "Configuration",
    responses(
        (status = 200, description = "The networks", body = Success<AdministratorNetworks>),
        Restricted,
        Always,
    )
)]
pub async fn read(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Success<AdministratorNetworks>, Refused> {
    let accounts = state.postern.accounts();
    let networks = accounts.administrator_networks(&actor).await?;
    Ok(Success::new(AdministratorNetworks { networks }))
}

/// Replace the networks of administrators
///
/// The networks apply from the next request on, on other nodes within a second. The response has them
/// sorted and without duplicates.
#[utoipa::path(
    put,
    path = "/api/policy/networks",
    tag = "Configuration",
    request_body = NetworksRequest,
    responses(
        (status = 200, description = "The networks", body = Success<AdministratorNetworks>),
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
    }: AdminBody<NetworksRequest>,
) -> Result<Success<AdministratorNetworks>, Refused> {
    // The list is required: an absent one would otherwise allow every network.
    if request.networks.is_none() {
        faults.add_missing(ADMINISTRATOR_NETWORKS);
    }
    faults.into_result()?;
    let change = NetworksChange {
        networks: request.networks.unwrap_or_default(),
        confirm_lockout: request.confirm_lockout.unwrap_or_default(),
    };
    let accounts = state.postern.accounts();
    let networks = accounts.set_administrator_networks(&actor, change).await?;
    Ok(Success::new(AdministratorNetworks { networks }))
}
