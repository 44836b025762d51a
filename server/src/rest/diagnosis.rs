//! `POST /api/diagnosis`: stage by stage, whether a relay works and why not.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::{Refusal, Trace};
use engine::{Question, TO};
use serde_json::{Map, Value};

use super::body::JsonObject;
use super::envelope::Refused;
use super::event_stream::respond;
use super::fields::{Absent, fields};
use crate::http::{AppState, Caller};

/// Diagnoses `{"data": {…}, "to": address, "send": true}`, of which all may be absent: what `data`
/// does not name is as it is saved, without `to` no recipient is named, without `send` no mail is
/// sent. Answers 200 whatever the relay does; hanging up ends the diagnosis.
pub async fn diagnose(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<JsonObject, Refused>,
) -> Result<Response, Refused> {
    let actor = caller.signed_in()?;
    let question = question(body?.0)?;
    let events = state.postern.diagnosis().diagnose(actor, question).await?;
    Ok(respond(&headers, events, Trace::apply).await)
}

fn question(mut body: Map<String, Value>) -> Result<Question, Refusal> {
    let mut faults = Refusal::invalid();
    let mut question = Question::default();
    match body.remove("data") {
        Some(Value::Object(data)) => {
            (question.edit, question.password) = fields(data, Absent::AsSaved, &mut faults);
        }
        Some(_) => faults.add("data", "This is an object, which holds the fields."),
        None => {}
    }
    match body.remove(TO) {
        Some(Value::String(address)) => question.recipient = Some(address),
        Some(Value::Null) | None => {}
        Some(_) => faults.add(TO, "This is an address, a string."),
    }
    match body.remove("send") {
        Some(Value::Bool(send)) => question.mail = send,
        Some(_) => faults.add("send", "This is true or false."),
        None => {}
    }
    for (name, _) in body {
        faults.add(
            &name,
            "There is no such field. There are “data”, “to” and “send”.",
        );
    }
    faults.or_ok()?;
    Ok(question)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Label;
    use domain::form::Edit;
    use serde_json::json;

    fn read(body: Value) -> Result<Question, Vec<String>> {
        question(body.as_object().expect("an object").clone())
            .map_err(|refusal| refusal.fields.into_keys().collect())
    }

    #[test]
    fn what_is_not_named_is_as_it_is_saved() {
        assert_eq!(read(json!({})).expect("read").edit, Edit::default());
        let asked =
            read(json!({ "data": { "smtp_port": 25 }, "to": "a@example.org", "send": true }));
        let asked = asked.expect("read");
        assert_eq!(asked.edit.0.len(), 1);
        assert_eq!(asked.edit.0.get(&Label::Port), Some(&Some("25".to_owned())));
        assert_eq!(
            (asked.recipient.as_deref(), asked.mail),
            (Some("a@example.org"), true)
        );
    }

    #[test]
    fn what_is_wrong_is_told_by_field() {
        for (body, fields) in [
            (json!({ "data": 1 }), &["data"][..]),
            (json!({ "to": 1, "send": 1, "x": 1 }), &["send", "to", "x"]),
            (json!({ "data": { "smtp_host": null } }), &["smtp_host"]),
        ] {
            assert_eq!(read(body.clone()).expect_err("refused"), fields, "{body}");
        }
    }
}
