//! `/api/messages/…/{act}`: retries, cancels, holds and releases messages.

use axum::extract::State;
use domain::outbox::{ActionCount, MessageAction, Search, Selection, is_id};
use domain::{Kind, Refusal};
use engine::Action;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::state::AppState;
use crate::rest::request::extract::{AdminBody, Administrative, PathParams, SignedIn};
use crate::rest::request::json::{Faults, lenient};
use crate::rest::response::envelope::{Nothing, Refused, Success};
use crate::rest::response::errors::{
    Always, Conflicting, JsonRefused, Missing, Restricted, Throttled,
};

/// The number of recipients that an action changed.
#[derive(Serialize, ToSchema)]
pub struct ActionResult {
    #[schema(example = 1)]
    number: i64,
}

/// Act on a message
///
/// Retries, cancels, holds or releases the message for all its recipients in the states that the action
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
        (status = 200, description = "Done", body = Success<ActionResult>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn act_on_one(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams((id, act)): PathParams<(String, String)>,
) -> Result<Success<ActionResult>, Refused> {
    let act: MessageAction = act
        .parse()
        .map_err(|fault| Refusal::of(Kind::NotFound, "act", fault))?;
    let selection = Selection::Message(id.to_ascii_uppercase());
    let number = state
        .postern
        .outbox()
        .act(&actor, act, &selection, None)
        .await?;
    Ok(Success::new(ActionResult { number }))
}

/// An action on every message that matches.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ActRequest, example = json!({ "act": "retry", "matching": { "state": "failed" } }))]
pub struct ActionRequest {
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = MessageAction, required)]
    act: Option<String>,
    /// The criteria of a search. An empty object matches every message.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = Search, required)]
    matching: Option<Search>,
    /// The maximum number of recipients to change, as counted by an earlier response. If it is absent,
    /// no recipient is changed, and the response has the number of those that would be.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(minimum = 0)]
    number: Option<i64>,
    /// The newest message to change, from the same response.
    #[serde(default, deserialize_with = "lenient")]
    up_to: Option<String>,
}

impl Administrative for ActionRequest {
    // Which action it is stands in the body.
    const ACTION: Action = Action::CancelMail;
}

/// The number of recipients that an action changed, or would change.
#[derive(Serialize, ToSchema)]
pub struct BulkActionResult {
    #[schema(example = 12)]
    number: i64,
    /// The newest message that was counted; null if no message matches, or the action was performed.
    #[schema(example = "01M7VNZG4G8Q2X5T7B9C3D6EFH")]
    up_to: Option<String>,
    /// Whether the action was performed.
    done: bool,
}

/// Act on every message that matches
///
/// Without `number` nothing is changed, and the response has the number of recipients that would be, and
/// the newest message among them. With both, the action is performed, and the response comes at its end;
/// newer messages are left alone. If more recipients match by now, or while another action on more than
/// 1,000 recipients is running, the request is refused with 409. The action continues if the client
/// disconnects; its progress is `act` of `/api/outbox`. For administrators.
#[utoipa::path(
    post,
    path = "/api/messages/act",
    tag = "Messages",
    request_body = ActionRequest,
    responses(
        (status = 200, description = "Done, or counted", body = Success<BulkActionResult>),
        Restricted,
        Conflicting,
        JsonRefused,
        Throttled,
        Always,
    )
)]
pub async fn act_on_many(
    State(state): State<AppState>,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<ActionRequest>,
) -> Result<Success<BulkActionResult>, Refused> {
    let ValidAction {
        act,
        selection,
        confirmed,
    } = request.validate(faults)?;
    let outbox = state.postern.outbox();
    let acted = match confirmed {
        None => {
            let ActionCount { number, up_to } = outbox.count_act(&actor, act, &selection).await?;
            BulkActionResult {
                number,
                up_to,
                done: false,
            }
        }
        Some(confirmed) => BulkActionResult {
            number: outbox
                .act(&actor, act, &selection, Some(&confirmed))
                .await?,
            up_to: None,
            done: true,
        },
    };
    Ok(Success::new(acted))
}

