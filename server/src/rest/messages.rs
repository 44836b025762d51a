//! `/api/messages`: mail that was handed over, found, looked at and acted on.

use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use domain::outbox::{
    DeliveryEvent, MessageAction, MessageView, OutboxRow, RecipientView, Search, Selection,
};
use domain::{Kind, Refusal, Timestamp};
use serde_json::{Map, Value, json};

use super::body::JsonObject;
use super::envelope::{Refused, Success};
use crate::http::{AppState, Caller};

/// Name and value, as they stand behind the `?`.
pub type Asked = Query<Vec<(String, String)>>;

/// Lines that match, newest first, fifty at a time; `next` is what `before` has to be for more.
pub async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(asked): Asked,
) -> Result<Success, Refused> {
    let actor = caller.signed_in()?;
    let given = asked.iter().filter(|(_, value)| !value.is_empty());
    let pairs = given.map(|(name, value)| (name.as_str(), value.as_str()));
    let (search, before) = Search::read_from(pairs)?;
    let page = state
        .postern
        .outbox()
        .page(actor, &search, before.as_ref())
        .await?;
    let lines: Vec<Value> = page.lines.iter().map(line).collect();
    let next = page.next.map(|next| next.to_string());
    Ok(Success::new(lines.into()).beside("next", json!(next)))
}

fn line(line: &OutboxRow) -> Value {
    json!({
        "id": line.id,
        "recipient": line.position,
        "accepted": line.accepted.rfc3339(),
        "from": line.from,
        "to": line.to,
        "subject": line.subject,
        "state": line.state,
        "leased": line.leased,
        "attempts": line.attempts,
        "next_attempt": line.due.map(Timestamp::rfc3339),
        "reply": line.reply,
    })
}

/// One message: state, attempts and last reply of each recipient, and all that happened.
pub async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Success, Refused> {
    let message = state
        .postern
        .outbox()
        .message(caller.signed_in()?, &id)
        .await?;
    Ok(Success::new(message_json(&message)))
}

fn message_json(message: &MessageView) -> Value {
    let recipients: Vec<Value> = message.recipients.iter().map(recipient).collect();
    json!({
        "id": message.id,
        "accepted": message.accepted.rfc3339(),
        "by": message.by,
        "from": message.from,
        "subject": message.subject,
        "message_id": message.message_id,
        "size": message.size,
        "kept": message.kept,
        "recipients": recipients,
    })
}

fn recipient(row: &RecipientView) -> Value {
    let timeline: Vec<Value> = row.timeline.iter().map(event).collect();
    let last = row
        .timeline
        .iter()
        .rev()
        .find(|last| !last.reply.is_empty());
    json!({
        "recipient": row.position,
        "address": row.address,
        "state": row.state,
        "leased": row.leased,
        "attempts": row.attempts,
        "next_attempt": row.due.map(Timestamp::rfc3339),
        "reply": last.map(|last| &last.reply),
        "timeline": timeline,
    })
}

fn event(event: &DeliveryEvent) -> Value {
    json!({
        "at": event.at.rfc3339(),
        "kind": event.kind,
        "by": event.by,
        "reply": event.reply,
        "milliseconds": event.took,
        "may_have_arrived": event.may_have_arrived,
    })
}

/// The mail itself, byte for byte as it is sent; for administrators.
pub async fn source(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let bytes = state
        .postern
        .outbox()
        .message_bytes(caller.signed_in()?, &id)
        .await?;
    let head = [
        (CONTENT_TYPE, "message/rfc822"),
        (CONTENT_DISPOSITION, "attachment; filename=\"mail.eml\""),
    ];
    Ok((head, bytes).into_response())
}

/// Retries, cancels, holds or releases one message, for all its recipients.
pub async fn act_on_one(
    State(state): State<AppState>,
    caller: Caller,
    Path((id, act)): Path<(String, String)>,
) -> Result<Success, Refused> {
    let actor = caller.signed_in()?;
    let act: MessageAction = act
        .parse()
        .map_err(|fault| Refusal::of(Kind::NotFound, "act", fault))?;
    let selection = Selection::Message(id.to_ascii_uppercase());
    let number = state
        .postern
        .outbox()
        .act(actor, act, &selection, None)
        .await?;
    Ok(Success::new(json!({ "number": number })))
}

