//! `/api/messages/…/{act}`: retries, cancels, holds and releases messages.

use axum::extract::State;
use domain::outbox::{MessageAction, Search, Selection};
use domain::{Kind, Refusal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::envelope::{Refused, Success};
use super::errors::{
    Always, Conflicting, JsonRefused, Missing, ParametersRefused, Restricted, Throttled,
};
use super::extract::{JsonBody, PathParams, SignedIn};
use super::json::{Faults, lenient};
use super::messages::MessageQuery;
use crate::http::AppState;

/// The number of recipients that an action changed.
#[derive(Serialize, ToSchema)]
pub struct Acted {
    number: i64,
}

/// Act on a message
///
/// Retries, cancels, holds or releases it for all its recipients in the states that the action
/// applies to. For administrators.
#[utoipa::path(
    post,
    path = "/api/messages/{id}/{act}",
    tag = "Messages",
    params(
        ("id" = String, Path, description = "The message"),
        ("act" = MessageAction, Path, description = "What to do")
    ),
    responses(
        (status = 200, description = "Done", body = Success<Acted>),
        Restricted,
        Missing,
        ParametersRefused,
        Always,
    )
)]
pub async fn act_on_one(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams((id, act)): PathParams<(String, String)>,
) -> Result<Success<Acted>, Refused> {
    let act: MessageAction = act
        .parse()
        .map_err(|fault| Refusal::of(Kind::NotFound, "act", fault))?;
    let selection = Selection::Message(id.to_ascii_uppercase());
    let number = state
        .postern
        .outbox()
        .act(&actor, act, &selection, None)
        .await?;
    Ok(Success::new(Acted { number }))
}

/// An action on every message that matches.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "act": "retry", "matching": { "state": "failed" } }))]
pub struct ActRequest {
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = MessageAction, required)]
    act: Option<String>,
    /// An empty object matches everything.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = MessageQuery, required)]
    matching: Option<MessageQuery>,
    /// At most this number of recipients is changed. Absent, nothing is changed, and the response
    /// has the number that would be.
    #[serde(default, deserialize_with = "lenient")]
    number: Option<i64>,
}

/// The number of recipients that an action changed, or would change.
#[derive(Serialize, ToSchema)]
pub struct ActedOnMany {
    number: i64,
    /// Whether the action was performed.
    done: bool,
}

/// Act on every message that matches
///
/// Without `number` nothing is changed, and the response has the number of recipients that would
/// be. With it, the action is performed unless more match by now, which is refused with 409. For
/// administrators.
#[utoipa::path(
    post,
    path = "/api/messages/act",
    tag = "Messages",
    request_body = ActRequest,
    responses(
        (status = 200, description = "Done, or counted", body = Success<ActedOnMany>),
        Restricted,
        Conflicting,
        JsonRefused,
        Throttled,
        Always,
    )
)]
pub async fn act_on_many(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    JsonBody { request, faults }: JsonBody<ActRequest>,
) -> Result<Success<ActedOnMany>, Refused> {
    let agreed = request.number;
    let (act, selection) = request.validate(faults)?;
    let number = match agreed {
        None => {
            state
                .postern
                .outbox()
                .count_act(&actor, act, &selection)
                .await?
        }
        agreed => {
            state
                .postern
                .outbox()
                .act(&actor, act, &selection, agreed)
                .await?
        }
    };
    let done = agreed.is_some();
    Ok(Success::new(ActedOnMany { number, done }))
}

impl ActRequest {
    fn validate(self, faults: Faults) -> Result<(MessageAction, Selection), Refusal> {
        let act = self.act.as_deref().unwrap_or_default().parse();
        if let Err(fault) = act
            && !faults.has("act")
        {
            faults.add("act", fault);
        }
        if self.matching.is_none() && !faults.has("matching") {
            let text = "This is an object of search conditions; an empty one matches everything.";
            faults.add("matching", text);
        }
        let matching = self.matching.unwrap_or_default();
        let search = Search::read(matching.pairs());
        match (act, search) {
            (Ok(act), Ok(search)) => {
                faults.into_result()?;
                Ok((act, Selection::Matching(search)))
            }
            (_, search) => {
                if let Err(refusal) = search {
                    faults.extend(refusal);
                }
                Err(faults.into_refusal())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::outbox::RecipientState;
    use serde_json::{Value, json};

    fn read(body: Value) -> Result<(MessageAction, Selection), Refusal> {
        let JsonBody { request, faults } =
            JsonBody::<ActRequest>::decode(body.to_string().as_bytes())?;
        request.validate(faults)
    }

    #[test]
    fn an_action_requires_a_selection() {
        let body = json!({ "act": "retry", "matching": { "state": "failed" }, "number": 3 });
        let (act, selection) = read(body).expect("understood");
        let failed = Search {
            state: Some(RecipientState::Failed),
            ..Search::default()
        };
        assert_eq!(
            (act, selection),
            (MessageAction::Retry, Selection::Matching(failed))
        );
        for (body, fields) in [
            (json!({}), &["act", "matching"][..]),
            (json!({ "act": "lose", "matching": {} }), &["act"]),
            // A mistyped selection must not match everything.
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
            let refusal = read(body).expect_err("refused");
            assert_eq!(refusal.fields.keys().collect::<Vec<_>>(), fields);
        }
        let refusal = read(json!({ "act": "hold", "matching": 1 })).expect_err("refused");
        assert_eq!(refusal.fields["matching"], "This is an object.");
    }
}