/// Stop the action on many messages
///
/// The action ends within about 1,000 recipients, and its changes are kept. Send this to the process
/// that runs the action: other processes answer 404. For administrators.
#[utoipa::path(
    delete,
    path = "/api/messages/act",
    tag = "Messages",
    responses(
        (status = 200, description = "The action stops", body = Success<Nothing>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn stop_act(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Success<Nothing>, Refused> {
    state.postern.outbox().stop_act(&actor).await?;
    Ok(Success::new(Nothing {}))
}

/// An act on messages that were found by a search.
#[derive(Debug)]
struct ValidAction {
    act: MessageAction,
    selection: Selection,
    /// The number that a person confirmed.
    confirmed: Option<ActionCount>,
}

impl ActionRequest {
    fn validate(self, faults: Faults) -> Result<ValidAction, Refusal> {
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
        match (self.number, &self.up_to) {
            (Some(i64::MIN..=-1), _) => faults.add("number", "This is 0 at least."),
            (Some(1..=i64::MAX), None) if !faults.has("up_to") => {
                faults.add(
                    "up_to",
                    "Send the up_to of the response that has the number.",
                );
            }
            (None, Some(_)) if !faults.has("number") => {
                faults.add(
                    "number",
                    "Send the number of the response that has the up_to.",
                );
            }
            (_, Some(id)) if !is_id(id) => faults.add("up_to", "This is the id of a message."),
            _ => {}
        }
        let confirmed = self.number.map(|number| ActionCount {
            number,
            up_to: self.up_to.as_deref().map(str::to_ascii_uppercase),
        });
        let Ok(act) = act else {
            return Err(faults.into_refusal());
        };
        faults.into_result()?;
        Ok(ValidAction {
            act,
            selection: Selection::Matching(self.matching.unwrap_or_default()),
            confirmed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::request::extract::JsonBody;
    use domain::outbox::RecipientState;
    use serde_json::{Value, json};

    const ID: &str = "01JD0000000000000000000000";

    fn read(body: Value) -> Result<ValidAction, Refusal> {
        let JsonBody { request, faults } =
            JsonBody::<ActionRequest>::decode(body.to_string().as_bytes())?;
        request.validate(faults)
    }

    #[test]
    fn an_action_requires_a_selection() {
        let matching = json!({ "state": "failed" });
        let body = json!({ "act": "retry", "matching": matching, "number": 3, "up_to": ID });
        let ValidAction {
            act,
            selection,
            confirmed,
        } = read(body).expect("understood");
        let failed = Search {
            state: Some(RecipientState::Failed),
            ..Search::default()
        };
        assert_eq!(
            (act, selection),
            (MessageAction::Retry, Selection::Matching(failed))
        );
        let count = ActionCount {
            number: 3,
            up_to: Some(ID.to_owned()),
        };
        assert_eq!(confirmed, Some(count));
        let none = json!({ "act": "retry", "matching": {}, "number": 0, "up_to": null });
        assert!(read(none).is_ok(), "a response that counted none");
        for (body, fields) in [
            (json!({}), &["act", "matching"][..]),
            (json!({ "act": "lose", "matching": {} }), &["act"]),
            // A mistyped criterion must not match every message.
            (
                json!({ "act": "cancel", "matching": { "adress": "a@" } }),
                &["adress"],
            ),
            (
                json!({ "act": "cancel", "matching": { "state": "lost" } }),
                &["state"],
            ),
            (
                json!({ "act": "hold", "matching": {}, "number": "all", "up_to": ID }),
                &["number"],
            ),
            (
                json!({ "act": "hold", "matching": {}, "number": -1, "up_to": ID }),
                &["number"],
            ),
            (
                json!({ "act": "hold", "matching": {}, "number": 1 }),
                &["up_to"],
            ),
            (
                json!({ "act": "hold", "matching": {}, "up_to": ID }),
                &["number"],
            ),
            (
                json!({ "act": "hold", "matching": {}, "number": 1, "up_to": "newest" }),
                &["up_to"],
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
