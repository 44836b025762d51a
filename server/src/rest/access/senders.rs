//! `/api/senders` and `/api/accounts/{id}/senders`: what accounts send from.

use axum::extract::State;
use domain::Timestamp;
use engine::{Action, SenderState, SenderView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::state::AppState;
use crate::rest::request::extract::{AdminBody, Administrative, JsonBody, PathParams, SignedIn};
use crate::rest::request::json::lenient;
use crate::rest::response::envelope::{Nothing, Refused, Success};
use crate::rest::response::errors::{Allowed, Always, JsonRefused, Missing, Restricted, Throttled};

/// The state of a sender address: `own`, the address of the account; `confirmed` by its holder;
/// `administrator`, added by an administrator; `waiting` for the confirmation of its holder; `expired`,
/// because the mailed link has expired. The account may send from an address in the first three states
/// only.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(example = "confirmed")]
enum ApiSenderState {
    Own,
    Confirmed,
    Administrator,
    Waiting,
    Expired,
}

impl From<SenderState> for ApiSenderState {
    fn from(state: SenderState) -> Self {
        match state {
            SenderState::Own => Self::Own,
            SenderState::Confirmed => Self::Confirmed,
            SenderState::Administrator => Self::Administrator,
            SenderState::Waiting => Self::Waiting,
            SenderState::Expired => Self::Expired,
        }
    }
}

/// An address or a domain of an account.
#[derive(Serialize, ToSchema)]
pub struct ApiSender {
    /// The id; null for the address of the account itself, which cannot be removed.
    #[schema(example = "01M3XT1500E8F0G2H4J6K8M1N3")]
    id: Option<String>,
    /// The address or the domain.
    #[schema(example = "team@example.org")]
    address: String,
    /// Whether it is a domain, which stands for every address of it, but not for its subdomains.
    domain: bool,
    state: ApiSenderState,
    /// When it was added; null for the address of the account itself.
    #[schema(format = DateTime, example = "2026-11-20T05:00:00Z")]
    added: Option<String>,
    /// The account that added it. Accounts that are not administrators see `an administrator`, or
    /// themselves.
    #[schema(example = "jonas@example.org")]
    added_by: Option<String>,
    /// The time since which mail may be sent from it; null while it may not.
    #[schema(format = DateTime, example = "2026-11-20T05:13:30Z")]
    confirmed: Option<String>,
    /// When the mailed link expires; null after its use.
    #[schema(format = DateTime)]
    expires: Option<String>,
}

impl From<SenderView> for ApiSender {
    fn from(view: SenderView) -> Self {
        let time = |at: Option<Timestamp>| at.map(Timestamp::rfc3339);
        let (added, added_by) = match view.added {
            Some(added) => (Some(added.at), Some(added.by)),
            None => (None, None),
        };
        Self {
            id: Some(view.id).filter(|id| !id.is_empty()),
            address: view.address,
            domain: view.is_domain,
            state: view.state.into(),
            added: time(added),
            added_by,
            confirmed: time(view.confirmed),
            expires: time(view.expires),
        }
    }
}

/// An address to add; an administrator may add a whole domain to an account, as in `example.org`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "address": "team@example.org" }))]
pub struct SenderRequest {
    #[serde(default, deserialize_with = "lenient")]
    #[schema(required, nullable = false)]
    address: Option<String>,
}

impl Administrative for SenderRequest {
    const ACTION: Action = Action::AddSender;
}

/// List your sender addresses
///
/// Lists the addresses and domains that your account may send from, its own address first. Mail without
/// `from` has the From address of its relay.
#[utoipa::path(
    get,
    path = "/api/senders",
    tag = "Senders",
    responses(
        (status = 200, description = "The addresses and domains", body = Success<Vec<ApiSender>>),
        Restricted,
        Always,
    )
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Success<Vec<ApiSender>>, Refused> {
    let listed = state.postern.senders().own(&actor).await?;
    Ok(Success::new(listed.into_iter().map(Into::into).collect()))
}

/// Add a sender address
///
/// A link is mailed to the address, with which its holder confirms it, once, within 7 days. If the
/// address is added again, another link is mailed and the previous one becomes invalid. An account can
/// request at most 10 such mails, and 3 to one address, an hour. A token needs the scope `admin`, and
/// may have no expiry, senders or highest priority.
#[utoipa::path(
    post,
    path = "/api/senders",
    tag = "Senders",
    request_body = SenderRequest,
    responses(
        (status = 200, description = "Mailed", body = Success<ApiSender>),
        Restricted,
        Allowed,
        JsonRefused,
        Throttled,
        Always,
    )
)]
pub async fn add(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    JsonBody { request, faults }: JsonBody<SenderRequest>,
) -> Result<Success<ApiSender>, Refused> {
    if request.address.is_none() {
        faults.add_missing("address");
    }
    faults.into_result()?;
    let address = request.address.unwrap_or_default();
    let added = state.postern.senders().add(&actor, &address).await?;
    Ok(Success::new(added.into()))
}

/// Remove a sender address
///
/// Mail from the address is refused within a second, on all nodes.
#[utoipa::path(
    delete,
    path = "/api/senders/{id}",
    tag = "Senders",
    params(("id" = String, Path, description = "The id in the list")),
    responses(
        (status = 200, description = "Removed", body = Success<Nothing>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn remove(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<Nothing>, Refused> {
    state.postern.senders().remove(&actor, &id).await?;
    Ok(Success::new(Nothing {}))
}

/// List the sender addresses of an account
#[utoipa::path(
    get,
    path = "/api/accounts/{id}/senders",
    tag = "Senders",
    params(("id" = String, Path, description = "The id of the account")),
    responses(
        (status = 200, description = "The addresses and domains", body = Success<Vec<ApiSender>>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn list_of_account(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<Vec<ApiSender>>, Refused> {
    let listed = state.postern.senders().of_account(&actor, &id).await?;
    Ok(Success::new(listed.into_iter().map(Into::into).collect()))
}

/// Add a sender address or a domain to an account
///
/// The address may be used at once, without a mailed link. A domain stands for every address of it, but
/// not for its subdomains.
#[utoipa::path(
    post,
    path = "/api/accounts/{id}/senders",
    tag = "Senders",
    params(("id" = String, Path, description = "The id of the account")),
    request_body = SenderRequest,
    responses(
        (status = 200, description = "Added", body = Success<ApiSender>),
        Restricted,
        Missing,
        Allowed,
        JsonRefused,
        Always,
    )
)]
pub async fn add_to_account(
    State(state): State<AppState>,
    PathParams(id): PathParams<String>,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<SenderRequest>,
) -> Result<Success<ApiSender>, Refused> {
    if request.address.is_none() {
        faults.add_missing("address");
    }
    faults.into_result()?;
    let address = request.address.unwrap_or_default();
    let senders = state.postern.senders();
    let added = senders.add_for(&actor, &id, &address).await?;
    Ok(Success::new(added.into()))
}

/// Remove a sender address or a domain of an account
#[utoipa::path(
    delete,
    path = "/api/accounts/{id}/senders/{sender}",
    tag = "Senders",
    params(
        ("id" = String, Path, description = "The id of the account"),
        ("sender" = String, Path, description = "The id in the list"),
    ),
    responses(
        (status = 200, description = "Removed", body = Success<Nothing>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn remove_from_account(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams((id, sender)): PathParams<(String, String)>,
) -> Result<Success<Nothing>, Refused> {
    let senders = state.postern.senders();
    senders.remove_for(&actor, &id, &sender).await?;
    Ok(Success::new(Nothing {}))
}
