//! `/api/suppressions`: addresses mail is not sent to, listed and removed.

use axum::extract::State;
use domain::outbox::{self, SuppressionSearch};
use domain::{Fields, Refusal};
use engine::Action;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::state::AppState;
use crate::rest::request::extract::{AdminBody, Administrative, PathParams, QueryPairs, SignedIn};
use crate::rest::request::json::{Faults, lenient};
use crate::rest::response::envelope::{Nothing, Refused, Success};
use crate::rest::response::errors::{Always, Conflicting, JsonRefused, Missing, Restricted};

/// An address that a relay refused permanently. Mail to the address fails without an attempt.
#[derive(Serialize, ToSchema)]
pub struct Suppression {
    #[schema(example = "unknown@example.org")]
    address: String,
    /// The host and port of the relay; empty in entries of earlier versions.
    #[schema(example = "smtp.example.org:587")]
    relay: String,
    /// The reply of the relay.
    #[schema(example = "550 5.1.1 No such user")]
    reply: String,
    #[schema(format = DateTime)]
    listed: String,
    /// When mail to the address is sent again.
    #[schema(format = DateTime, example = "2027-05-19T05:13:30Z")]
    expires: String,
    /// The id of the message that was refused.
    #[schema(example = "01M7VN6S40K7W3P9R5S1T8VXYZ")]
    id: String,
}

impl From<outbox::Suppression> for Suppression {
    fn from(listed: outbox::Suppression) -> Self {
        Self {
            address: listed.address,
            relay: listed.relay,
            reply: listed.reply,
            listed: listed.listed.rfc3339(),
            expires: listed.expires.rfc3339(),
            id: listed.id,
        }
    }
}

/// List suppressions
///
/// Lists the suppression list in the order of its addresses, 200 at most.
#[utoipa::path(
    get,
    path = "/api/suppressions",
    tag = "Outbox",
    params(SuppressionSearch),
    responses(
        (status = 200, description = "The suppressions", body = Success<Vec<Suppression>>),
        Restricted,
        Always,
    )
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    QueryPairs(query): QueryPairs,
) -> Result<Success<Vec<Suppression>>, Refused> {
    let search: SuppressionSearch = Fields::of(&query).read(Fields::decode)?;
    let listed = state.postern.outbox().suppressions(&actor, &search).await?;
    Ok(Success::new(listed.into_iter().map(Into::into).collect()))
}

/// Remove a suppression
///
/// Removes the address from the list, so that mail to it is sent again.
#[utoipa::path(
    delete,
    path = "/api/suppressions/{address}",
    tag = "Outbox",
    params(("address" = String, Path, description = "The address, case-insensitive")),
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
    PathParams(address): PathParams<String>,
) -> Result<Success<Nothing>, Refused> {
    state
        .postern
        .outbox()
        .remove_suppression(&actor, &address)
        .await?;
    Ok(Success::new(Nothing {}))
}

/// The removal of every suppression that matches.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "matching": { "reply": "5.1.2" } }))]
pub struct RemovalRequest {
    /// The criteria of a search. An empty object matches every suppression.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = SuppressionSearch, required)]
    matching: Option<SuppressionSearch>,
    /// The maximum number of suppressions to remove. If it is absent, no suppression is removed, and the
    /// response has the number of those that would be.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(minimum = 0)]
    number: Option<i64>,
}

impl Administrative for RemovalRequest {
    const ACTION: Action = Action::RemoveSuppression;
}

/// The number of suppressions that were removed, or would be.
#[derive(Serialize, ToSchema)]
pub struct BulkRemovalResult {
    #[schema(example = 3)]
    number: i64,
    /// Whether the suppressions were removed.
    #[schema(example = true)]
    done: bool,
}

/// Remove every suppression that matches
///
/// Without `number` nothing is removed, and the response has the number of those that match. With it
/// they are removed; if more match by now, the request is refused with 409. For administrators.
#[utoipa::path(
    post,
    path = "/api/suppressions/remove",
    tag = "Outbox",
    request_body = RemovalRequest,
    responses(
        (status = 200, description = "Removed, or counted", body = Success<BulkRemovalResult>),
        Restricted,
        Conflicting,
        JsonRefused,
        Always,
    )
)]
pub async fn remove_matching(
    State(state): State<AppState>,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<RemovalRequest>,
) -> Result<Success<BulkRemovalResult>, Refused> {
    let confirmed = request.number;
    let search = request.validate(faults)?;
    let outbox = state.postern.outbox();
    let number = match confirmed {
        None => outbox.count_suppressions(&actor, &search).await?,
        Some(confirmed) => {
            outbox
                .remove_suppressions(&actor, &search, confirmed)
                .await?
        }
    };
    let done = confirmed.is_some();
    Ok(Success::new(BulkRemovalResult { number, done }))
}

impl RemovalRequest {
    fn validate(self, faults: Faults) -> Result<SuppressionSearch, Refusal> {
        if self.matching.is_none() && !faults.has("matching") {
            let text = "This is an object of search conditions; an empty one matches everything.";
            faults.add("matching", text);
        }
        if self.number.is_some_and(|number| number < 0) {
            faults.add("number", "This is 0 at least.");
        }
        faults.into_result()?;
        Ok(self.matching.unwrap_or_default())
    }
}