/// Does `{"act": "retry", "matching": {…}}` with all that match. Without `number` it only tells how
/// many that would be; with it, it is done if they are no more than that.
pub async fn act_on_many(
    State(state): State<AppState>,
    caller: Caller,
    body: Result<JsonObject, Refused>,
) -> Result<Success, Refused> {
    let actor = caller.signed_in()?;
    let (act, search, number) = asked(body?.0)?;
    let selection = Selection::Matching(search);
    let (number, done) = match number {
        None => (
            state
                .postern
                .outbox()
                .count_act(actor, act, &selection)
                .await?,
            false,
        ),
        agreed => (
            state
                .postern
                .outbox()
                .act(actor, act, &selection, agreed)
                .await?,
            true,
        ),
    };
    Ok(Success::new(json!({ "number": number, "done": done })))
}

fn asked(mut body: Map<String, Value>) -> Result<(MessageAction, Search, Option<i64>), Refusal> {
    let mut faults = Refusal::invalid();
    let act = match body.remove("act") {
        Some(Value::String(act)) => act.parse::<MessageAction>(),
        _ => "".parse(),
    };
    if let Err(fault) = act {
        faults.add("act", fault);
    }
    let search = match body.remove("matching") {
        Some(Value::Object(matching)) => search(&matching, &mut faults),
        _ => {
            faults.add(
                "matching",
                "This is an object of what has to match; an empty one matches everything.",
            );
            Search::default()
        }
    };
    let number = match body.remove("number") {
        None => None,
        Some(number) => {
            let number = number.as_i64();
            if number.is_none() {
                faults.add("number", "This is the number of mails that you agree to.");
            }
            number
        }
    };
    for name in body.keys() {
        faults.add(name, "There is no such field.");
    }
    match act {
        Ok(act) if faults.fields.is_empty() => Ok((act, search, number)),
        _ => Err(faults),
    }
}

fn search(matching: &Map<String, Value>, faults: &mut Refusal) -> Search {
    const NAMES: [&str; 6] = ["address", "subject", "id", "state", "since", "until"];
    let mut pairs = Vec::new();
    for (name, value) in matching {
        match value {
            _ if !NAMES.contains(&name.as_str()) => faults.add(name, "There is no such field."),
            Value::String(text) => pairs.push((name.as_str(), text.as_str())),
            _ => faults.add(name, "This is a string."),
        }
    }
    Search::read(pairs.into_iter()).unwrap_or_else(|refusal| {
        faults.fields.extend(refusal.fields);
        Search::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::outbox::RecipientState;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn an_act_says_what_it_is_meant_for() {
        let body = json!({ "act": "retry", "matching": { "state": "failed" }, "number": 3 });
        let (act, search, number) = asked(object(body)).expect("understood");
        assert_eq!(
            (act, search.state, number),
            (MessageAction::Retry, Some(RecipientState::Failed), Some(3))
        );
        for (body, fields) in [
            (json!({}), &["act", "matching"][..]),
            (json!({ "act": "lose", "matching": {} }), &["act"]),
            // What is mistyped must not match everything.
            (
                json!({ "act": "cancel", "matching": { "adress": "a@" } }),
                &["adress"],
            ),
            (
                json!({ "act": "cancel", "matching": { "state": "lost" } }),
                &["state"],
            ),
            (
                json!({ "act": "hold", "matching": {}, "number": "all" }),
                &["number"],
            ),
            (
                json!({ "act": "hold", "matching": {}, "all": true }),
                &["all"],
            ),
        ] {
            let refusal = asked(object(body)).expect_err("refused");
            assert_eq!(refusal.fields.keys().collect::<Vec<_>>(), fields);
        }
    }
}
