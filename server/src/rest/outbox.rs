//! `/api/outbox`: the outbox at a glance, pausing delivery, and `/api/suppressions`.

use axum::extract::{Path, Query, State};
use domain::outbox::{Overview, Worker};
use domain::{Kind, Refusal, Timestamp};
use serde_json::{Value, json};

use super::body::JsonObject;
use super::envelope::{Refused, Success};
use super::messages::Asked;
use crate::http::{AppState, Caller};

/// Counts by state with the oldest of each, who delivers and what is in the way.
pub async fn read(State(state): State<AppState>, caller: Caller) -> Result<Success, Refused> {
    let overview = state.postern.outbox().overview(caller.signed_in()?).await?;
    Ok(Success::new(overview_json(&overview)))
}

fn overview_json(overview: &Overview) -> Value {
    let counts: serde_json::Map<String, Value> = overview
        .counts
        .iter()
        .map(|count| {
            let oldest = count.oldest.map(Timestamp::rfc3339);
            let value = json!({ "number": count.number, "oldest": oldest });
            (count.state.as_str().to_owned(), value)
        })
        .collect();
    let pause = overview
        .pause
        .as_ref()
        .map(|pause| json!({ "since": pause.since.map(Timestamp::rfc3339), "by": pause.by }));
    let workers: Vec<Value> = overview.workers.iter().map(worker).collect();
    json!({
        "counts": counts,
        "pause": pause,
        "configured": overview.configured,
        "workers": workers,
    })
}

fn worker(worker: &Worker) -> Value {
    let trouble = worker.trouble.as_ref().map(|trouble| {
        json!({
            "relay": trouble.relay,
            "failure": trouble.failure,
            "since": trouble.since.rfc3339(),
            "next_attempt": trouble.next.rfc3339(),
        })
    });
    json!({
        "host": worker.host,
        "connections": worker.connections,
        "delivered_per_minute": worker.per_minute,
        "median_milliseconds": worker.latency,
        "trouble": trouble,
    })
}

/// Holds everything, or ends that: `{"on": true}`.
pub async fn pause(
    State(state): State<AppState>,
    caller: Caller,
    body: Result<JsonObject, Refused>,
) -> Result<Success, Refused> {
    let actor = caller.signed_in()?;
    let Some(on) = body?.0.get("on").and_then(Value::as_bool) else {
        return Err(Refusal::of(Kind::Invalid, "on", "This is true or false.").into());
    };
    state.postern.outbox().pause_delivery(actor, on).await?;
    Ok(Success::new(json!({})))
}

/// Addresses that are not sent to because a relay said there are none, 200 at most.
pub async fn suppressions(
    State(state): State<AppState>,
    caller: Caller,
    Query(asked): Asked,
) -> Result<Success, Refused> {
    let prefix = asked.iter().find(|(name, _)| name == "address");
    let prefix = prefix.map_or("", |(_, value)| value.as_str());
    let listed = state
        .postern
        .outbox()
        .suppressions(caller.signed_in()?, prefix)
        .await?;
    let listed: Vec<Value> = listed
        .iter()
        .map(|listed| {
            json!({
                "address": listed.address,
                "reply": listed.reply,
                "listed": listed.listed.rfc3339(),
                "id": listed.id,
            })
        })
        .collect();
    Ok(Success::new(listed.into()))
}

/// Sends to an address again.
pub async fn remove_suppression(
    State(state): State<AppState>,
    caller: Caller,
    Path(address): Path<String>,
) -> Result<Success, Refused> {
    let actor = caller.signed_in()?;
    state
        .postern
        .outbox()
        .remove_suppression(actor, &address)
        .await?;
    Ok(Success::new(json!({})))
}
