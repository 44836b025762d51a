//! `/api/outbox`: message counts, delivery processes and the pause.

use std::collections::BTreeMap;

use axum::extract::State;
use domain::outbox::{
    self, BackoffView, BulkActionState, Count, MessageAction, Overview, RelayState, Worker,
};
use domain::{Failure, Timestamp};
use engine::Action;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::state::AppState;
use crate::rest::request::extract::{AdminBody, Administrative, SignedIn};
use crate::rest::request::json::lenient;
use crate::rest::response::envelope::{Nothing, Refused, Success};
use crate::rest::response::errors::{Always, JsonRefused, Restricted};

/// A summary of the outbox.
#[derive(Serialize, ToSchema)]
pub struct OutboxOverview {
    /// The counts by state. Delivered and cancelled mail counts for 24 hours after its acceptance.
    #[schema(example = json!({ "queued": { "number": 3, "oldest": "2026-11-20T05:13:30Z" } }))]
    counts: BTreeMap<&'static str, StateCount>,
    /// The pause of delivery; null if delivery is not paused.
    pause: Option<Pause>,
    /// Whether a configuration is saved.
    #[schema(example = true)]
    configured: bool,
    /// The processes that deliver. Without one, mail stays queued.
    workers: Vec<DeliveryProcess>,
    /// The action on more than 1,000 recipients that the process that answers is running, or that ended
    /// within 5 minutes. Null for accounts that are not administrators.
    act: Option<BulkAction>,
    /// The limit of suppressions, if the relay of the saved configuration has reached it, so that no
    /// more addresses are suppressed. Null otherwise, and for accounts that are not administrators.
    suppression_limit: Option<SuppressionLimit>,
}

/// The limit of addresses that a relay adds to the suppression list within 24 hours.
#[derive(Serialize, ToSchema)]
struct SuppressionLimit {
    /// The number of addresses that the relay has added.
    listed: i64,
    /// The limit: 5 % of the recipients of the relay, but at least 20.
    limit: i64,
}

/// An action on many messages.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkAct)]
struct BulkAction {
    act: MessageAction,
    /// The account that requested the action.
    by: String,
    /// The number of recipients that was confirmed.
    number: i64,
    /// The number of recipients changed so far.
    done: i64,
    state: BulkActionState,
    /// When the action began; for one that ended, when it ended.
    #[schema(format = DateTime)]
    at: String,
}

/// The number of recipients in a state.
#[derive(Serialize, ToSchema)]
struct StateCount {
    number: i64,
    /// When the oldest was accepted.
    #[schema(format = DateTime)]
    oldest: Option<String>,
}

/// Delivery is paused.
#[derive(Serialize, ToSchema)]
struct Pause {
    /// When delivery was paused; null if a process was started with `--hold-mail`. Then only a restart
    /// of that process without the option ends the pause, 20 s later if the process was killed.
    #[schema(format = DateTime)]
    since: Option<String>,
    /// The account or local user that paused delivery; `postern restore` and the time of the backup if
    /// one was restored; `postern migrate` if the database was moved to another one; if `since` is null,
    /// the host of the process with `--hold-mail`.
    by: String,
}

/// A process that delivers, from its last heartbeat.
#[derive(Serialize, ToSchema)]
struct DeliveryProcess {
    /// The name of its machine.
    #[schema(example = "mail-1")]
    host: String,
    /// The number of open connections to relays.
    #[schema(example = 4)]
    connections: i64,
    /// Recipients, within the last minute.
    #[schema(example = 118)]
    delivered_per_minute: i64,
    /// The latency from acceptance to delivery in the last minute.
    #[schema(example = 840)]
    median_milliseconds: Option<i64>,
    /// The number of relays that the process delivers to.
    #[schema(example = 1)]
    relays: i64,
    /// The relays that the process backs off from, and those whose last attempt failed.
    #[schema(example = json!([]))]
    backoffs: Vec<BackingOffRelay>,
}

/// A relay that is not healthy, and the reason.
#[derive(Serialize, ToSchema)]
struct BackingOffRelay {
    /// The host and port of the relay.
    relay: String,
    /// The state. With `half_open` the backoff is over, and the next mail tries the relay again.
    state: RelayState,
    /// The last failure.
    failure: Failure,
    /// The time of the first failure since the last success.
    #[schema(format = DateTime)]
    since: String,
    /// The end of the backoff, which is in the past if the backoff is over.
    #[schema(format = DateTime)]
    next_attempt: String,
}

impl From<Overview> for OutboxOverview {
    fn from(overview: Overview) -> Self {
        let counts = overview.counts.into_iter();
        Self {
            counts: counts
                .map(|count| (count.state.as_str(), count.into()))
                .collect(),
            pause: overview.pause.map(Into::into),
            configured: overview.configured,
            workers: overview.workers.into_iter().map(Into::into).collect(),
            act: overview.act.map(Into::into),
            suppression_limit: overview.suppression_limit.map(Into::into),
        }
    }
}

impl From<outbox::BulkAction> for BulkAction {
    fn from(bulk: outbox::BulkAction) -> Self {
        Self {
            act: bulk.action,
            by: bulk.by,
            number: bulk.number,
            done: bulk.done,
            state: bulk.state,
            at: bulk.at.rfc3339(),
        }
    }
}

impl From<outbox::SuppressionLimit> for SuppressionLimit {
    fn from(reached: outbox::SuppressionLimit) -> Self {
        Self {
            listed: reached.listed,
            limit: reached.limit,
        }
    }
}

impl From<Count> for StateCount {
    fn from(count: Count) -> Self {
        Self {
            number: count.number,
            oldest: count.oldest.map(Timestamp::rfc3339),
        }
    }
}

impl From<outbox::Pause> for Pause {
    fn from(pause: outbox::Pause) -> Self {
        Self {
            since: pause.since.map(Timestamp::rfc3339),
            by: pause.by,
        }
    }
}

impl From<Worker> for DeliveryProcess {
    fn from(worker: Worker) -> Self {
        Self {
            host: worker.host,
            connections: worker.connections,
            delivered_per_minute: worker.per_minute,
            median_milliseconds: worker.latency.map(|latency| latency.as_millis() as i64),
            relays: worker.relays,
            backoffs: worker.backoffs.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<BackoffView> for BackingOffRelay {
    fn from(backoff: BackoffView) -> Self {
        Self {
            relay: backoff.relay,
            state: backoff.state,
            failure: backoff.failure,
            since: backoff.since.rfc3339(),
            next_attempt: backoff.next.rfc3339(),
        }
    }
}

/// Read the state of the outbox
///
/// Returns message counts by state with the age of the oldest, the processes that deliver, and the
/// relays that they back off from or whose last attempt failed.
#[utoipa::path(
    get,
    path = "/api/outbox",
    tag = "Outbox",
    responses(
        (status = 200, description = "The overview", body = Success<OutboxOverview>),
        Restricted,
        Always,
    )
)]
pub async fn read(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Success<OutboxOverview>, Refused> {
    let overview = state.postern.outbox().overview(&actor).await?;
    Ok(Success::new(overview.into()))
}

/// Whether delivery is paused.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "on": true }))]
pub struct PauseRequest {
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = bool, required)]
    on: Option<bool>,
}

impl Administrative for PauseRequest {
    const ACTION: Action = Action::PauseDelivery;
}

/// Pause or resume delivery
///
/// Mail that is accepted during a pause is `held`, also after delivery resumes: release it with
/// `POST /api/messages/act`. Mail that was queued before the pause is sent when delivery resumes. The request
/// does not end a pause by `--hold-mail` of any process.
#[utoipa::path(
    post,
    path = "/api/outbox/pause",
    tag = "Outbox",
    request_body = PauseRequest,
    responses(
        (status = 200, description = "Done", body = Success<Nothing>),
        Restricted,
        JsonRefused,
        Always,
    )
)]
pub async fn pause(
    State(state): State<AppState>,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<PauseRequest>,
) -> Result<Success<Nothing>, Refused> {
    if request.on.is_none() {
        faults.add_missing("on");
    }
    faults.into_result()?;
    let on = request.on.unwrap_or_default();
    state.postern.outbox().pause_delivery(&actor, on).await?;
    Ok(Success::new(Nothing {}))
}
